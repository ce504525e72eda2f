#!/usr/bin/env python3
"""Runs a fuzz target, which Meson builds with clang, libFuzzer, address and undefined behaviour sanitizers.

The corpus in the tree is replayed first: what is in it passes, or the test fails; found crashes stay in it under a name of
their own, as do inputs that name what they scribble over. Then, by SHMRING_TEST_MODE, the target goes on for no time (quick),
5 seconds (check) or 4 minutes (long), on one processor, from SHMRING_TEST_SEED. A new crash is kept beside the program, and its
path printed.

usage: fuzz.py PROGRAM CORPUS [SECONDS]     PROGRAM: fuzz_ and the name of a target
"""
import os
import re
import subprocess
import sys
import tempfile

SECONDS = {"quick": 0, "check": 5, "long": 240}
LONGEST = {"segment": 256, "loads": 256, "log": 2048, "values": 512, "emit": 1024, "seal": 2048}  # input, by target


def run(program, target, corpus, seconds):
    """Its output; the crash that it found lies beside the program."""
    seed = int(os.environ.get("SHMRING_TEST_SEED", "1")) % 2**32 or 1
    found = f"{os.path.dirname(program)}/found-{target}"
    os.makedirs(found, exist_ok=True)
    options = [f"-seed={seed}", "-rss_limit_mb=2048", "-timeout=20", "-close_fd_mask=3", "-print_final_stats=1",
               f"-max_len={LONGEST[target]}", f"-artifact_prefix={found}/"]
    options.append("-entropic=0")  # its bookkeeping costs more than these small executions
    options.append(f"-max_total_time={seconds}" if seconds else "-runs=0")
    with tempfile.TemporaryDirectory(prefix="shmring-fuzz-", dir="/dev/shm") as place:
        new = f"{place}/corpus"
        os.makedirs(new)
        # What was freed is used again soon: fresh pages for each execution cost more than what it does.
        sanitizer = f"{os.environ.get('ASAN_OPTIONS', '')}:quarantine_size_mb=8".strip(":")
        environment = dict(os.environ, SHMRING_FUZZ_DIR=place, ASAN_OPTIONS=sanitizer)
        result = subprocess.run([program, *options, new, corpus], env=environment, text=True, errors="replace",
                                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
    return result.returncode, result.stdout


def main():
    program, corpus = map(os.path.abspath, sys.argv[1:3])
    target = os.path.basename(program).removeprefix("fuzz_")
    seconds = int(sys.argv[3]) if len(sys.argv) > 3 else SECONDS[os.environ.get("SHMRING_TEST_MODE", "quick")]
    status, output = run(program, target, corpus, seconds)
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
