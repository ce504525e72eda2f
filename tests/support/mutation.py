"""Sources with one deliberate fault: what tests/explore/run_breaks and tests/mutants/run_mutants have in common.

A mutation is a file:

    what: one line
    HOW: how it must be found, for who runs it (bound: in breaks, kills: in mutants)
    file: a path from the project's root
    --- old
    source lines that stand exactly once in that file
    +++ new
    what stands there instead
    (more old/new pairs, and more file: lines, as needed)

Objects of the sound sources are compiled once; a mutation compiles again only what includes a file that it edits.
"""
import os
import pathlib
import re
import shlex
import subprocess

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
COMPILER = os.environ.get("CXX", "g++")


class Mutation:
    def __init__(self, path, how):
        self.name, self.what, self.how = path.stem, "", []
        self.edits = []  # (file, old, new)
        file, part, old, new = "", "", [], []
        for line in path.read_text().splitlines(keepends=True) + ["file: \n"]:
            field = re.match(rf"(what|{how}|file): ?(.*)", line)
            if part == "new" and (line == "--- old\n" or (field and field[1] == "file")):
                self.edits.append((file, "".join(old), "".join(new)))
                old, new, part = [], [], ""
            if line == "--- old\n":
                part = "old"
            elif line == "+++ new\n":
                part = "new"
            elif part:
                (old if part == "old" else new).append(line)
            elif field:
                if field[1] == "what":
                    self.what = field[2].strip()
                elif field[1] == how:
                    self.how = shlex.split(field[2])
                else:
                    file = field[2].strip()
            elif line.strip():
                raise ValueError(f"{path}: not understood: {line!r}")
        if not (self.what and self.how):
            raise ValueError(f"{path}: what or {how} is missing")

    def apply(self, root):
        for file, old, new in self.edits:
            target = root / file
            text = target.read_text()
            if text.count(old) != 1:
                raise ValueError(f"{self.name}: its old text stands {text.count(old)} times in {file}, not once:\n{old}")
            target.write_text(text.replace(old, new))

    def files(self):
        return {file for file, _, _ in self.edits}


def object_of(objects, source):
    return objects / (source.replace("/", "_") + ".o")


def compile_objects(root, sources, objects, flags):
    """Compile sources of the project at root into objects/, each with the list of what it includes. Empty, or the errors."""
    for source in sources:
        target = object_of(objects, source)
        command = [COMPILER, *flags, "-MMD", f"-I{root}", f"-I{root}/lib/include", "-c", source, "-o", target]
        done = subprocess.run(command, cwd=root, capture_output=True, text=True)
        if done.returncode != 0:
            return done.stderr
    return ""


def includes(root, source, objects):
    """The files of the project at root that a source which was compiled there is made of."""
    listed = object_of(objects, source).with_suffix(".d").read_text().replace("\\\n", " ").split()[1:]
    resolved = [pathlib.Path(root, path).resolve() for path in listed]
    return {str(path.relative_to(root)) for path in resolved if path.is_relative_to(root)}
