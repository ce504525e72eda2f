#!/usr/bin/env python3
"""Whose ring is written into: real users, of whom one makes the ring that another expects.

usage: command_trust.py SHMRING SHMRINGD LIBSHMRING.SO     exit 77: only root can be several users
"""
import ctypes
import os
import sys

from command_case import (BOOT_ID, CONFIGURATION, CommandCase, Create, LANES, OK, PERMISSION, SHMRING, SHMRINGD, SLOTS,
                          SLOT_BYTES, USAGE, as_user, main, until)

VICTIM, STRANGER, GROUP = 4301, 4302, 4300


class Trust(CommandCase):
    def setUp(self):
        super().setUp()
        self.copy_programs()
        os.chmod(self.rings, 0o1777)
        self.make_shared(STRANGER)

    def make_shared(self, user):
        """A ring of this user, which the group may write."""
        def create():
            options = Create(ctypes.sizeof(Create), SLOTS, SLOT_BYTES, LANES, mode=0o660)
            assert self.lib.shmring_create(b"r", ctypes.byref(options)) == 0
        as_user(user, GROUP, create)

    def expect_as(self, user, status, program, *arguments, text="", **more):
        done = self.run_as(user, GROUP, program, *arguments, **more)
        self.assertEqual(done.status, status, f"{arguments}: {done.err}")
        self.assertIn(text, done.err)
        return done

    def undrained(self):
        return self.run_it("stat", "r", "--interval", "0", "-o", "json").lines[0]["undrained"]

    def collects(self, *arguments, **more):
        """It starts and collects."""
        daemon = self.start_as(VICTIM, GROUP, SHMRINGD, "--ring", "r", "--log", self.log(VICTIM), *arguments, **more)
        until(lambda: self.run_it("stat", "r", "--interval", "0", "-o", "json").lines[0]["collector"]["state"] == "collecting",
              "its first pass")
        daemon.terminate()
        self.assertEqual(daemon.wait(30), OK)

    def test_a_stranger_s_ring_gets_no_record_and_no_collector(self):
        emit, daemon = ("emit", "r"), ("--ring", "r", "--log", self.log(VICTIM))
        for program, arguments in [(SHMRING, emit), (SHMRINGD, daemon)]:
            done = self.expect_as(VICTIM, PERMISSION, program, *arguments, data=b"secret\n", timeout=10)
            self.assertIn(f"belongs to uid {STRANGER}, not to us (uid {VICTIM})", done.err)
            for way in [f"--owner {STRANGER}", f"SHMRING_OWNER={STRANGER}", "option `owner`", "SHMRING_DIR"]:
                self.assertIn(way, done.err)
        self.expect_as(0, PERMISSION, SHMRING, *emit, text=f"belongs to uid {STRANGER}", data=b"secret\n")
        self.assertEqual(self.undrained(), 0)
        for look in ["dump", "ls", "stat"]:
            self.expect_as(VICTIM, OK, SHMRING, look, *[] if look == "ls" else ["r"])

    def test_whom_the_caller_names_is_trusted(self):
        named = {"SHMRING_OWNER": str(STRANGER)}
        self.expect_as(VICTIM, OK, SHMRING, "emit", "r", "--owner", str(STRANGER), data=b"1\n")
        self.expect_as(VICTIM, OK, SHMRING, "emit", "r", env=named, data=b"2\n")
        self.expect_as(0, OK, SHMRING, "emit", "r", "--owner", str(STRANGER), data=b"3\n")
        self.assertEqual(self.undrained(), 3)
        self.expect_as(VICTIM, PERMISSION, SHMRING, "emit", "r", "--owner", "root", env=named, text="belongs to uid")
        self.collects(env=named)
        self.collects("--owner", str(STRANGER))
        self.expect_as(VICTIM, CONFIGURATION, SHMRING, "emit", "r", "--owner", "no-such-user", text='no user "no-such-user"')
        for program in [SHMRING, SHMRINGD]:
            arguments = ["emit", "r"] if program == SHMRING else ["--ring", "r", "--log", self.log(VICTIM)]
            self.assertNotIn("\033", self.expect_as(VICTIM, USAGE, program, *arguments, "--owner", "\033[31m").err)

    def test_it_is_neither_moved_nor_removed(self):
        self.poke(BOOT_ID, "Q", 1)
        daemon = ("--ring", "r", "--log", self.log(VICTIM))
        self.expect_as(VICTIM, PERMISSION, SHMRINGD, *daemon, text=f"belongs to uid {STRANGER}")
        named = ("--owner", str(STRANGER))
        self.expect_as(VICTIM, PERMISSION, SHMRINGD, *daemon, *named,
                       text="its owner, the directory's owner or root may do that")
        kept = self.expect_as(0, OK, SHMRING, "gc").out
        self.assertIn(f"but: ring r: {self.path()} belongs to uid {STRANGER}".encode(), kept)
        self.assertEqual(os.listdir(self.rings), ["shmring.r"])
        self.expect_as(0, OK, SHMRING, "gc", *named)
        self.assertEqual(os.listdir(self.rings), [])

    def test_who_alone_may_write_into_the_directory_is_trusted(self):
        os.chown(self.rings, STRANGER, GROUP)
        for mode, status in [(0o755, OK), (0o775, PERMISSION), (0o1777, PERMISSION), (0o755, OK)]:
            os.chmod(self.rings, mode)
            self.expect_as(VICTIM, status, SHMRING, "emit", "r", data=b"x\n")
        self.collects()


if __name__ == "__main__":
    if os.geteuid() != 0:
        print("only root can be several users")
        sys.exit(77)
    main()
