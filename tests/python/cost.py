"""What a write costs in Python, drained live: at most two writes in C and an empty call of a Python function, in one run.

usage: cost.py COST_PROGRAM        in the environment where the package is installed; SHMRING_TOOLS: the folder with shmringd
"""
import os
import pathlib
import re
import statistics
import subprocess
import sys
import tempfile
import time

import shmring

ROUNDS, WRITES = 50, 20_000
PAYLOAD = "order 17 authorised".ljust(64)


def empty(payload, type, severity):
    pass


def timed(function):
    began = time.perf_counter_ns()
    for _ in range(WRITES):
        function(PAYLOAD, 1, 6)
    return time.perf_counter_ns() - began


def loop():
    began = time.perf_counter_ns()
    for _ in range(WRITES):
        pass
    return time.perf_counter_ns() - began


def until_logged(tools, records):
    """A round begins with an empty ring, so that no write is refused."""
    command, logged = [tools / "shmring", "stat", "r", "-o", "prometheus"], 0
    while logged < records:
        text = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
        logged = int(re.search(r'^shmring_logged_total\{ring="r"\} (\d+)$', text, re.M)[1])


def main():
    tools = pathlib.Path(os.environ["SHMRING_TOOLS"])
    with tempfile.TemporaryDirectory(dir="/dev/shm", prefix="shmring-cost-") as folder:
        os.environ["SHMRING_DIR"] = folder
        shmring.create("r", slots=65536)
        command = [tools / "shmringd", "--ring", "r", "--slots", "65536", "--log", folder + "/log", "--busy"]
        collector = subprocess.Popen(command, stderr=subprocess.DEVNULL)
        in_c = subprocess.Popen([sys.argv[1], "r", "1", str(WRITES)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        audit = shmring.Producer("r")
        rounds = []
        for i in range(ROUNDS):
            in_c.stdin.write("x")
            in_c.stdin.flush()
            c = float(in_c.stdout.readline())
            until_logged(tools, (2 * i + 1) * WRITES)
            overhead = loop()
            call, write = (timed(empty) - overhead) / WRITES, (timed(audit.write) - overhead) / WRITES
            until_logged(tools, (2 * i + 2) * WRITES)
            rounds.append((c, call, write, write / (2 * c + call)))
        audit.detach()
        in_c.communicate()
        collector.terminate()
        if collector.wait(60) != 0:
            sys.exit("the collector failed")
        c, call, write, ratio = map(statistics.median, zip(*rounds))
    print(f"REPORT ns a write, medians: in C {c:.1f}, an empty call of Python {call:.1f}, in Python {write:.1f}: "
          f"{ratio:.2f} of two writes in C and the call")
    return 0 if ratio <= 1 else 1


sys.exit(main())
