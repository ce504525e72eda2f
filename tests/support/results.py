#!/usr/bin/env python3
"""Meson's test logs as one table of suites, and the last line of tests/check.

A doctest program counts as its test cases, every other test as one. What a test printed after `REPORT ` is shown.
usage: results.py collect BUILD TESTLOG.json STATUS   one JSON line a test, with its build's name; exit 1 if the log is
                                                      missing, or does not explain the status of `meson test`
       results.py table RESULTS                       the table; exit 1 if anything failed or nothing passed
"""
import json
import os
import re
import sys

DOCTEST = re.compile(r"\[doctest\] test cases:\s*\d+ \|\s*(\d+) passed \|\s*(\d+) failed")
FINE, SKIPPED = {"OK", "EXPECTEDFAIL"}, {"SKIP"}


def collect(build, path, status):
    tests = []
    if os.path.exists(path):
        with open(path, encoding="utf-8") as lines:
            tests = [json.loads(line) for line in lines]
    for test in tests:
        # "project:suite+other suite / name"
        suites, test["name"] = test["name"].split(" / ", 1)
        suite = suites.split(":")[-1].split("+")[0]
        test["suite"] = suite if build == "release" else f"{suite}, {build}"
        print(json.dumps({key: test.get(key) for key in ("suite", "name", "result", "duration", "stdout")}))
    return 0 if tests and (status == 0) == all(test["result"] in FINE | SKIPPED for test in tests) else 1


def counts(test):
    """(passed, failed, skipped) of one test"""
    if test["result"] in SKIPPED:
        return 0, 0, 1
    cases = DOCTEST.search(test.get("stdout") or "")
    passed, failed = map(int, cases.groups()) if cases else (0, 0)
    if test["result"] in FINE:
        return (passed, failed, 0) if cases else (1, 0, 0)
    return passed, max(failed, 1), 0


def table(path):
    with open(path, encoding="utf-8") as lines:
        tests = [json.loads(line) for line in lines]
    suites = {}
    for test in tests:
        suites.setdefault(test["suite"], []).append(test)
    row = "{:<16} {:>7} {:>7} {:>7} {:>8}  {}".format
    print(row("suite", "passed", "failed", "skipped", "seconds", "what it tried"))
    total_passed = total_failed = 0
    for name, members in suites.items():
        passed, failed, skipped = map(sum, zip(*map(counts, members)))
        total_passed, total_failed = total_passed + passed, total_failed + failed
        seconds = f"{sum(test.get('duration') or 0 for test in members):.1f}"
        reports = [report for test in members
                   for report in re.findall(r"^REPORT (.*)$", test.get("stdout") or "", re.M)]
        reports += [f"FAILED: {test['name']} ({test['result'].lower()})" for test in members if counts(test)[1]]
        reports += [f"skipped: {test['name']}" for test in members if counts(test)[2]]
        print(row(name, passed, failed, skipped, seconds, reports[0] if reports else ""))
        for report in reports[1:]:
            print(row("", "", "", "", "", report))
    print(f"\n{total_passed} passed, {total_failed} failed")
    return 1 if total_failed or not total_passed else 0


if __name__ == "__main__":
    if sys.argv[1] == "collect":
        sys.exit(collect(sys.argv[2], sys.argv[3], int(sys.argv[4])))
    else:
        sys.exit(table(sys.argv[2]))
