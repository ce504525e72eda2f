#!/usr/bin/env python3
"""Who attaches while `shmring gc` or `shmring rm` removes a ring: nothing that was acknowledged is lost.

The remover is held, or killed, at each point between its judgement and the end of the name: strace stops it behind a system
call.
usage: removal.py SHMRING SHMRINGD LIBSHMRING.SO     exit 77: there is no strace, or it may not trace
"""
import json
import os
import re
import shutil
import signal
import struct
import subprocess
import sys
import time

from command_case import (ABSENT, BUSY, CREATOR_PID, CommandCase, ENTRIES, OK, SHMRING, SHMRINGD, STATE, a_dead_pid, main,
                          until)

# Behind which call it is held: judged, and not retired yet; asking the kernel whether it may; within its look; behind it.
POINTS = {"judged": "flock:when=1", "asked": "unlinkat:when=1", "looking": "pidfd_open:when={pidfd}",
          "looked": "fcntl:when={fcntl}"}
RETIRED = ["looking", "looked"]
COMMANDS = [["gc"], ["rm", "r"]]


class Removal(CommandCase):
    held = 0

    def setUp(self):
        super().setUp()
        self.stopped = set()  # removers; where a test fails they are still there

    def tearDown(self):
        for pid in self.stopped:
            os.kill(pid, signal.SIGKILL)
        super().tearDown()

    def let(self, remover, pid, signum):
        """It goes on, or is killed: what it has said."""
        os.kill(pid, signum)
        self.stopped.discard(pid)
        return remover.communicate(timeout=60)[0]

    def make(self):
        """A ring that nobody needs: its creator is dead, and so is the one that holds a place and has written nothing."""
        if os.path.exists(self.path()):
            os.remove(self.path())
        self.create()
        with open(self.path(), "r+b") as file:
            for at, form, value in [(CREATOR_PID, "I", a_dead_pid()), (ENTRIES, "Q", a_dead_pid() << 42 | 1 << 2 | 2)]:
                file.seek(at)
                file.write(struct.pack("<" + form, value))

    def state(self):
        with open(self.path(), "rb") as file:
            return struct.unpack_from("<I", file.read(STATE + 4), STATE)[0]

    def calls_of_the_look(self, command):
        """The how manieth calls of their kinds an undisturbed removal makes in its look behind the retirement: between the
        question whether the name may be removed, and its removal."""
        self.make()
        trace = os.path.join(self.folder, "count")
        subprocess.run(["strace", "-qq", "-o", trace, "-e", "trace=pidfd_open,fcntl,unlinkat", SHMRING, *command],
                       check=True, stdout=subprocess.DEVNULL)
        with open(trace, encoding="utf-8") as file:
            calls = [line.split("(")[0] for line in file if "(" in line]
        removed = len(calls) - calls[::-1].index("unlinkat") - 1
        return {"pidfd": calls[:removed].count("pidfd_open"), "fcntl": calls[:removed].count("fcntl")}

    def hold(self, command, point):
        """(strace, the pid of the remover, which is stopped there)"""
        counts = self.calls_of_the_look(command) if point in RETIRED else {}
        self.make()
        call, when = POINTS[point].format(**counts).split(":")
        trace = os.path.join(self.folder, "trace")
        if os.path.exists(trace):
            os.remove(trace)
        remover = self.start("strace", "-f", "-qq", "-o", trace, "-e", f"trace={call}", "-e",
                             f"inject={call}:signal=SIGSTOP:{when}", SHMRING, *command, stdout=subprocess.PIPE,
                             stderr=subprocess.STDOUT, text=True)

        def stopped():
            if remover.poll() is not None:
                raise AssertionError(f"{command}, {point}: it was not held: {remover.stdout.read()}")
            with open(trace, encoding="utf-8") as file:
                return re.search(r"^(\d+) .*stopped by SIGSTOP", file.read(), re.M)

        pid = int(until(lambda: os.path.exists(trace) and stopped(), "held")[1])
        self.stopped.add(pid)
        type(self).held += 1
        return remover, pid

    def emit(self, text):
        """The status; 0: the record is acknowledged."""
        return self.run_it("emit", "r", data=text.encode() + b"\n").status

    def emit_at_last(self, text):
        """As an application does it: once more while it is told to, and a new ring where there is none any more."""
        def done():
            status = self.emit(text)
            if status == ABSENT:
                self.create()
            return status == OK
        until(done, "acknowledged")

    def logged(self):
        """What a collector that starts now has logged when the ring is drained."""
        log = os.path.join(self.folder, "log")
        shutil.rmtree(log, ignore_errors=True)
        collector = self.start(SHMRINGD, "--ring", "r", "--log", log, stderr=subprocess.PIPE, text=True)
        look = lambda: self.run_it("stat", "r", "--interval", "0", "-o", "json")
        until(lambda: collector.poll() is not None or (done := look()).status == OK and
              done.lines[0]["collector"].get("pid") == collector.pid and not done.lines[0]["producers"], "drained")
        collector.terminate()
        self.assertEqual(collector.wait(30), OK, collector.stderr.read())
        self.assertEqual(self.run_it("verify", log).status, OK)
        lines = []
        for name in sorted(os.listdir(log)):
            if name.endswith(".jsonl"):
                with open(os.path.join(log, name), encoding="utf-8") as file:
                    lines += [json.loads(line) for line in file]
        return [line["data"] for line in lines if line["kind"] == "event"]

    def test_what_is_acknowledged_while_a_remover_is_held_is_in_the_log(self):
        for command in COMMANDS:
            for point in POINTS:
                with self.subTest(command=command, point=point):
                    remover, pid = self.hold(command, point)
                    self.assertTrue(os.path.exists(self.path()))
                    acknowledged = [text for text in ["held 1", "held 2"] if self.emit(text) == OK]
                    # Before it is retired who attaches is served; later he is told to try again, for the name may go.
                    self.assertEqual(len(acknowledged), 0 if point in RETIRED else 2)
                    said = self.let(remover, pid, signal.SIGCONT)
                    self.assertEqual(remover.returncode, BUSY if acknowledged and command[0] == "rm" else OK, said)
                    self.assertEqual(os.path.exists(self.path()), bool(acknowledged), said)
                    if acknowledged:
                        self.assertIn("are in no log, 2 by now", said)
                        self.assertEqual(self.state(), 1)
                    self.emit_at_last("afterwards")
                    self.assertEqual(self.logged(), [*acknowledged, "afterwards"])

    def test_who_attaches_again_and_again_while_rings_are_removed_loses_nothing(self):
        for point in RETIRED:
            with self.subTest(point=point):
                remover, pid = self.hold(["gc"], point)
                producer = self.start(sys.executable, __file__, *sys.argv[1:4], "--emit", stdin=subprocess.DEVNULL)
                time.sleep(1)  # the window: no condition is waited for, it is only held open
                self.assertIsNone(producer.poll())
                self.let(remover, pid, signal.SIGCONT)
                until(lambda: os.path.exists(self.path()) or self.create() is None, "there is a ring")
                self.assertEqual(producer.wait(60), 0)
                self.assertEqual(self.logged(), ["persistent"])

    def test_a_remover_that_is_killed_leaves_a_name_that_serves_whoever_comes_next(self):
        def serves_emit():
            self.emit_at_last("next")
            self.assertEqual(self.state(), 1)
            self.assertEqual(self.logged(), ["next"])

        def serves_shmringd():
            self.assertEqual(self.logged(), [])
            self.assertEqual(self.state(), 1)
            serves_emit()

        def is_removed(*command):
            self.assertEqual(self.run_it(*command).status, OK)
            self.assertFalse(os.path.exists(self.path()))

        for command in COMMANDS:
            for point in POINTS:
                for next_one in [serves_emit, serves_shmringd, lambda: is_removed("gc"), lambda: is_removed("rm", "r")]:
                    with self.subTest(command=command, point=point):
                        remover, pid = self.hold(command, point)
                        self.let(remover, pid, signal.SIGKILL)
                        self.assertEqual(self.state(), 2 if point in RETIRED else 1)
                        next_one()

    def abandon(self):
        self.make()
        self.emit_at_last("kept")
        with open(self.path(), "r+b") as file:
            file.seek(STATE)
            file.write(struct.pack("<I", 2))

    def test_rm_that_keeps_an_abandoned_ring_opens_it_again(self):
        self.abandon()
        self.assertIn("not removed", self.run_it("rm", "r").err)
        self.assertEqual(self.state(), 1)
        self.assertEqual(self.logged(), ["kept"])

    def test_gc_that_keeps_an_abandoned_ring_opens_it_again(self):
        self.abandon()
        self.assertIn("kept r", self.run_it("gc", "-n").out.decode())
        self.assertEqual(self.state(), 2)  # it only looks
        self.assertIn("the next one that attaches opens the ring again", self.run_it("doctor", "r").out.decode())
        self.assertIn("kept r", self.run_it("gc").out.decode())
        self.assertEqual(self.state(), 1)
        self.assertEqual(self.logged(), ["kept"])


def emit_until_it_is_acknowledged():
    emit = [SHMRING, "emit", "r"]
    while subprocess.run(emit, input=b"persistent\n", stderr=subprocess.DEVNULL, check=False).returncode != OK:
        time.sleep(0.01)


if __name__ == "__main__":
    if "--emit" in sys.argv:
        emit_until_it_is_acknowledged()
        sys.exit(0)
    if shutil.which("strace") is None or subprocess.run(
            ["strace", "-o", "/dev/null", "-e", "inject=getpid:error=EIO:when=9", "true"], capture_output=True).returncode:
        print("strace is not installed, or may not trace")
        sys.exit(77)
    status = 0
    try:
        main()
    finally:
        print(f"REPORT process {Removal.held} removers held or killed between judgement and removal; nothing lost")
