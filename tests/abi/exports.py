#!/usr/bin/env python3
"""libshmring.so exports what shmring.h declares, and needs libc and libstdc++ at run time: nothing else.

usage: exports.py ROOT LIBRARY
"""
import pathlib
import re
import subprocess
import sys

# libgcc_s and libm come with libstdc++; the loader with libc.
ALLOWED = re.compile(r"(libc|libstdc\+\+|libgcc_s|libm|ld-linux[-\w]*)\.so\.\d+")


def tool(*command):
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout


def main():
    root, library = pathlib.Path(sys.argv[1]), sys.argv[2]
    header = (root / "lib/include/shmring/shmring.h").read_text()
    declared = set(re.findall(r"^SHMRING_API[^;(]*?(\w+)\s*\(", header, re.M))
    symbols = [line.split() for line in tool("nm", "-D", "--defined-only", library).splitlines()]
    exported = {name.split("@")[0] for _, kind, name in symbols if kind != "A"}
    dynamic = tool("readelf", "-dW", library)
    needed = re.findall(r"\(NEEDED\).*\[(.*)\]", dynamic)
    problems = [f"declared, not exported: {name}" for name in sorted(declared - exported)]
    problems += [f"exported, not declared: {name}" for name in sorted(exported - declared)]
    problems += [f"needs {name} at run time" for name in needed if not ALLOWED.fullmatch(name)]
    if "[libshmring.so.0]" not in dynamic:
        problems.append("its soname is not libshmring.so.0")
    print(*problems, sep="\n")
    print(f"REPORT {len(exported)} exports; needs {', '.join(needed)}")
    return 1 if problems or not declared else 0


sys.exit(main())
