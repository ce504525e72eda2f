"""Judges a sealed log without the code that wrote it: hashlib for the tree (RFC 6962), openssl for the signatures.

Invariant: nothing here reads anything but the log's directory.
"""
import base64
import hashlib
import json
import os
import pathlib
import subprocess
import tempfile

DER = bytes.fromhex("302a300506032b6570032100")  # in front of an Ed25519 key: SubjectPublicKeyInfo
EMPTY_ROOT = hashlib.sha256(b"").digest()


def leaf(line):
    return hashlib.sha256(b"\0" + line).digest()


def node(left, right):
    return hashlib.sha256(b"\1" + left + right).digest()


def root_of(lines):
    """As RFC 6962 defines it."""
    if len(lines) == 1:
        return hashlib.sha256(b"\0" + lines[0]).digest()
    left = 1 << (len(lines) - 1).bit_length() - 1
    return hashlib.sha256(b"\1" + root_of(lines[:left]) + root_of(lines[left:])).digest() if lines else EMPTY_ROOT


def text_of(root):
    return base64.b64encode(root).decode()


class Tree:
    """The tree as it grows: the hashes of its complete subtrees, the largest first."""

    def __init__(self):
        self.size, self.hashes = 0, []

    def add(self, line):
        found, size = leaf(line), self.size
        while size & 1:
            found, size = node(self.hashes.pop(), found), size >> 1
        self.hashes.append(found)
        self.size += 1

    def root(self):
        if not self.hashes:
            return hashlib.sha256().digest()
        root = self.hashes[-1]
        for left in reversed(self.hashes[:-1]):
            root = node(left, root)
        return root


def notes(text):
    """(text, {name: (id, signature)}) of each note; what is torn is passed over."""
    parts = [part for part in text.split(b"\n\n") if part.strip()]
    at = 0
    while at + 1 < len(parts):
        body, signatures = parts[at].lstrip(b"\n") + b"\n", {}
        lines = parts[at + 1].decode("utf-8", "replace").strip("\n").split("\n")
        if not all(line.startswith("— ") and line.count(" ") == 2 for line in lines):
            at += 1
            continue
        for line in lines:
            _, name, signature = line.split(" ")
            raw = base64.b64decode(signature)
            signatures[name] = (raw[:4], raw[4:])
        yield body, signatures
        at += 2


def public_key(verifier):
    name, number, text = verifier.split("+", 2)
    raw = base64.b64decode(text)
    assert raw[0] == 1 and len(raw) == 33, verifier
    assert hashlib.sha256(name.encode() + b"\n" + raw).digest()[:4].hex() == number, verifier
    return name, raw[1:]


def is_signed(body, signature, key):
    with tempfile.TemporaryDirectory() as folder:
        paths = {name: os.path.join(folder, name) for name in ("key", "body", "signature")}
        pathlib.Path(paths["key"]).write_bytes(DER + key)
        pathlib.Path(paths["body"]).write_bytes(body)
        pathlib.Path(paths["signature"]).write_bytes(signature)
        return subprocess.run(
            ["openssl", "pkeyutl", "-verify", "-pubin", "-keyform", "DER", "-inkey", paths["key"], "-rawin", "-in",
             paths["body"], "-sigfile", paths["signature"]], capture_output=True, check=False).returncode == 0


class Sealed:
    """A log directory and what is signed of it; each claim that does not hold is an AssertionError."""

    def __init__(self, log, log_key):
        self.log, self.log_key = pathlib.Path(log), log_key
        files = sorted(self.log.glob("*.jsonl"), key=lambda path: (path.name.split("-")[1], path.name))
        firsts = [int(path.name.split("-")[1].split(".")[0]) for path in files]
        self.lines, self.frontiers = [], {}
        for path, first, end in zip(files, firsts, [*firsts[1:], None]):
            lines = path.read_bytes().splitlines(keepends=True)
            lines = lines if end is None else lines[:end - first]
            assert first == len(self.lines), path
            self.lines += lines
            head = json.loads(lines[0]) if lines else {}
            if "tree" in head:
                self.frontiers[first] = head["tree"]
        self.keys = self.chain()
        self.checkpoints = self.read_checkpoints()

    def chain(self):
        keys = []
        for body, signatures in notes((self.log / "keys").read_bytes()):
            origin, epoch, size, root, verifier = body.decode().splitlines()
            name, key = public_key(verifier)
            assert epoch == f"epoch {len(keys)}" and name == f"{origin}/epoch-{len(keys)}", body
            signer = keys[-1] if keys else (name, key)
            assert is_signed(body, signatures[signer[0]][1], signer[1]), body
            keys.append((name, key, int(size), base64.b64decode(root)))
        return keys

    def read_checkpoints(self):
        found = []
        for path in sorted(self.log.glob("*.checkpoints")) + [self.log / "checkpoint"]:
            for body, signatures in notes(path.read_bytes() if path.exists() else b""):
                origin, size, root = body.decode().splitlines()
                assert self.keys[0][0] == origin + "/epoch-0"
                found.append((int(size), base64.b64decode(root), body, signatures, origin))
        return sorted(found, key=lambda one: one[0])

    def check(self, base=0, most_signatures=40):
        """Every root is that of the lines that are there; some of the signatures are looked at, the newest always."""
        wanted = {}
        for size, root, *_ in self.checkpoints:
            wanted.setdefault(size, set()).add(root)
        for _, _, size, root in self.keys:
            wanted.setdefault(size, set()).add(root)
        for first, tree in self.frontiers.items():
            assert tree["base"] == base and tree["size"] == first - base, (first, tree)
        tree = Tree()
        for index in range(base, len(self.lines) + 1):
            if index - base in wanted:
                assert wanted.pop(index - base) == {tree.root()}, f"the root at {index - base} lines"
            if index in self.frontiers:
                hashes = [base64.b64decode(text) for text in self.frontiers[index]["hashes"]]
                assert hashes == tree.hashes, f"the tree in front of line {index}"
            if index < len(self.lines):
                tree.add(self.lines[index])
        assert not wanted, f"signed, and not there: {sorted(wanted)} of {len(self.lines) - base} lines"
        step = max(1, len(self.checkpoints) // most_signatures)
        for checkpoint in self.checkpoints[::step] + self.checkpoints[-1:]:
            self.check_signatures(*checkpoint)

    def check_signatures(self, size, _, body, signatures, origin):
        assert is_signed(body, signatures[origin][1], self.log_key), body
        epochs = [number for number, key in enumerate(self.keys) if key[0] in signatures]
        assert len(epochs) == 1, signatures
        name, key, least, _ = self.keys[epochs[0]]
        most = self.keys[epochs[0] + 1][2] if epochs[0] + 1 < len(self.keys) else size
        assert least <= size <= most, (name, size)
        assert is_signed(body, signatures[name][1], key), body
