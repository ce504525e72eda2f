#!/usr/bin/env python3
"""The checks of .clang-tidy over the sources, as Meson compiles them: a finding fails.

By SHMRING_TEST_MODE: in check a share of lib/, which SHMRING_TEST_SEED chooses, about a minute; in long all of lib/, tools/ and
tests/, of which the K-th of N shares where SHMRING_TEST_PART is K/N.
usage: clang_tidy.py ROOT BUILD [FILE …]     FILE: paths from the root, whatever the mode
Exit status: 0 · 1 a finding · 77 nothing to do in this share.
"""
import concurrent.futures
import json
import os
import pathlib
import random
import re
import shlex
import shutil
import subprocess
import sys
import tempfile

IN_CHECK = 14  # files
# gcc's own, and what is compiled beforehand by gcc.
NOT_FOR_CLANG = {"-fpch-preprocess", "-Winvalid-pch"}
FINDING = re.compile(r"^(/.*?:\d+:\d+): (?:warning|error): (.*)", re.M)


def commands(root, build):
    """{source from the root: its compilation}, without precompiled headers."""
    found = {}
    for entry in json.loads(pathlib.Path(build, "compile_commands.json").read_text(encoding="utf-8")):
        path = pathlib.Path(build, entry["file"]).resolve()
        words = shlex.split(entry["command"])
        first = next(n for n, word in enumerate(words) if word.startswith("-"))  # the compiler may have one in front of it
        words, kept = iter(words[first:]), ["clang++"]
        for word in words:
            if word == "-include":
                next(words)
            elif word not in NOT_FOR_CLANG:
                kept.append(word)
        if path.is_relative_to(root) and path.suffix == ".cpp":
            found.setdefault(str(path.relative_to(root)), {"directory": build, "file": str(path), "arguments": kept})
    return found


def chosen(sources):
    mode = os.environ.get("SHMRING_TEST_MODE", "check")
    if mode == "long":
        which, parts = map(int, os.environ.get("SHMRING_TEST_PART", "1/1").split("/"))
        return sources[which - 1::parts]
    of_lib = [source for source in sources if source.startswith("lib/")]
    return sorted(random.Random(os.environ.get("SHMRING_TEST_SEED", "1")).sample(of_lib, min(IN_CHECK, len(of_lib))))


def main(root, build, *named):
    root, build = str(pathlib.Path(root).resolve()), str(pathlib.Path(build).resolve())
    checker = shutil.which("clang-tidy-14") or shutil.which("clang-tidy")
    if checker is None:
        sys.exit("clang-tidy is missing: run tests/support/install check")
    known = commands(root, build)
    sources = list(named) or chosen(sorted(known))
    if not sources:
        return 77
    with tempfile.TemporaryDirectory(prefix="shmring-tidy-") as folder, concurrent.futures.ThreadPoolExecutor(2) as pool:
        pathlib.Path(folder, "compile_commands.json").write_text(json.dumps(list(known.values())), encoding="utf-8")
        said = pool.map(lambda source: subprocess.run(
            [checker, "--quiet", "-p", folder, f"{root}/{source}"], cwd=root, stdin=subprocess.DEVNULL, text=True,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False), sources)
        found = set()
        for source, done in zip(sources, said):
            places = {f"{os.path.relpath(place, root)}: {what}" for place, what in FINDING.findall(done.stdout)}
            found |= {place for place in places if not place.startswith("../")}
            if done.returncode != 0:
                found.add(f"{source}: clang-tidy ends with {done.returncode}: {done.stdout[-500:]}")
    found = sorted(found)
    print(*found, sep="\n")
    print(f"REPORT clang-tidy: {len(sources)} of {len(known)} sources, {len(found)} findings")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
