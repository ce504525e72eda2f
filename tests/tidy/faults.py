#!/usr/bin/env python3
"""tests/FAULTS.md against the tests: each fault has a row, and each test that a row names is there.

A row is `| number | fault | tests |`, where tests are one or more of
    `path: name`         from tests/; the file has a test case, function, plan or patch of that name
or the words `not built: why`. Numbers are those of the list of faults that the design came with: 1 … 45 without 21, each of
which has a row, and those that came later, 46 … 60; from 61 on, what the edges had wrong that is no fault from outside.
H1 … H28 are the histories of a log; the name of a test of each begins with its number (`5 and 7: …` is of two). Those of a seal
may be missing.
usage: faults.py ROOT
Exit status: 0 · 1 a row is missing, twice, empty, or names what is not there.
"""
import pathlib
import re
import sys

NUMBERS = [number for number in range(1, 46) if number != 21]
LATER = range(46, 68)
HISTORIES = [f"H{number}" for number in range(1, 29) if number not in (16, 17, 18, 19, 24)]
OF_A_SEAL = {f"H{number}" for number in (16, 17, 18, 19, 24)}
ROW = re.compile(r"^\| *(H?\d+) *\| *([^|]+?) *\| *([^|]+?) *\|$")
REFERENCE = re.compile(r"`([^`:]+): ([^`]+)`")


def is_there(tests, path, name):
    file = tests / path
    return file.is_file() and name in file.read_text(encoding="utf-8")


def is_named_for(name, history):
    numbers = re.match(r"([\d, and]+): ", name)
    return numbers is not None and history[1:] in re.findall(r"\d+", numbers[1])


def check(text, tests):
    """Complaints, and how many rows there are, and tests are named."""
    complaints, seen, named = [], [], 0
    for line in text.splitlines():
        row = ROW.match(line)
        if not row:
            continue
        number, said = row[1], row[3]
        seen.append(number)
        references = REFERENCE.findall(said)
        named += len(references)
        if not references and not said.startswith("not built: "):
            complaints.append(f"row {number}: no test, and not said that it is not built")
        complaints += [f"row {number}: tests/{path} has no '{name}'" for path, name in references
                       if not is_there(tests, path, name)]
        if number in HISTORIES and not any(is_named_for(name, number) for _, name in references):
            complaints.append(f"row {number}: no test is named for it")
    wanted, optional = {*map(str, NUMBERS), *HISTORIES}, {*map(str, LATER), *OF_A_SEAL}
    if sorted(seen) != sorted(wanted | set(seen) & optional):
        complaints.append(f"rows missing or twice: {sorted(wanted ^ set(seen) - optional) or 'twice'}")
    return complaints, len(seen), named


def main(root):
    faults = pathlib.Path(root, "tests/FAULTS.md")
    complaints, rows, named = check(faults.read_text(encoding="utf-8"), faults.parent)
    print("\n".join(complaints))
    print(f"REPORT {rows} faults and histories, {named} tests named, {len(complaints)} complaints")
    return 1 if complaints else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
