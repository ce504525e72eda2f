#!/usr/bin/env python3
"""Every source is written as .clang-format says: the formatter would change nothing.

usage: formatting.py ROOT     prints the places that it would change; exit 1 if there is one
"""
import pathlib
import shutil
import subprocess
import sys

FOLDERS = ["lib", "tools", "examples", "tests"]
ENDINGS = {".c", ".h", ".cpp", ".hpp", ".ipp"}


def main(root):
    formatter = shutil.which("clang-format-14") or shutil.which("clang-format")
    if formatter is None:
        sys.exit("clang-format is missing: run tests/support/install check")
    files = sorted(str(path) for folder in FOLDERS for path in pathlib.Path(root, folder).rglob("*")
                   if path.suffix in ENDINGS and "corpus" not in path.parts)
    done = subprocess.run([formatter, "--dry-run", "-Werror", "--ferror-limit=1", *files], stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    wrong = [line for line in done.stdout.splitlines() if "error:" in line]
    print(*wrong, sep="\n")
    print(f"REPORT {len(files)} sources, {len(wrong)} not as .clang-format says")
    return 1 if done.returncode != 0 else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
