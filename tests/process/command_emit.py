#!/usr/bin/env python3
"""`shmring emit` where the ring is full, or a signal comes: nothing that was waited for is lost, and nothing waits for ever.

usage: command_emit.py SHMRING SHMRINGD LIBSHMRING.SO
"""
import ctypes
import os
import re
import signal
import subprocess

from command_case import (CommandCase, Create, LANES, NEGATIVE, OK, SHMRING, SHMRINGD, SLOTS, SLOT_BYTES, USAGE, main,
                          until)

WAIT = 2  # shmring_policy
INTERRUPTED, TERMINATED = 130, 143
MINUTE_US = 60_000_000
AT_ONCE = 5  # seconds; of a machine that does other things too
DEFAULT_SLOTS = 16384


class Emit(CommandCase):
    def stat(self):
        (stat,) = self.expect(OK, "stat", "r", "--interval", "0", "-o", "json").lines
        return stat

    def collect(self):
        daemon = self.start(SHMRINGD, "--ring", "r", "--log", f"{self.folder}/log")
        until(lambda: os.path.exists(self.path()) and self.stat()["collector"]["state"] == "collecting", "a pass")
        return daemon

    def verified(self, daemon):
        """What the log says once the collector has ended."""
        daemon.terminate()
        self.assertEqual(daemon.wait(30), OK)
        (verdict,) = self.expect(OK, "verify", f"{self.folder}/log", "-o", "json").lines
        return verdict

    def emit(self, *arguments, lines=None, stdin=None):
        """It runs; its standard input has so many lines."""
        if lines is not None:
            path = f"{self.folder}/lines-{len(self.children)}"
            with open(path, "wb") as file:
                file.write(b"".join(b"%d\n" % n for n in range(lines)))
            stdin = open(path, "rb")
            self.addCleanup(stdin.close)
        return self.start(SHMRING, "emit", "r", *arguments, stdin=stdin, stderr=subprocess.PIPE)

    def attempted(self):
        producers = self.stat()["producers"]
        return producers[0]["attempted"] if producers else 0

    def ends(self, emit, status, text, within=AT_ONCE):
        """It has ended by itself, or by the signal that was just sent, and says this."""
        err = emit.communicate(timeout=within)[1].decode()
        self.assertEqual(emit.returncode, status, err)
        self.assertIn(text, err)

    # ---------------------------------------------------------------------------------------------------- --wait

    def test_of_a_file_larger_than_the_ring_each_line_is_logged(self):
        daemon = self.collect()
        daemon.send_signal(signal.SIGSTOP)
        emit = self.emit("--wait", lines=300_000)
        until(lambda: self.attempted() == DEFAULT_SLOTS, "a full lane")
        self.assertIsNone(emit.poll())
        daemon.send_signal(signal.SIGCONT)
        self.assertEqual((emit.communicate(timeout=60)[1], emit.returncode), (b"", OK))
        verdict = self.verified(daemon)
        self.assertEqual((verdict["logged"], verdict["lost"]), (300_000, 0))

    def test_those_that_wait_in_the_shared_lane_leave_each_other_room(self):
        self.create()
        both = [self.emit("--wait", "--lane", "shared", lines=10_000) for _ in range(2)]
        for emit in both:
            self.assertIn(b"it is full, and no collector drains it", emit.stderr.readline())
        most = SLOTS * 7 // 8  # who looks finds an eighth of the lane free besides what it needs
        self.assertIn(sum(one["attempted"] for one in self.stat()["producers"]), range(most - 1, most + 2))
        daemon = self.collect()
        for emit in both:
            self.ends(emit, OK, "", within=60)
        verdict = self.verified(daemon)
        self.assertEqual((verdict["logged"], verdict["lost"]), (20_000, 0))

    def test_records_of_several_slots_find_room_as_a_whole(self):
        self.create()
        daemon = self.collect()
        daemon.send_signal(signal.SIGSTOP)
        emit = self.emit("--wait", stdin=subprocess.PIPE)
        emit.stdin.write((b"x" * 900 + b"\n") * 20)  # 15 slots each: beside four of them some slots are free
        emit.stdin.flush()
        until(lambda: self.attempted() == SLOTS // 15, "four records")
        daemon.send_signal(signal.SIGCONT)
        self.ends(emit, OK, "", within=60)
        verdict = self.verified(daemon)
        self.assertEqual((verdict["logged"], verdict["lost"]), (20, 0))

    def test_waiting_without_an_end_ends_at_a_signal_and_costs_no_loss(self):
        self.create()
        emit = self.emit("--wait", lines=SLOTS + 36)
        until(lambda: self.attempted() == SLOTS, "a full lane")
        emit.send_signal(signal.SIGINT)
        self.ends(emit, INTERRUPTED, f"ring r: ended by SIGINT: {SLOTS} lines written, 0 refused; "
                                     "of the lines read, 36 were not written, as the ring is full")
        (producer,) = self.stat()["producers"]
        self.assertEqual((producer["attempted"], producer["causes"], producer["state"]), (SLOTS, {}, "left"))

    def test_a_limit_is_kept_and_a_signal_comes_before_a_long_one(self):
        self.create()
        self.expect(NEGATIVE, "emit", "r", "--wait=1000", data=b"line\n" * (SLOTS + 3), err="3 of 67 lines refused (timeout 3)")
        emit = self.emit(f"--wait={MINUTE_US}", "--lane", "shared", lines=SLOTS + 1)
        until(lambda: len(self.slots("--state", "ready", "--lane", "0")) >= SLOTS * 7 // 8 - 1, "a shared lane that is full")
        emit.send_signal(signal.SIGTERM)
        self.ends(emit, TERMINATED, "ended by SIGTERM")

    def test_a_signal_comes_before_the_deadline_of_the_ring_s_own_policy(self):
        options = Create(ctypes.sizeof(Create), SLOTS, SLOT_BYTES, LANES, WAIT, MINUTE_US)
        self.assertEqual(self.lib.shmring_create(b"r", ctypes.byref(options)), 0)
        emit = self.emit(lines=SLOTS + 5)
        until(lambda: self.attempted() >= SLOTS, "a full lane")
        emit.send_signal(signal.SIGTERM)
        self.ends(emit, TERMINATED, f"{SLOTS} lines written, 0 refused; of the lines read, 5 were not written")

    def test_who_waits_is_told_that_nobody_collects_and_that_the_ring_is_gone(self):
        self.create()
        emit = self.emit("--wait", lines=SLOTS + 1)
        self.assertIn(b"it is full, and no collector drains it: emit waits; start one: shmringd --ring r",
                      emit.stderr.readline())
        self.expect(OK, "rm", "--force", "r")
        self.ends(emit, NEGATIVE, f"it was removed after {SLOTS} lines: the rest was not written")

    def test_a_ring_without_a_name_is_not_waited_for(self):
        self.create()
        emit = self.emit("--wait", lines=SLOTS + 1)
        until(lambda: self.attempted() == SLOTS, "a full lane")
        os.remove(self.path())
        self.ends(emit, NEGATIVE, "it was removed")

    def test_no_wait_is_for_something_else(self):
        self.create()
        for text in ["0", "-1", "x", "4294967296"]:
            self.expect(USAGE, "emit", "r", f"--wait={text}", err=f"'{text}' is not a whole number from 1 to 4294967295")
        self.expect(USAGE, "emit", "r", "--wait", "5", err="'5' is not a known option or argument")
        self.assertEqual(self.slots("--state", "ready"), [])

    # --------------------------------------------------------------------------------------------------- signals

    def test_a_signal_ends_it_while_input_never_pauses(self):
        self.create()
        for number, status in [(signal.SIGTERM, TERMINATED), (signal.SIGINT, INTERRUPTED)]:
            yes = self.start("yes", stdout=subprocess.PIPE)
            emit = self.emit(stdin=yes.stdout)
            attempts = lambda: [one["attempted"] for one in self.stat()["producers"] if one["pid"] == emit.pid]
            until(lambda: sum(attempts()) > 10_000, "many lines")
            emit.send_signal(number)
            err = emit.communicate(timeout=AT_ONCE)[1].decode()
            self.assertEqual(emit.returncode, status, err)
            said = re.search(rf"ended by {number.name}: (\d+) lines written, (\d+) refused\n", err)
            written, refused = map(int, said.groups())
            self.assertEqual(attempts(), [written + refused])
            self.assertLessEqual(written, SLOTS)

    # ---------------------------------------------------------------------------------------------------- --corr

    def test_corr_is_of_all_events(self):
        self.create()
        for text in ["ab" * 16, "AB" * 16, "abababab-abab-abab-abab-abababababab"]:
            self.expect(OK, "emit", "r", "--corr", text, "--lane", "shared", data=b"one\ntwo\n")
        self.expect(OK, "emit", "r", "--corr", "000102030405060708090a0b0c0d0e0f", "--lane", "shared", "--no-input", "--field",
                    "a=1")
        self.assertEqual([slot["corr"] for slot in self.slots("--state", "ready")],
                         ["ab" * 16] * 6 + ["000102030405060708090a0b0c0d0e0f"])
        for text in ["ab", "g" * 32, "0" * 32]:
            self.expect(USAGE, "emit", "r", "--corr", text, err="is not a correlation id")


if __name__ == "__main__":
    main()
