#!/usr/bin/env python3
"""clang-tidy finds nothing in the sources of lib/, by the checks of .clang-tidy: in check in a few of them, which
SHMRING_TEST_SEED chooses, in a long run in those of this share.

usage: clang_tidy.py ROOT BUILD [SOURCE ...]     prints what it finds; exit 1 if that is something
"""
import os
import pathlib
import random
import shutil
import subprocess
import sys

IN_CHECK = 2


def chosen(sources):
    if os.environ.get("SHMRING_TEST_MODE") == "long":
        which, parts = map(int, os.environ.get("SHMRING_TEST_PART", "1/1").split("/"))
        return sources[which - 1::parts]
    return random.Random(os.environ.get("SHMRING_TEST_SEED", "1")).sample(sources, IN_CHECK)


def main(root, build, *named):
    tidy = shutil.which("clang-tidy-14") or shutil.which("clang-tidy")
    if tidy is None:
        sys.exit("clang-tidy is missing: run tests/support/install check")
    sources = list(named) or chosen(sorted(str(path) for path in pathlib.Path(root, "lib").rglob("*.cpp")))
    if not sources:
        return 77
    # What gcc compiles beforehand is no file that clang could read, but its source is.
    headers = f"--extra-arg=-I{pathlib.Path(root, 'lib/pch').resolve()}"
    found = 0
    for source in sources:
        done = subprocess.run([tidy, "--quiet", "-p", build, headers, source], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.DEVNULL, text=True, check=False)
        print(done.stdout, end="", flush=True)
        found += done.returncode != 0
    print(f"REPORT clang-tidy: {len(sources)} sources of lib/, {found} with findings")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
