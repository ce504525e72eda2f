#!/usr/bin/env python3
"""examples/archive_parquet.mjs over a small archive: each line is a row once, and the losses add up. It takes DuckDB by npm.

usage: parquet.py ROOT
"""
import json
import pathlib
import shutil
import subprocess
import sys
import tempfile

HOSTS, EVENTS = ("web-1", "it's.two"), 200


def write_log(folder, host):
    lines = [{"kind": "event", "producer": "api", "seq": i, "type": "payment" if i % 2 else 3, "sev": 6, "data": {"n": i}}
             for i in range(1, EVENTS + 1)]
    lines.append({"kind": "loss", "producer": "api", "first": EVENTS + 1, "last": EVENTS + 10, "count": 10,
                  "causes": {"full": 9, "died": 1}})
    texts = [json.dumps({"v": 1, "kind": line.pop("kind"), "index": index, "time": f"2026-12-02T03:00:00.{index:09}Z",
                         "ring": "payments", **line}) + "\n" for index, line in enumerate(lines)]
    place = folder / host / "payments" / "0123456789abcdef"
    place.mkdir(parents=True)
    (place / "20261202T030000Z-00000000000000000000.jsonl").write_text("".join(texts[:120]))
    (place / "20261202T030001Z-00000000000000000100.jsonl").write_text("".join(texts[100:]))  # it has 20 lines once more
    (place / "20261202T030001Z-00000000000000000100.jsonl.conflict").write_text("no line\n")
    (place / "committed").write_text("no line\n")


def main():
    if shutil.which("npm") is None:
        print("SKIPPED no npm here")
        return 77
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        for host in HOSTS:
            write_log(folder / "archive", host)
        shutil.copy(pathlib.Path(sys.argv[1]) / "examples/archive_parquet.mjs", folder)
        subprocess.run(["npm", "install", "--no-audit", "--no-fund", "@duckdb/node-api"], cwd=folder, check=True,
                       stdout=subprocess.DEVNULL)
        done = subprocess.run(["node", "archive_parquet.mjs", folder / "archive", folder / "out.parquet"], cwd=folder,
                              check=True, stdout=subprocess.PIPE, text=True)
    expected = [f"{host} payments {EVENTS + 1} {EVENTS}" for host in sorted(HOSTS)]
    expected += [f"{host} {cause}" for host in sorted(HOSTS) for cause in ("died 1", "full 9")]
    if done.stdout.splitlines() != expected:
        print(f"expected {expected}, got {done.stdout.splitlines()}")
        return 1
    print(f"REPORT {len(HOSTS) * (EVENTS + 1)} lines as Parquet")
    return 0


sys.exit(main())
