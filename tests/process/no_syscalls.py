#!/usr/bin/env python3
"""10^7 writes make no system call: strace sees none between two marker calls, while a collector drains the ring.

usage: no_syscalls.py SHMRINGD WRITE_LOOP     exit 77: there is no strace
"""
import os
import re
import shutil
import subprocess
import sys
import tempfile


def traced_calls(program, arguments, folder):
    """([the lines that strace saw between the markers], what the program printed)"""
    trace = os.path.join(folder, "trace")
    run = subprocess.run(["strace", "-f", "-o", trace, program, *arguments], stdout=subprocess.PIPE, text=True, check=True)
    with open(trace, encoding="utf-8") as lines:
        text = lines.read()
    between = re.search(r'write\(-1, "begin", 5\)[^\n]*\n(.*?)^[^\n]*write\(-1, "end", 3\)', text, re.M | re.S)
    if between is None:
        sys.exit(f"no markers in the trace of {program}")
    return between.group(1).splitlines(), run.stdout.strip()


def main():
    daemon, program = sys.argv[1:]
    if shutil.which("strace") is None:
        print("strace is not installed")
        return 77
    count = 10**6 if os.environ.get("SHMRING_TEST_MODE", "quick") == "quick" else 10**7
    with tempfile.TemporaryDirectory(dir="/dev/shm", prefix="shmring-process-") as rings, \
            tempfile.TemporaryDirectory(prefix="shmring-process-") as home:
        os.environ["SHMRING_DIR"] = rings
        with subprocess.Popen([daemon, "--ring", "r", "--log", home + "/log", "--slots", "65536", "--lanes", "2"]) as collector:
            try:
                while not os.path.exists(rings + "/shmring.r"):
                    if collector.poll() is not None:
                        return 1
                control, _ = traced_calls(program, ["r", "1", "100", "3"], home)
                if len(control) != 3:
                    print(f"3 calls were made, {len(control)} were seen: this test proves nothing")
                    return 1
                for name, lane in ("shared", "1"), ("exclusive", "2"):
                    calls, printed = traced_calls(program, ["r", lane, str(count)], home)
                    print(f"REPORT process strace over {count} writes, {name} lane: {len(calls)} system calls ({printed})")
                    if calls or not int(printed.split()[0]):
                        print("\n".join(calls[:20]))
                        return 1
            finally:
                collector.terminate()
        return collector.returncode


sys.exit(main())
