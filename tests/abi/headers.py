#!/usr/bin/env python3
"""The public headers, each by itself, with each compiler and standard that may meet them, without a warning.

shmring.h: C99, where no struct has padding, and C++11 to C++20. The C++ headers: C++20; older ones get one line that says so.
usage: headers.py ROOT
"""
import pathlib
import re
import subprocess
import sys
import tempfile

C, CXX = ["gcc", "clang"], ["g++", "clang++"]
STRICT = ["-Wall", "-Wextra", "-pedantic", "-Wshadow", "-Wconversion", "-Werror"]
CXX_HEADERS = ["shmring.hpp", "fields.hpp", "format.hpp", "per_thread.hpp"]
ROOT = pathlib.Path(sys.argv[1])


def compiled(folder, compiler, standard, header, *options):
    """The lines of what the compiler says about a file that includes the header, and nothing else."""
    source = folder / ("only.c" if compiler in C else "only.cpp")
    source.write_text(f"#include <shmring/{header}>\n", encoding="utf-8")
    command = [compiler, f"-std={standard}", *options, "-I", str(ROOT / "lib/include"), "-fsyntax-only", str(source)]
    done = subprocess.run(command, stderr=subprocess.PIPE, text=True, check=False)
    return done.returncode, done.stderr.splitlines()


def accepted(folder):
    cases = [(compiler, "c99", "shmring.h", "-Wpadded") for compiler in C]
    cases += [(compiler, standard, "shmring.h") for compiler in CXX for standard in ("c++11", "c++17", "c++20")]
    cases += [("g++", "c++20", header) for header in CXX_HEADERS] + [("clang++", "c++20", "shmring.hpp")]
    for case in cases:
        status, said = compiled(folder, *case, *STRICT)
        if status != 0 or said:
            yield f"{' '.join(case)}: {said[:3]}"


def refused(folder):
    for compiler in CXX:
        for header in CXX_HEADERS:
            status, said = compiled(folder, compiler, "c++17", header)
            errors = [line for line in said if re.search(r"\berror:", line)]
            if status == 0 or len(errors) != 1 or "needs C++20" not in errors[0]:
                yield f"{compiler} -std=c++17 {header}: expected one error that says C++20, got {len(errors)}: {errors[:2]}"


def main():
    with tempfile.TemporaryDirectory() as name:
        problems = [*accepted(pathlib.Path(name)), *refused(pathlib.Path(name))]
    print("\n".join(problems))
    print(f"REPORT {len(CXX_HEADERS) + 1} public headers with {', '.join(C + CXX)}; older C++ gets one line")
    return 1 if problems else 0


sys.exit(main())
