#!/usr/bin/env python3
"""The main job from end to end, with programs that a sanitizer may be built into: collect, look, be killed and go on, drain,
verify. Each line that was written is in the log once, each exit status is what it is without a sanitizer, and none of the
programs has anything to say of memory, of leaks, or of undefined behaviour.

usage: main_job.py SHMRING SHMRINGD
"""
import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import time

SHMRING, SHMRINGD = map(os.path.abspath, sys.argv[1:3])
SLOTS, MAX_RECORD = 256, 4000
SAID = re.compile(rb"Sanitizer|runtime error")


def until(condition, what):
    end = time.monotonic() + 60
    while not condition():
        if time.monotonic() > end:
            sys.exit(f"never happened: {what}")
        time.sleep(0.01)


class Job:
    def __init__(self, folder):
        self.log, self.children, self.ran = f"{folder}/log", [], 0
        self.written = {}  # lines by producer, that must be events

    def start(self, *command, **more):
        self.children.append(subprocess.Popen(command, stderr=subprocess.PIPE, **more))
        return self.children[-1]

    def end(self, child, expected):
        _, said = child.communicate(timeout=60)
        self.judge(child.args, child.returncode, said, expected)

    def judge(self, command, status, said, expected):
        self.ran += 1
        if status != expected or SAID.search(said):
            sys.exit(f"{' '.join(command)}: status {status}, expected {expected}\n{said.decode(errors='replace')}")

    def run(self, *arguments, expected=0, data=b""):
        done = subprocess.run([SHMRING, *arguments], input=data, capture_output=True, timeout=60, check=False)
        self.judge([SHMRING, *arguments], done.returncode, done.stderr, expected)
        return done.stdout

    def collect(self):
        """A collector, once it has made a pass."""
        child = self.start(SHMRINGD, "--ring", "r", "--log", self.log, "--slots", str(SLOTS), "--slot-bytes", "128",
                           "--lanes", "3", "--max-record", str(MAX_RECORD), "--on-full", "wait", "--wait-us", "30000000")
        until(lambda: os.path.exists(f"{os.environ['SHMRING_DIR']}/shmring.r"), "the ring")
        until(lambda: json.loads(self.run("stat", "r", "--interval", "0", "-o", "json"))["collector"].get("pid") == child.pid,
              "the collector on its status page")
        return child

    def emit(self, producer, lines, *options, expected=0):
        self.run("emit", "r", "--producer", producer, *options, data="".join(f"{line}\n" for line in lines).encode(),
                 expected=expected)
        self.written[producer] = [line[:MAX_RECORD] for line in lines if expected == 0 or len(line) <= MAX_RECORD]

    def events(self, producer):
        lines = map(json.loads, self.run("log", self.log, "-o", "json").splitlines())
        data = [line["data"] for line in lines if line["kind"] == "event" and line["producer"] == producer]
        return [text if isinstance(text, str) else json.dumps(text) for text in data]

    def look(self):
        for command in (["ls"], ["ls", "-o", "json"], ["stat", "r", "--interval", "0"], ["dump", "r", "--hex"],
                        ["dump", "r", "-o", "json"], ["log", self.log], ["log", self.log, "-n", "5"]):
            self.run(*command)


def do_the_job(job):
    collector = job.collect()
    job.emit("text", ["x" * length for length in [*range(0, 400, 7), MAX_RECORD]] + ["\x01\"\\ä"])
    job.emit("big", ["y", "y" * (MAX_RECORD + 1), "z"], "--lane", "shared", expected=1)
    job.emit("cut", ["c" * (MAX_RECORD + 1)], "--truncate", "--type", "7=seven", "--lane", "exclusive")
    job.emit("json", [json.dumps({"n": n, "list": [1.5, None, "t"]}) for n in range(300)], "--json")
    living = job.start(SHMRING, "emit", "r", "--producer", "living", stdin=subprocess.PIPE)
    dying = job.start(SHMRING, "emit", "r", "--producer", "dying", stdin=subprocess.PIPE)
    job.written["living"] = [f"line {n}" for n in range(3 * SLOTS)]
    for part in range(3):
        lines = job.written["living"][part * SLOTS:(part + 1) * SLOTS]
        living.stdin.write("".join(f"{line}\n" for line in lines).encode())
        living.stdin.flush()
        until(lambda: len(job.events("living")) == (part + 1) * SLOTS, "the living producer's lines in the log")
        if part == 0:
            job.look()
            dying.kill()
            dying.communicate()
        if part == 1:
            collector.kill()
            job.end(collector, -signal.SIGKILL)
            collector = job.collect()
    job.end(living, 0)
    collector.send_signal(signal.SIGTERM)
    job.end(collector, 0)
    job.run("verify", job.log)
    job.run("verify", job.log, "-o", "json")
    for producer, lines in job.written.items():
        if job.events(producer) != lines:
            sys.exit(f"{producer}: the log has other events than were written")
    job.look()
    job.run("rm", "r")
    job.run("stat", "r", expected=3)


def main():
    with tempfile.TemporaryDirectory(prefix="shmring-test-") as folder:
        os.environ["SHMRING_DIR"] = f"{folder}/rings"
        os.mkdir(os.environ["SHMRING_DIR"])
        job = Job(folder)
        try:
            do_the_job(job)
        finally:
            for child in job.children:
                child.kill()
    print(f"REPORT the main job: {job.ran} programs, {sum(map(len, job.written.values()))} lines, each in the log once")


if __name__ == "__main__":
    main()
