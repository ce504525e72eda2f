#!/usr/bin/env python3
"""The fuzz targets under clang's memory sanitizer: no uninitialized byte decides anything, is written into a log, or is left in
a segment. Each file of the corpus, then SECONDS of changed copies of them from SHMRING_TEST_SEED, a target.

libstdc++ is not instrumented: its templates are instantiated in the targets, and what its library writes, and libzstd, is told
by replay.cpp.
That does not do for CLI11, so what `shmring` itself does with a segment or a log is left out, and the target `emit` with it.

usage: memory.py ROOT BUILD [SECONDS]
"""
import glob
import os
import shutil
import subprocess
import sys
import tempfile

SECONDS = 20
CHOSEN = ["segment", "loads", "log", "values"]
FLAGS = ("-std=c++20 -O1 -g1 -Wall -Wextra -Wno-invalid-offsetof -fno-omit-frame-pointer -fsanitize=memory "
         "-fsanitize-memory-track-origins -fno-sanitize-recover=all -D_GLIBCXX_EXTERN_TEMPLATE=0")
WRAPPED = ["_ZSt29_Rb_tree_insert_and_rebalancebPSt18_Rb_tree_node_baseS0_RS_", "_ZSt8to_charsPcS_d",
           "_ZSt10from_charsPKcS0_RdSt12chars_format", "ZSTD_decompressDCtx", "mmap", "munmap"]
RULES = """builddir = {folder}
rule cxx
  command = {compiler} {flags} -I {root} -I {root}/lib/include -MD -MF $out.d -c $in -o $out
  depfile = $out.d
  deps = gcc
rule link
  command = {compiler} -fsanitize=memory {wrapped} $in -lzstd -lfmt -lcrypto -pthread -o $out
"""


def clang():
    compiler = shutil.which("clang++-14") or shutil.which("clang++")
    if compiler is None:
        sys.exit("clang++ is missing: run tests/support/install check")
    return compiler


def sources_of(root):
    return sorted(os.path.relpath(path, root) for path in glob.glob(f"{root}/lib/**/*.cpp", recursive=True))


def build(root, folder):
    os.makedirs(folder, exist_ok=True)
    common = [*sources_of(root), "tools/shmring/emit_fields.cpp", "tests/support/memory_log.cpp",
              "tests/fuzz/replay.cpp"]
    text = RULES.format(compiler=clang(), flags=FLAGS, root=root, folder=folder,
                        wrapped=" ".join(f"-Wl,--wrap={name}" for name in WRAPPED))
    for source in common + [f"tests/fuzz/{name}.cpp" for name in CHOSEN]:
        text += f"build {source}.o: cxx {root}/{source}\n"
    for name in CHOSEN:
        text += f"build {name}: link tests/fuzz/{name}.cpp.o {' '.join(f'{source}.o' for source in common)}\n"
    with open(f"{folder}/build.ninja", "w", encoding="utf-8") as file:
        file.write(text)
    subprocess.run(["ninja", "-C", folder, "--quiet"], check=True)


def main():
    root, folder = os.path.abspath(sys.argv[1]), os.path.abspath(f"{sys.argv[2]}/memory")
    seconds = sys.argv[3] if len(sys.argv) > 3 else str(SECONDS)
    build(root, folder)
    seed, failed, executions = os.environ.get("SHMRING_TEST_SEED", "1"), 0, 0
    for name in CHOSEN:
        with tempfile.TemporaryDirectory(prefix="shmring-fuzz-", dir="/dev/shm") as place:
            files = sorted(glob.glob(f"{root}/tests/fuzz/corpus/{name}/*"))
            done = subprocess.run([f"{folder}/{name}", seconds, seed, *files], stdin=subprocess.DEVNULL, text=True,
                                  env=dict(os.environ, SHMRING_FUZZ_DIR=place), errors="replace", check=False,
                                  stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        if done.returncode != 0:
            failed += 1
            print(f"{name}: status {done.returncode}, seed {seed}\n" + "\n".join(done.stderr.splitlines()[-80:]))
            continue
        executions += int(done.stdout)
        print(f"REPORT memory {name}: corpus of {len(files)}, {done.stdout.strip()} inputs, nothing uninitialized")
    print(f"TRIED {executions} inputs under the memory sanitizer")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
