#!/usr/bin/env python3
"""The layout is the same with every compiler and level, and the one that layout.txt holds.

usage: layout.py ROOT           compare
       layout.py ROOT --update  write layout.txt anew, after a deliberate change (then raise `version` in layout.hpp)
"""
import difflib
import pathlib
import subprocess
import sys
import tempfile

COMPILERS = ["g++", "clang++"]
LEVELS = ["-O0", "-O3"]


def layout(root, compiler, level, folder):
    program = folder / f"{compiler}{level}"
    subprocess.run([compiler, "-std=c++20", "-Wno-invalid-offsetof", level, "-I", root, "-o", program,
                    root / "tests/golden/layout.cpp"], check=True)
    return subprocess.run([program], check=True, stdout=subprocess.PIPE, text=True).stdout


def main():
    root = pathlib.Path(sys.argv[1])
    golden = root / "tests/golden/layout.txt"
    failed = 0
    with tempfile.TemporaryDirectory() as folder:
        found = {(compiler, level): layout(root, compiler, level, pathlib.Path(folder))
                 for compiler in COMPILERS for level in LEVELS}
    if "--update" in sys.argv:
        golden.write_text(found["g++", "-O0"])
    wanted = golden.read_text()
    for (compiler, level), text in found.items():
        if text != wanted:
            failed += 1
            name = f"{compiler} {level}"
            lines = [wanted.splitlines(True), text.splitlines(True)]
            sys.stdout.writelines(difflib.unified_diff(*lines, str(golden), name))
    print(f"REPORT {wanted.count(chr(10) + '  ')} fields alike with {', '.join(COMPILERS)} at {', '.join(LEVELS)}")
    return 1 if failed else 0


sys.exit(main())
