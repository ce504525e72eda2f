#!/usr/bin/env python3
"""Meson's test logs as one table of suites that is read in ten seconds, the same as JSON, and the last line of tests/check.

A doctest program counts as its test cases, every other test as one. A test may print, at the start of a line,
    REPORT <text>              a detail, shown above the table
    TRIED <number> <unit>      summed by unit over its suite, and shown in the suite's row
    SKIPPED <text>             what it could not try here: counted as skipped instead of passed, and shown below the table
What a failed test printed of its failures is below the table, too.
usage: results.py collect BUILD TESTLOG.json STATUS   one JSON line a test, with its build's name, which is empty where every
                                                      suite runs; exit 1 if the log is missing, or does not explain the
                                                      status of `meson test`
       results.py table RESULTS JSON                  details, table; the document to the file JSON; exit 1 if anything failed
                                                      or nothing passed
"""
import collections
import json
import os
import re
import sys

DOCTEST = re.compile(r"\[doctest\] test cases:\s*\d+ \|\s*(\d+) passed \|\s*(\d+) failed")
# How doctest and unittest name a case that fails, and say why.
FAILURE = re.compile(r"^(TEST CASE:|  values:|(ERROR|FAIL): |\w*(Error|Exception)\b)|ERROR: ")
FINE, SKIPPED = {"OK", "EXPECTEDFAIL"}, {"SKIP"}
MOST_LINES = 20  # of what a failed test printed


def collect(build, path, status):
    tests = []
    if os.path.exists(path):
        with open(path, encoding="utf-8") as lines:
            tests = [json.loads(line) for line in lines]
    for test in tests:
        # "project:suite+other suite / name"
        suites, test["name"] = test["name"].split(" / ", 1)
        suite = suites.split(":")[-1].split("+")[0]
        test["suite"] = f"{suite}, {build}" if build else suite
        test["why"] = [] if test["result"] in FINE | SKIPPED else why(test)
        print(json.dumps({key: test.get(key) for key in ("suite", "name", "result", "duration", "stdout", "why")}))
    return 0 if tests and (status == 0) == all(test["result"] in FINE | SKIPPED for test in tests) else 1


def why(test):
    printed = [line for stream in ("stdout", "stderr") for line in (test.get(stream) or "").splitlines() if line.strip()]
    return [line for line in printed if FAILURE.search(line)][:MOST_LINES] or printed[-MOST_LINES:]


def counts(test):
    """(passed, failed, skipped) of one test"""
    if test["result"] in SKIPPED:
        return 0, 0, 1
    cases = DOCTEST.search(test.get("stdout") or "")
    passed, failed = map(int, cases.groups()) if cases else (0, 0)
    if test["result"] in FINE:
        skipped = len(lines_of(test, "SKIPPED"))
        return max((passed if cases else 1) - skipped, 0), failed, skipped
    return passed, max(failed, 1), 0


def lines_of(test, word):
    return re.findall(rf"^{word} (.*)$", test.get("stdout") or "", re.M)


def suite_of(name, members):
    passed, failed, skipped = map(sum, zip(*map(counts, members)))
    tried = collections.Counter()
    for test in members:
        for line in lines_of(test, "TRIED"):
            number, unit = line.split(" ", 1)
            tried[unit] += int(number)
    return {"suite": name, "passed": passed, "failed": failed, "skipped": skipped,
            "seconds": round(sum(test.get("duration") or 0 for test in members), 1), "tried": dict(tried),
            "tests": [{"name": test["name"], "result": test["result"].lower(), "seconds": round(test.get("duration") or 0, 1),
                       "reports": lines_of(test, "REPORT"), "skipped": lines_of(test, "SKIPPED"),
                       "why": test.get("why") or []} for test in members]}


def table(path, document):
    with open(path, encoding="utf-8") as lines:
        tests = [json.loads(line) for line in lines]
    members = {}
    for test in tests:
        members.setdefault(test["suite"], []).append(test)
    suites = [suite_of(name, of_suite) for name, of_suite in members.items()]
    total = {key: sum(suite[key] for suite in suites) for key in ("passed", "failed", "skipped")}
    with open(document, "w", encoding="utf-8") as out:
        json.dump({**total, "suites": suites}, out, indent=1)
        out.write("\n")
    for suite in suites:
        for test in suite["tests"]:
            for report in test["reports"]:
                print(f"{suite['suite']}: {report}")
    row = "{:<16} {:>7} {:>7} {:>7} {:>8}  {}".format
    print("\n" + row("suite", "passed", "failed", "skipped", "seconds", "what it tried"))
    for suite in suites:
        tried = ", ".join(f"{number:,} {unit}" for unit, number in suite["tried"].items())
        print(row(*(suite[key] for key in ("suite", "passed", "failed", "skipped", "seconds")), tried))
    for suite in suites:
        for test in suite["tests"]:
            if test["result"] != "ok":
                print(f"{suite['suite']}: {test['name']}: {test['result']}", *test["why"], sep="\n    ")
            for text in test["skipped"]:
                print(f"{suite['suite']}: {test['name']}: skipped: {text}")
    print(f"\nthe same as JSON: {document}\n{total['passed']} passed, {total['failed']} failed")
    return 1 if total["failed"] or not total["passed"] else 0


if __name__ == "__main__":
    if sys.argv[1] == "collect":
        sys.exit(collect(sys.argv[2], sys.argv[3], int(sys.argv[4])))
    else:
        sys.exit(table(sys.argv[2], sys.argv[3]))
