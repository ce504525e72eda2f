#!/usr/bin/env python3
"""The offset tables of lib/LAYOUT.md are those of layout.txt: every struct, every field, nothing else.

A table stands under a heading `### Struct`, has the header row `| offset | size | field | … |` and a row a field;
a field's name may stand in backquotes.
usage: layout_doc.py ROOT
"""
import pathlib
import re
import sys


def golden_tables(text):
    """{struct: [(offset, size, field)]} from layout.txt"""
    tables = {}
    for line in text.splitlines():
        words = line.split()
        if line.startswith("  "):
            tables[struct].append((int(words[0]), int(words[1]), words[2]))
        elif words[0] != "fingerprint":
            struct = words[0]
            tables[struct] = []
    return tables


def document_tables(text):
    """The same from LAYOUT.md; an offset table belongs to the heading above it."""
    tables, struct, inside = {}, None, False
    for line in text.splitlines():
        heading = re.match(r"#+\s+`?(\w+)`?\s*$", line)
        cells = [cell.strip().strip("`") for cell in line.strip().strip("|").split("|")]
        if line.startswith("#"):
            struct, inside = heading.group(1) if heading else None, False
        elif cells[:3] == ["offset", "size", "field"]:
            if struct is None:
                raise ValueError(f"an offset table without a heading `### Struct`: {line}")
            inside = True
            tables.setdefault(struct, [])
        elif inside and line.lstrip().startswith("|") and cells[0].isdigit():
            tables[struct].append((int(cells[0]), int(cells[1]), cells[2]))
        elif not line.lstrip().startswith("|"):
            inside = False
    return tables


def compare(golden, document):
    """What differs, one sentence each."""
    for struct in golden:
        if struct not in document:
            yield f"LAYOUT.md has no offset table for {struct}"
            continue
        yield from (f"LAYOUT.md lacks {struct}: offset, size, field = {row}"
                    for row in golden[struct] if row not in document[struct])
        yield from (f"LAYOUT.md has {struct}: offset, size, field = {row}; layout.hpp has not"
                    for row in document[struct] if row not in golden[struct])
    yield from (f"LAYOUT.md has a table for {struct}; layout.hpp has no such struct"
                for struct in document if struct not in golden)


def main():
    root = pathlib.Path(sys.argv[1])
    document = root / "lib/LAYOUT.md"
    if not document.exists():
        print("lib/LAYOUT.md is missing")
        return 1
    golden = golden_tables((root / "tests/golden/layout.txt").read_text())
    found = document_tables(document.read_text())
    differences = list(compare(golden, found))
    print(*differences, sep="\n")
    # The comparison itself must be able to fail: one wrong offset in one table is one lack and one surplus.
    struct = next(iter(golden))
    offset, size, field = golden[struct][-1]
    wrong = {**golden, struct: golden[struct][:-1] + [(offset + 8, size, field)]}
    assert len(list(compare(golden, wrong))) == 2
    print(f"REPORT {sum(map(len, golden.values()))} rows of LAYOUT.md compared")
    return 1 if differences else 0


sys.exit(main())
