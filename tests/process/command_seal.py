#!/usr/bin/env python3
"""The commands about seals, on logs that a helper has made: proofs, checkpoints, witnesses, tiles, and what verify says.

What others made of the same formats judges ours: Go's sumdb (where Go is installed), OpenSSL's command line as a witness, and
SHA-256 of Python. usage: command_seal.py SHMRING SHMRINGD LIBSHMRING.SO SEAL_LOG
"""
import hashlib
import json
import os
import pathlib
import shutil
import struct
import subprocess
import sys
import unittest

from command_case import (ABSENT, BUSY, CONFIGURATION, DAMAGED, NEGATIVE, OK, SHMRINGD, USAGE, CommandCase, main, until)
from seal_oracle import root_of, text_of
from witness import Witness

VERIFIER = pathlib.Path(__file__).resolve().parent.parent.parent / "examples/verify_seal.py"
SEAL_LOG = os.path.abspath(sys.argv.pop(4))
SOURCES = "/usr/share/gocode"
HAS_GO = shutil.which("go") is not None and os.path.isdir(f"{SOURCES}/src/golang.org/x/mod/sumdb")


class Seals(CommandCase):
    reference = None  # Go's program, once it is built

    def setUp(self):
        super().setUp()
        self.dir = pathlib.Path(self.folder, "log")

    def put(self, name, data):
        path = pathlib.Path(self.folder, name)
        path.write_bytes(data if isinstance(data, bytes) else data.encode())
        return str(path)

    def make(self, lines=1000, per_file=300, before=0, sign_every=70, epoch_every=0, payload=20, forged=None, folder=None):
        """A sealed log; the file with its first keys."""
        folder = folder or self.dir
        folder.mkdir()
        more = [str(forged), f"{self.folder}/forged"] if forged is not None else []
        made = subprocess.run([SEAL_LOG, folder, *map(str, (lines, per_file, before, sign_every, epoch_every, payload)), *more],
                              check=True, stdout=subprocess.PIPE)
        self.keys = self.put("keys", made.stdout)
        self.log_key = made.stdout.decode().splitlines()[0]
        return folder

    def lines(self):
        """All lines of the log, each with its newline."""
        return [line for file in sorted(self.dir.glob("*.jsonl")) for line in file.read_bytes().splitlines(True)]

    def change(self, index, old=b"xx", new=b"xy"):
        for file in sorted(self.dir.glob("*.jsonl")):
            lines = file.read_bytes().splitlines(True)
            first = int(file.name.split("-")[1].split(".")[0])
            if first <= index < first + len(lines):
                self.assertIn(old, lines[index - first])
                lines[index - first] = lines[index - first].replace(old, new, 1)
                file.write_bytes(b"".join(lines))
                return file.name
        raise AssertionError(index)

    def verify(self, status, *arguments, **more):
        return self.expect(status, "verify", str(self.dir), "--key", self.keys, *arguments, **more)

    def seal(self, *arguments):
        done = self.run_it("verify", str(self.dir), "--key", self.keys, "-o", "json", *arguments)
        self.assertIn(done.status, (OK, NEGATIVE), done.err)
        return done.lines[0]["seal"]

    def other(self, status, *checkpoints):
        """What examples/verify_seal.py says, which was written from the formats alone."""
        done = subprocess.run([sys.executable, VERIFIER, self.dir, self.keys, *checkpoints], capture_output=True, text=True)
        self.assertEqual(done.returncode, status, done.stdout + done.stderr)
        return done.stdout + done.stderr

    # ------------------------------------------------------------------------------------------------ verify

    def test_a_whole_log_is_proven_in_eight_lines(self):
        self.make(epoch_every=400)
        said = self.verify(OK).out.decode()
        self.assertLessEqual(len(said.splitlines()), 8)
        self.assertIn("seal: from index 0 on, signed through index 979, a line of 2026-", said)
        self.assertIn("keys: 3 epochs in one chain that begins with the given key", said)
        self.assertIn("not signed yet: 20 lines, the first of 2026-", said)
        self.assertNotIn("no seal", said)
        seal = self.seal()
        self.assertEqual((seal["holds"], seal["signed_lines"], seal["unsigned_lines"], seal["epochs"]), (True, 980, 20, 3))

    def test_without_a_key_a_sealed_log_says_that_one_is_needed(self):
        self.make()
        self.assertIn("what the records say: give --key", self.expect(OK, "verify", str(self.dir)).out.decode())
        for option in [["--checkpoint", "x"], ["--against", "x"], ["--max-age", "5"], ["--conviction", "x"]]:
            self.expect(USAGE, "verify", str(self.dir), *option, err="can only be checked with --key")
        self.expect(USAGE, "verify", err="give DIR, or the files to check without it")
        self.expect(USAGE, "verify", "--proof", "x", "--key", self.keys, err="--proof and --line go together")

    def test_an_unsealed_log_is_not_proven_with_a_key(self):
        self.make()
        for file in self.dir.glob("*.jsonl"):
            file.write_bytes(file.read_bytes().replace(b',"tree":', b',"eert":'))
        self.assertIn("expected: a file whose first line says where the tree begins", self.verify(NEGATIVE).out.decode())

    def test_a_changed_line_is_named_by_file_and_range_and_by_a_copy_alone(self):
        self.make(lines=1500, per_file=400)
        shutil.copytree(self.dir, f"{self.folder}/copy")
        file = self.change(700)
        self.expect(OK, "verify", str(self.dir))  # nothing else shows it
        said = self.verify(NEGATIVE).out.decode()
        self.assertRegex(said, rf"{file}: lines \d+ to \d+ \(index \d+ to \d+\): at least one is not what was signed")
        where = self.seal()["deviation"]
        self.assertTrue(where["first_index"] <= 700 <= where["last_index"])
        self.assertLess(where["last_index"] - where["first_index"], 256)
        said = self.verify(NEGATIVE, "--against", f"{self.folder}/copy").out.decode()
        self.assertIn(f"{file}: line 301 (index 700) is not what was signed", said)
        self.assertIn("  copy:  ", said)

    def test_lines_cut_off_are_found_by_a_checkpoint_that_was_kept(self):
        self.make(lines=900, per_file=300)
        kept = self.put("kept", self.expect(OK, "checkpoint", str(self.dir)).out)
        for file in [*self.dir.glob("*-00000000000000000600*"), self.dir / "checkpoint"]:
            file.unlink()
        self.verify(OK)
        said = self.verify(NEGATIVE, "--checkpoint", kept).out.decode()
        self.assertIn("found:    the last line has index 599", said)

    def test_a_log_that_was_signed_twice_is_convicted_and_others_can_check_that_without_it(self):
        self.make(lines=1000, sign_every=1000, forged=500)
        text = f"{self.folder}/conviction"
        said = self.verify(NEGATIVE, "--checkpoint", f"{self.folder}/forged", "--conviction", text).out.decode()
        self.assertIn("two signed notes contradict each other", said)
        shutil.rmtree(self.dir)
        said = self.expect(OK, "verify", "--conviction", text, "--key", self.log_key).out.decode()
        self.assertIn("proven: the larger tree that was signed does not begin with the smaller one", said)
        self.expect(NEGATIVE, "verify", "--conviction", text, "--key", Witness(self.folder).key)
        changed = pathlib.Path(text).read_text().replace("proof ", "proof 1")
        self.expect(DAMAGED, "verify", "--conviction", self.put("changed", changed), "--key", self.log_key, err="expected")

    def test_what_is_signed_must_be_young_if_that_is_asked_for(self):
        self.make()
        self.verify(OK, "--max-age", "1000000000")
        self.verify(NEGATIVE, "--max-age", "0", err="which is more than --max-age permits")

    def test_a_log_of_which_nothing_is_signed_is_not_proven_with_a_key(self):
        self.make()
        for file in [*self.dir.glob("*.checkpoints"), self.dir / "checkpoint"]:
            file.unlink()
        self.verify(NEGATIVE, err="none of its lines is signed")
        self.expect(OK, "verify", str(self.dir))

    def test_keys_and_inputs_that_are_none_are_named(self):
        self.make()
        for bad, what in [("", "whole lines with verifier keys"), ("x\n", "a verifier key"),
                          (self.log_key[:-1] + "\n", "a verifier key")]:
            self.expect(DAMAGED, "verify", str(self.dir), "--key", self.put("bad", bad), err=what)
        self.expect(ABSENT, "verify", str(self.dir), "--key", "/absent", err="cannot read /absent")
        self.verify(DAMAGED, "--checkpoint", self.keys, err="expected an empty line")
        other = self.make(folder=pathlib.Path(self.folder, "other"))
        self.expect(NEGATIVE, "verify", str(self.dir), "--key", self.keys)
        self.expect(OK, "verify", str(other), "--key", self.keys)

    # ------------------------------------------------------------------------------------------------ proofs

    def test_a_line_is_proven_without_the_log_and_nothing_else_is(self):
        self.make(before=10)
        lines = self.lines()
        for index in [10, 11, 300, 989]:
            proof = self.expect(OK, "prove", str(self.dir), str(index)).out
            self.assertLessEqual(len(proof), 10240)
            arguments = ["verify", "--proof", self.put("proof", proof), "--key", self.log_key, "--line"]
            said = self.expect(OK, *arguments, self.put("line", lines[index])).out.decode()
            self.assertIn(f"proven: the line is number {index - 10} of the 980", said)
            self.expect(OK, *arguments, self.put("line", lines[index].rstrip(b"\n")))
            self.expect(NEGATIVE, *arguments, self.put("line", lines[index].replace(b"2026", b"2025", 1)))
            self.expect(NEGATIVE, *arguments, self.put("line", lines[index] + lines[index + 1]))
        self.expect(NEGATIVE, *arguments[:-1], "--key", Witness(self.folder).key, "--line", self.put("line", lines[989]))
        # The key of another log says nothing of this one, also under a witness's eyes.
        note = self.expect(OK, "prove", str(self.dir), "989").out
        head, _ = note.rsplit(b"\n\n", 1)
        body = head[head.rindex(b"\n\n") + 2:] + b"\n"
        other = Witness(self.folder, "another.example/log", kind=1)
        arguments = ["verify", "--line", self.put("line", lines[989]), "--key", other.key, "--proof"]
        self.expect(NEGATIVE, *arguments, self.put("proof", head + b"\n\n" + other.sign_note(body)))
        self.expect(ABSENT, "prove", str(self.dir), "9", err="is not below the checkpoint")
        self.expect(ABSENT, "prove", str(self.dir), "990", err="is not below the checkpoint, which has the lines 10 to 989")
        self.expect(USAGE, "prove", str(self.dir), err="give the INDEX of a line")
        self.expect(USAGE, "prove", str(self.dir), "-1", err="'-1' is not a whole number")

    def test_a_log_whose_lines_were_changed_proves_nothing(self):
        self.make()
        self.change(500)
        self.expect(DAMAGED, "prove", str(self.dir), "501", err="it does not lead to the root of the checkpoint")
        self.expect(DAMAGED, "prove", str(self.dir), "--from", "480", err="it does not lead to the root of the checkpoint")
        self.expect(OK, "prove", str(self.dir), "20")  # what it needs of that line is in a tile

    def test_the_request_for_a_witness_has_the_proof_that_the_tree_grew(self):
        self.make()
        lines, witness = self.lines(), Witness(self.folder)
        request = self.expect(OK, "prove", str(self.dir), "--from", "0").out
        checkpoint = self.expect(OK, "checkpoint", str(self.dir)).out
        self.assertEqual(request, b"old 0\n\n" + checkpoint)
        # A collector keeps one in a minute, and only what is kept is found again when the answer comes.
        last = sorted(self.dir.glob("*.checkpoints"))[-1]
        all_kept = last.read_bytes()
        last.write_bytes(all_kept[:all_kept.index(checkpoint)])
        request = self.expect(OK, "prove", str(self.dir), "--from", "0").out
        self.assertEqual(request.split(b"\n")[3], b"910")
        answer = witness.sign(request[len(b"old 0\n\n"):].split(b"\n\n")[0] + b"\n")
        self.assertIn(b"checkpoint.cosigned: 910 lines", self.expect(OK, "cosign", str(self.dir), "--key", witness.key,
                                                                     data=answer).out)
        last.write_bytes(all_kept)
        body = checkpoint[:checkpoint.index(b"\n\n") + 1]
        self.assertEqual(body.decode().split("\n")[1:3], ["980", text_of(root_of(lines[:980]))])
        answer = witness.sign(body)
        kept = self.expect(OK, "cosign", str(self.dir), "--key", witness.key, data=answer).out.decode()
        self.assertIn("checkpoint.cosigned: 980 lines, with 3 signatures", kept)
        cosigned = self.expect(OK, "checkpoint", str(self.dir), "--cosigned").out
        self.assertEqual(cosigned, checkpoint + answer)
        # Asked again, a witness signs with another time, and that takes the place of the one before.
        again = witness.sign(body, 1_700_000_009)
        kept = self.expect(OK, "cosign", str(self.dir), "--key", witness.key, data=again).out.decode()
        self.assertIn("checkpoint.cosigned: 980 lines, with 3 signatures", kept)
        self.assertEqual(self.seal("--key", witness.key)["witnesses"][0]["time_s"], 1_700_000_009)
        self.expect(OK, "cosign", str(self.dir), "--key", witness.key, data=answer)
        # A proof is made with what the witness has signed.
        proof = self.put("proof", self.expect(OK, "prove", str(self.dir), "5").out)
        line = self.put("line", lines[5])
        self.expect(OK, "verify", "--proof", proof, "--line", line, "--key", self.log_key, "--key", witness.key)
        self.expect(NEGATIVE, "verify", "--proof", proof, "--line", line, "--key", witness.key)
        self.assertEqual(self.seal("--key", witness.key)["witnesses"], [
            {"name": witness.name, "size": 980, "time_s": 1_700_000_000}])
        self.assertIn("witness.example/w1 has signed through index 979 at 2023-11-14T22:13:20",
                      self.verify(OK, "--key", witness.key).out.decode())

    def test_an_answer_of_a_witness_is_kept_only_if_it_is_one(self):
        self.make()
        witness = Witness(self.folder)
        checkpoint = self.expect(OK, "checkpoint", str(self.dir)).out
        body = checkpoint[:checkpoint.index(b"\n\n") + 1]
        answer = witness.sign(body)
        for data, status in [(b"", DAMAGED), (b"409\n", DAMAGED), (answer[:-1], DAMAGED),
                             (answer[:-9] + b"AAAAAAA=\n", NEGATIVE), (witness.sign(body + b"x\n"), NEGATIVE),
                             (Witness(self.folder).sign(body), NEGATIVE)]:
            self.expect(status, "cosign", str(self.dir), "--key", witness.key, data=data, err=" ")
            self.assertFalse((self.dir / "checkpoint.cosigned").exists())
        # Signatures of others may stand beside it, in any order.
        witness = Witness(self.folder)
        self.expect(OK, "cosign", str(self.dir), "--key", witness.key, data="— grease AAAAAAAA\n".encode() + witness.sign(body))
        # An older checkpoint does not take the place of a newer one.
        older = (next(self.dir.glob("*-00000000000000000000.jsonl.checkpoints"))).read_bytes()
        older = older[:older.index(b"\n\n") + 1]
        done = self.run_it("cosign", str(self.dir), "--key", witness.key, data=witness.sign(older))
        self.assertEqual(done.status, NEGATIVE)
        self.assertIn("is of a larger tree, and stays", done.err)

    # ------------------------------------------------------------------------------------------------ keys, and a collector

    def test_keys_are_made_once_and_no_private_one_is_shown(self):
        state = pathlib.Path(self.folder, "state")
        made = self.expect(OK, "keygen", "--ring", "r", str(state)).out.decode()
        self.assertRegex(made, r"\A(shmring/r/[0-9a-f]{16})\+[0-9a-f]{8}\+A\S{43}\n\1/epoch-0\+[0-9a-f]{8}\+A\S{43}\n\Z")
        self.assertEqual(state.stat().st_mode & 0o7777, 0o700)
        for name in ["log.key", "epoch-0.key"]:
            self.assertEqual((state / name).stat().st_mode & 0o7777, 0o600)
        before = (state / "log.key").read_bytes()
        self.expect(BUSY, "keygen", "--ring", "r", str(state), err="there are keys already")
        self.assertEqual((state / "log.key").read_bytes(), before)
        self.assertEqual(self.expect(OK, "keygen", "--show", str(state)).out.decode(), made)
        (state / "log.key").chmod(0o640)
        self.expect(CONFIGURATION, "keygen", "--show", str(state), err="its mode is 0640")
        (state / "log.key").chmod(0o600)
        (state / "epoch-0.key").unlink()
        done = self.run_it("keygen", "--show", str(state))
        self.assertEqual((done.status, done.out.decode()), (NEGATIVE, made.splitlines(True)[0]))
        self.assertIn("the key of the first epoch was erased", done.err)
        self.expect(ABSENT, "keygen", "--show", f"{self.folder}/absent", err="cannot open it")
        self.expect(USAGE, "keygen", str(state), err="give --ring NAME or --origin NAME")
        self.expect(USAGE, "keygen", "--origin", "a b", str(state), err="expected a name without spaces and +")
        named = self.expect(OK, "keygen", "--origin", "example.com/log", f"{self.folder}/other").out.decode()
        self.assertTrue(named.startswith("example.com/log+"))

    def test_what_a_collector_has_sealed_is_verified_with_keys_that_were_made_before(self):
        state = f"{self.folder}/state"
        self.keys = self.put("keys", self.expect(OK, "keygen", "--ring", "r", state).out)
        daemon = self.start(SHMRINGD, "--ring", "r", "--log", str(self.dir), "--seal", "--seal-state", state, "--file-bytes",
                            "64 KiB", stderr=subprocess.DEVNULL)
        until(lambda: os.path.exists(self.path()), "a ring")
        self.expect(OK, "emit", "r", data=b"".join(b"line %d\n" % line for line in range(1500)))
        daemon.terminate()
        self.assertEqual(daemon.wait(30), OK)
        seal, lines = self.seal(), self.lines()
        self.assertEqual((seal["holds"], seal["signed_lines"], seal["unsigned_lines"]), (True, len(lines), 0))
        self.assertIn("is sealed from index 0", self.other(OK))
        proof = self.put("proof", self.expect(OK, "prove", str(self.dir), "777").out)
        self.expect(OK, "verify", "--proof", proof, "--line", self.put("line", lines[777]), "--key", self.keys)
        self.expect(OK, "tiles", str(self.dir), "--to", f"{self.folder}/out")
        if HAS_GO:
            self.go("tiles", f"{self.folder}/out", pathlib.Path(self.keys).read_text().splitlines()[0])
        self.change(700, b"line", b"lime")
        self.expect(OK, "verify", str(self.dir))
        where = self.seal()["deviation"]
        self.assertTrue(where["first_index"] <= 700 <= where["last_index"])

    # ------------------------------------------------------------------------------------------------ another verifier

    def test_a_verifier_that_shares_no_code_with_this_one_says_the_same(self):
        self.make(before=7, epoch_every=400)
        kept = self.put("kept", self.expect(OK, "checkpoint", str(self.dir)).out)
        self.assertIn("sealed from index 7 and signed through index 986; 20 lines behind that are not signed. Epochs: 3.",
                      self.other(OK, kept))
        self.verify(OK, "--checkpoint", kept)
        last = sorted(self.dir.glob("*.jsonl"))[-1]
        whole = last.read_bytes()
        last.write_bytes(b"".join(whole.splitlines(True)[:5]))
        self.assertIn("the log has only", self.other(NEGATIVE, kept))
        self.verify(NEGATIVE, "--checkpoint", kept)
        last.write_bytes(whole)
        self.change(350)
        self.assertIn("its tree is not that of the lines before it", self.other(NEGATIVE))
        self.verify(NEGATIVE)

    # ------------------------------------------------------------------------------------------------ tiles

    def test_tiles_hold_the_log_and_name_what_does_not_fit(self):
        self.make(lines=800, per_file=800, sign_every=700)
        out = pathlib.Path(self.folder, "out")
        self.assertIn("700 lines", self.expect(OK, "tiles", str(self.dir), "--to", str(out)).out.decode())
        lines, found = self.lines()[:700], []
        for name in ["tile/entries/000", "tile/entries/001", "tile/entries/002.p/188"]:
            data = (out / name).read_bytes()
            while data:
                (size,) = struct.unpack(">H", data[:2])
                found.append(data[2:2 + size])
                data = data[2 + size:]
        self.assertEqual(found, lines)
        leaves = b"".join((out / name).read_bytes() for name in ["tile/0/000", "tile/0/001", "tile/0/002.p/188"])
        self.assertEqual(leaves, b"".join(hashlib.sha256(b"\0" + line).digest() for line in lines))
        self.assertEqual((out / "tile/1/000.p/2").read_bytes(), root_of(lines[:256]) + root_of(lines[256:512]))
        self.change(500)
        self.expect(DAMAGED, "tiles", str(self.dir), "--to", f"{self.folder}/other", err="do not lead to the root")
        self.assertFalse(os.path.exists(f"{self.folder}/other/checkpoint"))

    def test_a_line_that_is_too_long_for_a_bundle_is_named(self):
        self.make(lines=20, per_file=20, sign_every=10, payload=70000)
        done = self.run_it("tiles", str(self.dir), "--to", f"{self.folder}/out")
        self.assertEqual(done.status, NEGATIVE)
        self.assertRegex(done.err, "leaf 2: its line has 70[0-9]{3} bytes, and a bundle takes 65535: tile/entries/000")
        self.assertFalse(os.path.exists(f"{self.folder}/out/tile/entries"))

    # ------------------------------------------------------------------------------------------------ another implementation

    def go(self, *arguments):
        if Seals.reference is None:
            Seals.reference = os.path.join(os.environ.get("TMPDIR", "/tmp"), f"shmring-seal-reference-{os.getpid()}")
            settings = {"GOPATH": SOURCES, "GO111MODULE": "off", "GOFLAGS": "-mod=mod", "GOCACHE": f"{self.folder}/go-cache"}
            subprocess.run(["go", "build", "-o", Seals.reference, pathlib.Path(__file__).with_name("seal_reference.go")],
                           env={**os.environ, **settings}, check=True, cwd=self.folder)
        done = subprocess.run([Seals.reference, *map(str, arguments)], capture_output=True, text=True)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        return done.stdout

    @classmethod
    def tearDownClass(cls):
        if cls.reference is not None and os.path.exists(cls.reference):
            os.unlink(cls.reference)

    @unittest.skipUnless(HAS_GO, "there is no Go with golang.org/x/mod here")
    def test_go_proves_what_we_made(self):
        self.make(lines=1400, per_file=500, sign_every=350)
        lines = self.lines()
        self.expect(OK, "tiles", str(self.dir), "--to", f"{self.folder}/out")
        self.assertIn("proven: 1400 lines", self.go("tiles", f"{self.folder}/out", self.log_key))
        for index in [0, 255, 256, 777, 1399]:
            proof = self.put("proof", self.expect(OK, "prove", str(self.dir), str(index)).out)
            self.go("proof", proof, self.put("line", lines[index]), self.log_key)
        for size in [1, 256, 1000, 1399]:
            request = self.put("request", self.expect(OK, "prove", str(self.dir), "--from", str(size)).out)
            self.go("growth", request, self.log_key, text_of(root_of(lines[:size])))

    @unittest.skipUnless(HAS_GO, "there is no Go with golang.org/x/mod here")
    def test_we_prove_what_go_made(self):
        for count in [1, 2, 7, 64, 100]:
            made = pathlib.Path(self.folder, f"go-{count}")
            made.mkdir()
            self.go("make", made, count)
            for line in {0, count // 2, count - 1}:
                arguments = ["verify", "--proof", f"{made}/{line}.proof", "--key", f"{made}/key", "--line"]
                said = self.expect(OK, *arguments, f"{made}/{line}.line").out.decode()
                self.assertIn(f"the line is number {line} of the {count} that go.example/log has signed", said)
                self.expect(NEGATIVE, *arguments, self.put("line", f"line {count}\n"))


if __name__ == "__main__":
    main()
