"""One deliberate fault of the sources: how its file is written, and how it is put into a copy of the tree.

A break is a file NAME.break:

    what: one line
    bound: options for the explorer, which must find it          (one of these two, or both)
    kills: the tests to run, in order, until one fails
    file: a path from the project's root
    --- old
    source lines that stand exactly once in that file
    +++ new
    what stands there instead
    (more old/new pairs, and more file: lines, as needed)

A memory order is weakened without an edit: the bound says --relax LABEL, and the explorer takes that label's accesses as
relaxed. A test is a source below tests/ (unit/NAME.cpp, io/NAME.cpp, sim/NAME.cpp …), linked alone; with thread-sanitizer:
before it, its own source under the thread sanitizer.
"""
import pathlib
import re
import shlex

FIELD = re.compile(r"(what|bound|kills|file): ?(.*)")


class Mutation:
    def __init__(self, path):
        self.name, self.what, self.bound, self.kills = path.stem, "", [], []
        self.edits = []  # (file, old, new)
        file, part, old, new = "", "", [], []
        for line in path.read_text(encoding="utf-8").splitlines(keepends=True) + ["file: \n"]:
            field = FIELD.match(line)
            if part == "new" and (line == "--- old\n" or (field and field[1] == "file")):
                self.edits.append((file, "".join(old), "".join(new)))
                old, new, part = [], [], ""
            if line == "--- old\n":
                part = "old"
            elif line == "+++ new\n":
                part = "new"
            elif part:
                (old if part == "old" else new).append(line)
            elif field and field[1] == "file":
                file = field[2].strip()
            elif field and field[1] == "what":
                self.what = field[2].strip()
            elif field:
                setattr(self, field[1], shlex.split(field[2]))
            elif line.strip():
                raise ValueError(f"{path}: not understood: {line!r}")
        if not self.what or not (self.bound or self.kills):
            raise ValueError(f"{path}: what, or bound and kills, are missing")

    def apply(self, root):
        for file, old, new in self.edits:
            target = pathlib.Path(root, file)
            text = target.read_text(encoding="utf-8")
            if text.count(old) != 1:
                raise ValueError(f"its old text stands {text.count(old)} times in {file}, not once:\n{old}")
            target.write_text(text.replace(old, new), encoding="utf-8")

    def files(self):
        return {file for file, _, _ in self.edits}
