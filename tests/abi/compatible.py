#!/usr/bin/env python3
"""Programs that were built against a release go on with this library: its ABI is compared with that release's dump.

The ABI is what shmring.h declares; exports.py shows that the library exports just that. A library of empty functions with these
prototypes is compiled with debug information, and libabigail reads from it functions, types, and the header's constants,
which no prototype has. Any difference fails: one that old programs do not notice, as a field at the end of an options struct,
is accepted by a new dump, in a commit that says why.
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


def functions_of(path):
    """The functions that a dump describes. Compared with nothing, everything would be compatible: all that it exports must be
    described."""
    text = path.read_text()
    described = set(re.findall(r"<function-decl name='(\w+)'", text))
    exported = set(re.findall(r"<elf-symbol name='(\w+)' type='func-type'", text))
    if not exported or not exported <= described:
        sys.exit(f"{path.name} lacks {' '.join(sorted(exported - described)) or 'everything'}: it proves nothing")
    return exported


def dump(folder):
    """Returns the path of the dump of this version, and its functions."""
    source, library, out = folder / "shmring.c", folder / "libshmring.so.0", folder / "now.abi"
    header = re.sub(r"/\*.*?\*/", "", (HEADERS / "shmring.h").read_text(), flags=re.S)
    prototypes = re.findall(r"^SHMRING_API ([^;]*);", header, re.M)
    bodies = ("{}" if prototype.startswith("void ") else "{ return 0; }" for prototype in prototypes)
    macros = [name for name in re.findall(r"^ *#define (SHMRING_\w+) +\d", header, re.M) if "VERSION" not in name]
    constants = ", ".join(f"value_of_{name} = {name}" for name in macros)
    source.write_text(f"#include <shmring/shmring.h>\nenum shmring_macros {{ {constants} }};\n" +
                      "\n".join(map(" ".join, zip(prototypes, bodies))))
    subprocess.run(["gcc", "-g", "-O0", "-w", "-fPIC", "-shared", "-fno-eliminate-unused-debug-types",
                    f"-I{ROOT.resolve()}/lib/include", "-Wl,-soname,libshmring.so.0", source.name, "-o", library], cwd=folder,
                   check=True)
    subprocess.run(["abidw", "--load-all-types", "--no-corpus-path", "--no-comp-dir-path", "--no-show-locs", "--out-file", out,
                    library], check=True)
    declared = {re.search(r"(\w+)\s*\(", prototype)[1] for prototype in prototypes}
    missing = sorted(declared - functions_of(out))
    if missing:
        sys.exit(f"the dump lacks {' '.join(missing)}: it proves nothing")
    lost = [name for name in macros + re.findall(r"\b(SHMRING_\w+) = \d", header) if name + "'" not in out.read_text()]
    if lost or not macros:
        sys.exit(f"the dump lacks {' '.join(lost) or 'every constant'}: it proves nothing")
    return out, declared


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
            differing = functions ^ functions_of(release)
            if release.stem == f"libshmring-{version()}" and differing:
                print(f"{release.name}: not the functions of this version: {' '.join(sorted(differing))}")
                return 1
            done = subprocess.run(["abidiff", "--no-added-syms", "--non-reachable-types", release, now], stdout=subprocess.PIPE,
                                  text=True)
            if done.returncode != 0:
                print(f"{release.name}: not the same\n{done.stdout}")
                return 1
    print(f"REPORT {len(functions)} functions are compatible with {', '.join(release.stem for release in kept)}")
    return 0 if kept else 1


sys.exit(main())
