#!/usr/bin/env python3
"""Programs that were built against a release go on with this library: its ABI is compared with that release's dump.

The ABI is what shmring.h declares; exports.py shows that the library exports just that. A library of empty functions with these
prototypes is compiled with debug information, and libabigail reads functions and types from it. Any difference fails: one that
old programs do not notice, as a field at the end of an options struct, is accepted by a new dump, in a commit that says why.
usage: compatible.py ROOT [--write]     --write: stores the dump of this version
"""
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(sys.argv[1])
HEADERS = ROOT / "lib/include/shmring"
SKIPPED = 77


def version():
    text = (HEADERS / "shmring.h").read_text()
    return ".".join(re.search(rf"SHMRING_VERSION_{part} (\d+)", text)[1] for part in ("MAJOR", "MINOR"))


def dump(folder):
    """Returns the path of the dump of this version, and how many functions it has."""
    source, library, out = folder / "shmring.c", folder / "libshmring.so.0", folder / "now.abi"
    header = re.sub(r"/\*.*?\*/", "", (HEADERS / "shmring.h").read_text(), flags=re.S)
    prototypes = re.findall(r"^SHMRING_API ([^;]*);", header, re.M)
    bodies = ("{}" if prototype.startswith("void ") else "{ return 0; }" for prototype in prototypes)
    source.write_text("#include <shmring/shmring.h>\n" + "\n".join(map(" ".join, zip(prototypes, bodies))))
    subprocess.run(["gcc", "-g", "-O0", "-w", "-fPIC", "-shared", f"-I{ROOT.resolve()}/lib/include",
                    "-Wl,-soname,libshmring.so.0", source.name, "-o", library], cwd=folder, check=True)
    subprocess.run(["abidw", "--no-corpus-path", "--no-comp-dir-path", "--no-show-locs", "--out-file", out, library],
                   check=True)
    declared = [re.search(r"(\w+)\s*\(", prototype)[1] for prototype in prototypes]
    seen = re.findall(r"<function-decl name='(\w+)'", out.read_text())
    missing = sorted(set(declared) - set(seen))
    if missing or not declared:
        sys.exit(f"the dump lacks {' '.join(missing) or 'everything'}: it proves nothing")
    return out, len(declared)


def main():
    if shutil.which("abidiff") is None:
        print("SKIPPED no abigail-tools here")
        return SKIPPED
    with tempfile.TemporaryDirectory() as folder:
        now, functions = dump(pathlib.Path(folder))
        if "--write" in sys.argv:
            shutil.copy(now, ROOT / f"tests/abi/libshmring-{version()}.abi")
            return 0
        kept = sorted((ROOT / "tests/abi").glob("*.abi"))
        for release in kept:
            done = subprocess.run(["abidiff", "--no-added-syms", release, now], stdout=subprocess.PIPE, text=True)
            if done.returncode != 0:
                print(f"{release.name}: not the same\n{done.stdout}")
                return 1
    print(f"REPORT {functions} functions are compatible with {', '.join(release.stem for release in kept)}")
    return 0 if kept else 1


sys.exit(main())
