#!/usr/bin/env python3
"""The names of the tests of one build folder that belong to part K of N, one a line: for tests/check --long --part K/N.

A test of the suite `divides` is in every part: it does its K-th share by itself, told by SHMRING_TEST_PART. The others are
dealt to the parts by their time limits, the longest first, each to the part that has least so far. Parts that are made with
the same N make up the whole, each test once.
usage: part.py BUILD K/N [SUITE …]     of these suites only; without any, of all but `debian`, `figures` and `memory`
"""
import json
import subprocess
import sys


def deal(tests, parts):
    """tests: (name, seconds, divides). A list of names for each part."""
    dealt, loads = [[] for _ in range(parts)], [0] * parts
    for name, seconds, divides in sorted(tests, key=lambda test: (-test[1], test[0])):
        if divides:
            for part in dealt:
                part.append(name)
            continue
        least = loads.index(min(loads))
        dealt[least].append(name)
        loads[least] += seconds
    return dealt


def main(build, part, *wanted):
    which, parts = map(int, part.split("/"))
    if not 1 <= which <= parts:
        sys.exit(f"part {part}: give K/N with K from 1 to N")
    listed = json.loads(subprocess.run(["meson", "introspect", "--tests", build], check=True, capture_output=True).stdout)
    tests = []
    for test in listed:
        suites = [name.split(":")[-1] for name in test["suite"]]
        if set(wanted) & set(suites) if wanted else not {"debian", "figures", "memory"} & set(suites):
            tests.append((test["name"], test["timeout"], "divides" in suites))
    print("\n".join(deal(tests, parts)[which - 1]))


if __name__ == "__main__":
    main(*sys.argv[1:])
