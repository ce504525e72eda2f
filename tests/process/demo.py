#!/usr/bin/env python3
"""Ctrl-C in tools/demo: whatever it has started ends, also a producer that it has stopped, and nothing is left in its place.

The demo's build is this one: a ninja that does nothing, and a dpkg-query that finds all installed, stand before the real ones.
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
    """The command lines of a process group, its leader's left out."""
    found = []
    for folder in pathlib.Path("/proc").glob("[0-9]*"):
        try:
            pid, fields = int(folder.name), (folder / "stat").read_text().rpartition(")")[2].split()
            if int(fields[2]) == leader and pid != leader and fields[0] != "Z":
                found.append((folder / "cmdline").read_bytes())
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


def main():
    with tempfile.TemporaryDirectory(prefix="shmring-test-") as folder:
        for name, does in [("ninja", "exit 0"), ("dpkg-query", "echo installed")]:
            fake = pathlib.Path(folder, name)
            fake.write_text(f"#!/bin/sh\n{does}\n")
            fake.chmod(0o755)
        os.symlink(BUILD, f"{folder}/demo")
        environment = {**os.environ, "PATH": f"{folder}:{os.environ['PATH']}", "SHMRING_BUILD": folder, "TMPDIR": folder}
        before, said = places(folder), pathlib.Path(folder, "said")
        with said.open("w") as file:
            demo = subprocess.Popen([f"{ROOT}/tools/demo"], env=environment, stdout=subprocess.DEVNULL, stderr=file,
                                    start_new_session=True)
        try:
            until(lambda: demo.poll() is not None or any(NEVER_ENDING in line for line in group(demo.pid)), "all have started")
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
