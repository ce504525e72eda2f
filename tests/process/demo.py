#!/usr/bin/env python3
"""Ctrl-C in tools/demo: whatever it has started ends, also a producer that it has stopped, and nothing is left in its place.

The demo's build is this one: a ninja that does nothing, and a dpkg-query that finds all installed, stand before the real ones.
Its `shmring dump` never answers, so that the demo stays where it has stopped a producer to look at it.
usage: demo.py ROOT BUILD
"""
import os
import pathlib
import signal
import subprocess
import sys
import tempfile
import time

ROOT, BUILD = (os.path.abspath(argument) for argument in sys.argv[1:3])
NEVER_ENDING = b"100000000"  # how much the producer writes that is to be killed


def group(leader):
    """Command lines of a process group, its leader's left out, and their states."""
    found = {}
    for folder in pathlib.Path("/proc").glob("[0-9]*"):
        try:
            pid, fields = int(folder.name), (folder / "stat").read_text().rpartition(")")[2].split()
            if int(fields[2]) == leader and pid != leader and fields[0] != "Z":
                found[(folder / "cmdline").read_bytes()] = fields[0]
        except OSError:
            pass  # it has ended
    return found


def until(condition, what):
    end = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < end, "never happened: " + what
        time.sleep(0.005)


def places(folder):
    return {place for parent in ("/dev/shm", folder) for place in pathlib.Path(parent).glob("shmring-demo.*")}


def executable(path, text):
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)


def make_build(folder):
    (folder / "tools").mkdir(parents=True)
    executable(folder / "tools/shmring", f'[ "$1" != dump ] || exec sleep 1000\nexec {BUILD}/tools/shmring "$@"')
    for name in ("build.ninja", "examples", "tools/shmringd"):
        os.symlink(f"{BUILD}/{name}", folder / name)


def main():
    with tempfile.TemporaryDirectory(prefix="shmring-test-") as folder:
        for name, does in [("ninja", "exit 0"), ("dpkg-query", "echo installed")]:
            executable(pathlib.Path(folder, name), does)
        make_build(pathlib.Path(folder, "demo"))
        environment = {**os.environ, "PATH": f"{folder}:{os.environ['PATH']}", "SHMRING_BUILD": folder, "TMPDIR": folder}
        before, said = places(folder), pathlib.Path(folder, "said")
        with said.open("w") as file:
            demo = subprocess.Popen([f"{ROOT}/tools/demo"], env=environment, stdout=subprocess.DEVNULL, stderr=file,
                                    start_new_session=True)
        try:
            stopped = lambda: any(NEVER_ENDING in line and state == "T" for line, state in group(demo.pid).items())
            until(lambda: demo.poll() is not None or stopped(), "a producer is stopped")
            assert demo.poll() is None, f"ended by itself, status {demo.returncode}: {said.read_text()}"
            os.killpg(demo.pid, signal.SIGINT)
            assert demo.wait(60) == 130, f"status {demo.returncode}: {said.read_text()}"
            assert not group(demo.pid), f"still there: {group(demo.pid)}"
            assert places(folder) <= before, f"left behind: {places(folder) - before}"
        finally:
            if demo.returncode is None or group(demo.pid):
                os.killpg(demo.pid, signal.SIGKILL)
    print("REPORT Ctrl-C in tools/demo: collector and producers end, their place is gone")


if __name__ == "__main__":
    main()
