// What another implementation makes of our seals, and we of its: Go's golang.org/x/mod/sumdb, from which the formats come.
//
// usage: seal_reference tiles DIR VKEY          every line, and every smaller tree, proven from the files of `shmring tiles`
//
//	seal_reference proof FILE LINE VKEY    what `shmring prove` has printed
//	seal_reference growth FILE VKEY ROOT   what `shmring prove --from` has printed; ROOT is of the smaller tree
//	seal_reference make DIR LINES          a log of its own: DIR/key, and for each line DIR/N.line and DIR/N.proof
package main

import (
	"crypto/rand"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

func must(err error) {
	if err != nil {
		fmt.Println("not proven:", err)
		os.Exit(1)
	}
}

func read(path string) []byte {
	data, err := os.ReadFile(path)
	must(err)
	return data
}

func number(text string) int64 {
	n, err := strconv.ParseInt(text, 10, 64)
	must(err)
	return n
}

func hash(text string) tlog.Hash {
	h, err := tlog.ParseHash(text)
	must(err)
	return h
}

// Opens a checkpoint that this key has signed.
func checkpoint(text []byte, vkey string) tlog.Tree {
	verifier, err := note.NewVerifier(vkey)
	must(err)
	opened, err := note.Open(text, note.VerifierList(verifier))
	must(err)
	lines := strings.Split(opened.Text, "\n")
	return tlog.Tree{N: number(lines[1]), Hash: hash(lines[2])}
}

// Reads tiles of height 8 where c2sp.org/tlog-tiles has them: without the height in the path.
type tiles struct{ dir string }

func (t tiles) Height() int { return 8 }
func (t tiles) path(tile tlog.Tile) string {
	return filepath.Join(t.dir, "tile", strings.Replace(strings.TrimPrefix(tile.Path(), "tile/8/"), "data/", "entries/", 1))
}
func (t tiles) ReadTiles(wanted []tlog.Tile) (data [][]byte, err error) {
	for _, tile := range wanted {
		found, err := os.ReadFile(t.path(tile))
		if err != nil {
			return nil, err
		}
		data = append(data, found)
	}
	return data, nil
}
func (t tiles) SaveTiles([]tlog.Tile, [][]byte) {}

func checkTiles(dir, vkey string) {
	tree := checkpoint(read(filepath.Join(dir, "checkpoint")), vkey)
	files := tiles{dir}
	reader := tlog.TileHashReader(tree, files)
	root, err := tlog.TreeHash(tree.N, reader)
	must(err)
	if root != tree.Hash {
		must(fmt.Errorf("another root"))
	}
	leaf := int64(0)
	for bundle := int64(0); leaf < tree.N; bundle++ {
		width := tree.N - bundle*256
		if width > 256 {
			width = 256
		}
		data := read(files.path(tlog.Tile{H: 8, L: -1, N: bundle, W: int(width)}))
		for ; len(data) > 0; leaf++ {
			size := binary.BigEndian.Uint16(data)
			line := data[2 : 2+size]
			data = data[2+size:]
			proof, err := tlog.ProveRecord(tree.N, leaf, reader)
			must(err)
			must(tlog.CheckRecord(proof, tree.N, tree.Hash, leaf, tlog.RecordHash(line)))
		}
	}
	for size := int64(1); size <= tree.N; size += tree.N/97 + 1 {
		smaller, err := tlog.TreeHash(size, reader)
		must(err)
		proof, err := tlog.ProveTree(tree.N, size, reader)
		must(err)
		must(tlog.CheckTree(proof, tree.N, tree.Hash, size, smaller))
	}
	fmt.Println("proven:", leaf, "lines")
}

// Splits a proof from the note behind it.
func split(path string) (head []string, rest []byte) {
	text := string(read(path))
	at := strings.Index(text, "\n\n")
	return strings.Split(text[:at], "\n"), []byte(text[at+2:])
}

func checkProof(path, line, vkey string) {
	head, rest := split(path)
	tree := checkpoint(rest, vkey)
	if head[0] != "c2sp.org/tlog-proof@v1" {
		must(fmt.Errorf("it begins with %q", head[0]))
	}
	var proof tlog.RecordProof
	for _, text := range head[2:] {
		proof = append(proof, hash(text))
	}
	must(tlog.CheckRecord(proof, tree.N, tree.Hash, number(strings.TrimPrefix(head[1], "index ")), tlog.RecordHash(read(line))))
	fmt.Println("proven: a line")
}

func checkGrowth(path, vkey, root string) {
	head, rest := split(path)
	tree := checkpoint(rest, vkey)
	var proof tlog.TreeProof
	for _, text := range head[1:] {
		proof = append(proof, hash(text))
	}
	must(tlog.CheckTree(proof, tree.N, tree.Hash, number(strings.TrimPrefix(head[0], "old ")), hash(root)))
	fmt.Println("proven: growth")
}

func makeLog(dir string, lines int64) {
	skey, vkey, err := note.GenerateKey(rand.Reader, "go.example/log")
	must(err)
	signer, err := note.NewSigner(skey)
	must(err)
	put := func(name string, text string) { must(os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644)) }
	put("key", vkey+"\n")
	var stored []tlog.Hash
	reader := tlog.HashReaderFunc(func(indexes []int64) (out []tlog.Hash, err error) {
		for _, index := range indexes {
			out = append(out, stored[index])
		}
		return out, nil
	})
	for n := int64(0); n < lines; n++ {
		line := fmt.Sprintf("line %d\n", n)
		put(fmt.Sprintf("%d.line", n), line)
		hashes, err := tlog.StoredHashes(n, []byte(line), reader)
		must(err)
		stored = append(stored, hashes...)
	}
	root, err := tlog.TreeHash(lines, reader)
	must(err)
	text := fmt.Sprintf("go.example/log\n%d\n%s\n", lines, base64.StdEncoding.EncodeToString(root[:]))
	signed, err := note.Sign(&note.Note{Text: text}, signer)
	must(err)
	for n := int64(0); n < lines; n++ {
		proof, err := tlog.ProveRecord(lines, n, reader)
		must(err)
		out := fmt.Sprintf("c2sp.org/tlog-proof@v1\nindex %d\n", n)
		for _, h := range proof {
			out += h.String() + "\n"
		}
		put(fmt.Sprintf("%d.proof", n), out+"\n"+string(signed))
	}
}

func main() {
	switch os.Args[1] {
	case "tiles":
		checkTiles(os.Args[2], os.Args[3])
	case "proof":
		checkProof(os.Args[2], os.Args[3], os.Args[4])
	case "growth":
		checkGrowth(os.Args[2], os.Args[3], os.Args[4])
	case "make":
		makeLog(os.Args[2], number(os.Args[3]))
	}
}
