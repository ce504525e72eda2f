#!/usr/bin/env python3
"""Verify a sealed log: verify_seal.py DIR GENESIS [CHECKPOINT ...]. The first line of the file GENESIS is the log's verifier
key; a CHECKPOINT is a file with one that was kept. Exit 0: all is as it was signed; 1: it is not (it says where); 2: misuse."""
import base64, functools, hashlib, itertools, json, re, subprocess, sys, tempfile
from pathlib import Path

LINE_LIMIT, NOTES_LIMIT, END = 4 << 20, 64 << 20, 10**20  # What is longer is taken for damage; each index is less than END.
SIGNATURE = rb"\xe2\x80\x94 ([^\s+]++) ((?:[A-Za-z0-9+/]{4})++(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?+)\n"
NOTE = re.compile(rb"(?m:^)((?:[^\0-\x1f]++\n){1,9}+)\n((?:%s){1,99}+)\n" % SIGNATURE)
CLAIM = re.compile(rb"(.+)\n(?:epoch (\d{1,9})\n)?(0|[1-9]\d{0,18})\n([A-Za-z0-9+/]{43}=)\n(?:(.+)\n)?")
OPENSSL = "openssl pkeyutl -verify -rawin -pubin -keyform DER -inkey key -sigfile signature -in text".split()

def demand(holds, sentence):
    if not holds:
        raise ValueError(sentence)

def digest(*parts):
    return hashlib.sha256(b"".join(parts)).digest()

def root_of(hashes):
    """Return the root in base64; the hashes are those of the complete subtrees, the largest first."""
    return base64.b64encode(functools.reduce(lambda right, left: digest(b"\1", left, right), reversed(hashes or [digest()])))

def parse_key(text, name):
    """Return {(name, id): public key} for a verifier key, which has to be of that name."""
    raw = base64.b64decode(text.split(b"+", 2)[-1], validate=True)
    key_id = digest(name, b"\n", raw)[:4]
    proper = b"%s+%s+%s" % (name, key_id.hex().encode(), base64.b64encode(raw))
    demand(name and text == proper and raw[:1] == b"\1" and len(raw) == 33, "it has no verifier key of that name, kind and id")
    return {(name, key_id): raw[1:]}

def signers(text, signatures, keys):
    """Return the names of the known keys that signed the text; one wrong signature by any of them condemns it."""
    raw = [(name, base64.b64decode(code)) for name, code in re.findall(SIGNATURE, signatures)]
    known = [(name, keys[name, code[:4]], code[4:]) for name, code in raw if (name, code[:4]) in keys]
    for name, key, signature in known:
        with tempfile.TemporaryDirectory() as scratch:
            for file, content in ("key", b"0*0\5\6\3+ep\3!\0" + key), ("signature", signature), ("text", text):
                Path(scratch, file).write_bytes(content)
            status = subprocess.run(OPENSSL, cwd=scratch, capture_output=True).returncode
        demand(status == 0, f"the signature by {name.decode()} is wrong")
    return {name for name, *_ in known}

def lines(path):
    """Yield the lines of a line file, the longest of them in pieces of LINE_LIMIT bytes."""
    with path.open("rb") as file:
        if path.suffix != ".zst":
            yield from iter(functools.partial(file.readline, LINE_LIMIT), b"")
            return
        pipe = {"stdin": file, "stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL}
        with subprocess.Popen(["zstd", "-dcq"], **pipe) as zstd:
            yield from iter(functools.partial(zstd.stdout.readline, LINE_LIMIT), b"")
            demand(zstd.wait() == 0, "zstd cannot decompress it to its end")

def read_notes(directory, entries, origin, keys, kept):
    """Yield the name of each note before it is checked. Return the sizes at which the epochs begin, those of the checkpoints,
    and, of each size, the root that was signed and the note that says so."""
    chain, epochs, sizes, roots = directory / "keys", [], [], {}
    torn = [path for path in entries if path.suffix == ".checkpoints"]  # What is no note is passed over in these.
    for path in [chain, *(path for path in entries if path.name == "checkpoint"), *torn, *kept]:
        yield path
        demand(path.is_file() and path.stat().st_size < NOTES_LIMIT, "there is no such file, or it is too long")
        data = path.read_bytes() + b"\n" * (path not in torn)
        demand(path in torn or NOTE.match(data) and not NOTE.sub(b"", data).strip(), "it does not consist of signed notes")
        for number, note in enumerate(NOTE.finditer(data), 1):
            yield (place := f"{path}, note {number}")
            claim, n = CLAIM.fullmatch(note[1]), len(epochs)
            demand(claim and claim[1] == origin, "it is no note of this log")
            demand(bool(claim[2]) == bool(claim[5]) == (path == chain), "it is a note of another kind")
            size, key = int(claim[3]), claim[5]
            if key:
                demand(int(claim[2]) == n, f"it is not of epoch {n}, which is the next one")
                demand(size >= max(epochs, default=0) and (n > 0 or size == 0), "its tree cannot be where its epoch begins")
                keys |= parse_key(key, b"%s/epoch-%d" % (origin, n))
                epochs.append(size)
                fitting = [max(n - 1, 0)]
            else:
                sizes.append(size)
                fitting = [n for n, (low, high) in enumerate(itertools.pairwise([*epochs, END])) if low <= size <= high]
            names = signers(note[1], note[2], keys)
            demand(origin in names or key and n > 0, "the key of the log did not sign it")
            demand(names & {b"%s/epoch-%d" % (origin, n) for n in fitting}, "the key of its epoch did not sign it")
            root, other = roots.setdefault(size, (claim[4], place))
            demand(root == claim[4], f"its root is not that of the tree of the same size in {other}")
    return epochs, sizes, roots

def verify(directory, origin, keys, kept):
    """Yield the name of each place before it is checked, and at last the verdict."""
    entries = [path for path in sorted(directory.iterdir(), reverse=True) if path.is_file()]
    epochs, sizes, roots = yield from read_notes(directory, entries, origin, keys, kept)
    files = {(int(match[2]), match[1]): path for path in entries  # A .jsonl comes after its .jsonl.zst here, and replaces it.
             if (match := re.fullmatch(r"([0-9]{8}T[0-9]{6}Z-([0-9]{20})\.jsonl)(\.zst)?", path.name))}
    start, size, hashes, found = None, 0, [], {}  # The tree; its size where the seal begins; the roots that are asked for.
    for (first, name), (end, _) in itertools.pairwise([*sorted(files), (END, "")]):
        yield (path := files[first, name])
        index = first - 1
        for index, line in enumerate(itertools.islice(lines(path), min(end - first, sys.maxsize)), first):
            if end == END and len(line) < LINE_LIMIT and not line.endswith(b"\n"):
                break  # The newest file may end with a torn line.
            try:
                entry = json.loads(line.decode())
                demand(line.endswith(b"\n") and entry["index"] == index, "it has another index, or no end")
                if index == first and entry.get("kind") == "accounts" and entry.get("clean") is True and "tree" in entry:
                    told = entry["tree"]
                    if start is None:
                        start, size, hashes = told["size"], told["size"], [base64.b64decode(text) for text in told["hashes"]]
                        demand(size == 0 or path == files[min(files)], "the file where the seal begins is missing or damaged")
                        demand(size >= 0 and [len(h) for h in hashes] == [32] * size.bit_count(), "its tree is malformed")
                        base, found = first - size, {0: root_of([]), size: root_of(hashes)}
                    tree = {"base": first - size, "size": size, "hashes": [base64.b64encode(h).decode() for h in hashes]}
                    demand(base >= 0 and told == told | tree, "its tree is not that of the lines before it")
            except (AttributeError, LookupError, RecursionError, TypeError, ValueError) as error:
                raise ValueError(f"the line of index {index} is missing or damaged: {error}") from error
            hashes.append(digest(b"\0", line))
            size += 1
            while len(hashes) > size.bit_count():
                hashes[-2:] = [digest(b"\1", *hashes[-2:])]
            if size in roots:
                found[size] = root_of(hashes)
        demand(end in (END, index + 1), f"the lines of index {index + 1} to {end - 1} are missing")
    yield directory
    demand(start is not None, "no file in it begins a sealed log")
    good = 0
    for claimed, (root, place) in sorted(roots.items()):
        yield place
        demand(claimed <= size, f"it is of a tree of {claimed} lines, but the log has only {size}")
        demand(0 < claimed < start or found[claimed] == root, f"its root is not that of the lines through index "
               f"{base + claimed - 1}; the last root that is right is that of {good} lines")
        good = claimed if claimed >= start else good
    yield directory
    signed, checked = max(sizes, default=0), sum(claimed >= start for claimed in set(sizes))
    demand(signed > start, "nothing is signed of what is left in it")
    yield (f"The log is sealed from index {base + start} and signed through index {base + signed - 1}; "
           f"{size - signed} lines behind that are not signed. Epochs: {len(epochs)}. "
           f"Checkpoints checked: {checked}; older than what is left: {len(set(sizes)) - checked}.")

if __name__ == "__main__":
    place = None
    try:
        directory, genesis, *kept = (Path(argument).resolve(strict=True) for argument in sys.argv[1:])
        key = genesis.open("rb").readline(999).strip()
        for place in verify(directory, origin := key.split(b"+")[0], parse_key(key, origin), kept):
            pass
        print(place)
    except (OSError, ValueError) as error:
        print(f"{place}: {error}." if place else f"{error}\n{__doc__}", file=sys.stderr)
        sys.exit(1 if place and isinstance(error, ValueError) else 2)
