#!/usr/bin/env python3
"""Fuzz targets: built with clang, libFuzzer, address and undefined behaviour sanitizers, beside the other builds; then run.

The corpus in the tree is replayed first: what is in it passes, or the test fails; found crashes stay in it under a name of
their own, as do inputs that name what they scribble over. Then, by SHMRING_TEST_MODE, the target goes on for no time (quick),
20 seconds (check) or 4 minutes (long), on one processor, from SHMRING_TEST_SEED. A new crash is kept in the build folder, and
its path printed.

usage: fuzz.py ROOT BUILD TARGET [SECONDS]     TARGET: segment, loads, log, values or emit
"""
import fcntl
import glob
import os
import re
import shutil
import subprocess
import sys
import tempfile

SECONDS = {"quick": 0, "check": 20, "long": 240}
COMMANDS = ["common/help", *("shmring/" + name for name in (
    "dump", "dump_json", "dump_text", "emit", "emit_fields", "emit_room", "log", "log_filter", "text"))]
TARGETS = {  # with the longest input
    "segment": ("tests/fuzz/segment.cpp", 256),
    "loads": ("tests/fuzz/loads.cpp", 256),
    "log": ("tests/fuzz/log.cpp", 2048),
    "values": ("tests/fuzz/values.cpp", 512),
    "emit": ("tests/fuzz/emit.cpp", 1024),
}
FLAGS = ("-std=c++20 -O1 -g1 -Wall -Wextra -Wno-invalid-offsetof -fno-omit-frame-pointer "
         "-fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=all")
RULES = """rule cxx
  command = {compiler} {flags} -I {root} -I {root}/lib/include -MD -MF $out.d -c $in -o $out
  depfile = $out.d
  deps = gcc
rule link
  command = {compiler} -fsanitize=fuzzer,address,undefined $in -lfmt -o $out
"""


def clang():
    compiler = shutil.which("clang++-14") or shutil.which("clang++")
    if compiler is None:
        sys.exit("clang++ is missing: run tests/support/install check")
    return compiler


def sources_of(root):
    return sorted(os.path.relpath(path, root) for path in glob.glob(f"{root}/lib/*.cpp") + glob.glob(f"{root}/lib/*/*.cpp"))


def build(root, folder, target):
    """One ninja file for all targets; the objects of the library are shared."""
    os.makedirs(folder, exist_ok=True)
    sources = sources_of(root) + [f"tools/{name}.cpp" for name in COMMANDS]
    text = RULES.format(compiler=clang(), flags=FLAGS, root=root)
    for source in sources + [source for source, _ in TARGETS.values()]:
        text += f"build {source}.o: cxx {root}/{source}\n"
    for name, (source, _) in TARGETS.items():
        text += f"build {name}: link {source}.o {' '.join(f'{other}.o' for other in sources)}\n"
    with open(f"{folder}/lock", "w", encoding="utf-8") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not os.path.exists(f"{folder}/build.ninja") or open(f"{folder}/build.ninja", encoding="utf-8").read() != text:
            with open(f"{folder}/build.ninja", "w", encoding="utf-8") as file:
                file.write(text)
        subprocess.run(["ninja", "-C", folder, "--quiet", target], check=True)


def run(folder, target, corpus, seconds):
    """Its output; the crash that it found lies in the build folder."""
    seed = int(os.environ.get("SHMRING_TEST_SEED", "1")) % 2**32 or 1
    found = f"{folder}/found-{target}"
    os.makedirs(found, exist_ok=True)
    options = [f"-seed={seed}", "-rss_limit_mb=2048", "-timeout=20", "-close_fd_mask=3", "-print_final_stats=1",
               f"-max_len={TARGETS[target][1]}", f"-artifact_prefix={found}/"]
    options.append("-entropic=0")  # its bookkeeping costs more than these small executions
    options.append(f"-max_total_time={seconds}" if seconds else "-runs=0")
    with tempfile.TemporaryDirectory(prefix="shmring-fuzz-", dir="/dev/shm") as place:
        new = f"{place}/corpus"
        os.makedirs(new)
        # What was freed is used again soon: fresh pages for each execution cost more than what it does.
        sanitizer = f"{os.environ.get('ASAN_OPTIONS', '')}:quarantine_size_mb=8".strip(":")
        environment = dict(os.environ, SHMRING_FUZZ_DIR=place, ASAN_OPTIONS=sanitizer)
        result = subprocess.run([f"{folder}/{target}", *options, new, corpus], env=environment, text=True, errors="replace",
                                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
    return result.returncode, result.stdout


def main():
    root, build_root, target = os.path.abspath(sys.argv[1]), sys.argv[2], sys.argv[3]
    seconds = int(sys.argv[4]) if len(sys.argv) > 4 else SECONDS[os.environ.get("SHMRING_TEST_MODE", "quick")]
    folder = os.path.abspath(f"{build_root}/fuzz")
    build(root, folder, target)
    corpus = f"{root}/tests/fuzz/corpus/{target}"
    status, output = run(folder, target, corpus, seconds)
    if status != 0:
        print("\n".join(output.splitlines()[-120:]))
        return 1
    executions = int(re.search(r"number_of_executed_units: (\d+)", output).group(1))
    per_second = int(re.search(r"average_exec_per_sec: +(\d+)", output).group(1))
    coverage = re.findall(r"cov: (\d+) ft: (\d+)", output)[-1]
    kept = len(os.listdir(corpus))
    print(f"REPORT fuzz {target}: corpus of {kept} and {max(executions - kept, 0)} more inputs in {seconds} s "
          f"({per_second}/s), {coverage[0]} edges, {coverage[1]} features, no finding")
    print(f"TRIED {executions} fuzz executions")
    return 0 if executions >= kept else 1


if __name__ == "__main__":
    sys.exit(main())
