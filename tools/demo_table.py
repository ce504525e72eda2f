#!/usr/bin/env python3
"""The table of tools/demo: what each producer attempted, what is in the log, what was lost and why, how it ended.
usage: demo_table.py LOG_DIRECTORY
"""
import collections
import json
import pathlib
import sys


def main():
    events, ends, collectors = collections.Counter(), {}, 0
    for path in sorted(pathlib.Path(sys.argv[1]).glob("*.jsonl")):
        for text in path.open(encoding="utf-8"):
            line = json.loads(text)
            if line["kind"] == "event":
                events[line["inc"]] += 1
            elif line["kind"] in ("detach", "died"):
                ends[line["inc"]] = line
            elif line["kind"] == "start":
                collectors += 1
    print(f"   {'producer':10} {'process':>8} {'attempted':>10} {'logged':>10} {'lost':>10}  how it ended; lost to")
    for inc, end in sorted(ends.items()):
        lost = end["last"] - events[inc]
        causes = ", ".join(f"{cause} {count}" for cause, count in end["causes"].items())
        how = "killed  " if end["kind"] == "died" else "detached"
        print(f"   {end['producer']:10} {end['pid']:>8} {end['last']:>10} {events[inc]:>10} {lost:>10}  {how}  {causes}")
    print(f"   collectors: {collectors} (the first was killed)")


main()
