#!/usr/bin/env python3
"""Rings of another boot, and rings of version 1: looked at, refused, and moved aside by shmringd with all that they hold.

usage: command_older.py SHMRING SHMRINGD LIBSHMRING.SO
"""
import json
import os
import pathlib
import subprocess

from command_case import (BOOT_ID, BUSY, CommandCase, DAMAGED, FINGERPRINT, FIRST_SLOT, OK, SHMRINGD, STATUS, TYPES, VERSION,
                          main, until, version_1)

SMALL = ["--slots", "64", "--slot-bytes", "128", "--lanes", "2"]


class Older(CommandCase):
    def place_version_1(self, **living):
        self.create("template")
        image = version_1(pathlib.Path(self.path("template")).read_bytes(), **living)
        os.remove(self.path("template"))
        pathlib.Path(self.path()).write_bytes(image)
        os.chmod(self.path(), 0o600)
        return image

    def sleeper(self):
        return self.start("sleep", "60").pid

    def begin(self):
        """shmringd, until it has made a pass or has ended."""
        daemon = self.start(SHMRINGD, "--ring", "r", "--log", f"{self.folder}/log", *SMALL, stderr=subprocess.PIPE, text=True)
        until(lambda: daemon.poll() is not None or self.has_passed(daemon.pid), "a pass, or its end")
        return daemon

    def has_passed(self, pid):
        stat = self.run_it("stat", "r", "--interval", "0", "-o", "json")
        collector = stat.lines[0]["collector"] if stat.status == OK else {}
        return collector.get("pid") == pid and collector["state"] == "collecting"

    def moved(self, why):
        """shmringd collects a new ring; what was there is beside it. Its new name, and the log's line that tells it."""
        daemon = self.begin()
        daemon.terminate()
        self.assertEqual(daemon.wait(30), OK)
        (name,) = [ring["ring"] for ring in self.run_it("ls", "-o", "json").lines if ring["ring"] != "r"]
        self.assertRegex(name, r"^r\.old-\d{8}T\d{6}Z$")
        said = daemon.stderr.read()
        self.assertIn(f"shmringd: ring r: {why}: it was moved aside, and is now ring {name}", said)
        lines = [json.loads(line) for file in sorted(pathlib.Path(f"{self.folder}/log").glob("*.jsonl"))
                 for line in file.read_text().splitlines()]
        (incident,) = [line for line in lines if line["kind"] == "incident"]
        self.assertEqual((incident["what"], incident["moved_to"]),
                         (f"the ring that had this name was moved aside: {why}", name))
        self.expect(OK, "verify", f"{self.folder}/log")
        return name, incident, said

    # ------------------------------------------------------------------------------------------------ another boot

    def test_shmringd_moves_a_ring_of_another_boot_aside_with_all_that_it_holds(self):
        self.create()
        self.expect(OK, "emit", "r", data=b"kept\n" * 2)
        self.poke(BOOT_ID, "Q", 1)
        before = pathlib.Path(self.path()).read_bytes()
        name, incident, said = self.moved("it is of another boot")
        self.assertEqual(pathlib.Path(self.path(name)).read_bytes(), before)
        self.assertEqual((incident["undrained"], incident["unlogged"]), (2, 2))
        self.assertIn("2 positions not drained, 2 attempts in no log", said)
        self.assertIn(b"kept", self.run_it("dump", name, "--state", "ready").out)
        self.gc_keeps(name, "no collector can drain it")
        (gone,) = [line for line in self.expect(OK, "gc", "--lose", "-o", "json").lines if line["removed"]]
        self.assertEqual(gone["ring"], name)

    def gc_keeps(self, name, why):
        (kept,) = [line for line in self.expect(OK, "gc", "-o", "json").lines if line["ring"] == name]
        self.assertFalse(kept["removed"])
        self.assertTrue(kept["leftover"])
        self.assertIn(why, kept["why"])

    def test_gc_removes_one_that_holds_nothing(self):
        self.create()
        self.poke(BOOT_ID, "Q", 1)
        name, incident, said = self.moved("it is of another boot")
        self.assertEqual((incident["undrained"], incident["unlogged"]), (0, 0))
        self.assertIn("`shmring gc` removes it", said)
        self.assertIn(f"removed {name} ".encode(), self.expect(OK, "gc").out)

    def test_of_several_that_start_at_once_one_moves_it_and_collects(self):
        self.create()
        self.poke(BOOT_ID, "Q", 1)
        daemons = [self.start(SHMRINGD, "--ring", "r", "--log", f"{self.folder}/log-{i}", *SMALL, stderr=subprocess.DEVNULL)
                   for i in range(5)]
        until(lambda: [one.poll() for one in daemons].count(None) == 1, "all but one have ended")
        self.assertEqual(sorted(one.returncode for one in daemons if one.returncode is not None), [BUSY] * 4)
        self.assertEqual(len(os.listdir(self.rings)), 2)

    # --------------------------------------------------------------------------------------------------- version 1

    def test_a_ring_of_version_1_can_be_looked_at(self):
        self.place_version_1()
        self.poke(STATUS + 48, "Q", 3)
        self.poke(STATUS + 96, "4Q", 1, 0, 0, 2)  # its losses, which are by four causes
        for name in ["r", self.path()]:
            done = self.expect(DAMAGED, "dump", name, "--state", "ready", err="version is 1, expected exactly 4")
            for text in [b"of libshmring 0.1", b"3 lost (full 1, other 2)", b"order 3 authorised", b"order 4 authorised",
                         b"order 5 authorised", b"1=payment.authorised", b"too_big 1"]:
                self.assertIn(text, done.out)
        (ring,) = self.expect(OK, "ls", "-o", "json").lines
        self.assertEqual((ring["producers"], ring["fill"]), (2, 3))
        self.assertIn("version is 1", ring["problem"])
        (stat,) = self.expect(DAMAGED, "stat", "r", "--interval", "0", "-o", "json", err="version is 1").lines
        self.assertEqual([(p["producer"], p["process"], p["unlogged"]) for p in stat["producers"]],
                         [("left", "dead", 1), ("killed", "dead", 3)])
        metrics = self.expect(DAMAGED, "stat", "r", "-o", "prometheus", err="version is 1").out
        for text in [b'shmring_lost_total{ring="r",cause="other"} 2\n', b'shmring_undrained_slots{ring="r"} 3\n',
                     b'shmring_attempts_total{ring="r",producer="killed",']:
            self.assertIn(text, metrics)
        self.gc_keeps("r", "shmringd of libshmring 0.1 drains it")
        self.expect(BUSY, "rm", "r", err="3 positions not drained, 4 attempts in no log")

    def test_a_ring_of_version_2_or_3_can_be_looked_at_but_for_its_hashes(self):
        self.create()
        self.expect(OK, "emit", "r", "--type", "7=login", "--lane", "shared", data=b"alice\n")
        self.poke(TYPES, "Q", 7 << 32 | 0x123456 << 8 | 2)  # a check that version 2 may have made
        self.poke(FIRST_SLOT + 8, "I", 0x12345678)          # and a hash
        self.expect(DAMAGED, "dump", "r", err="type name 0, of type 7: a stray write hit it")
        self.poke(FINGERPRINT, "Q", 0x0791071f99c037ea)
        for version in (2, 3):
            self.poke(VERSION, "I", version)
            done = self.expect(DAMAGED, "dump", "r", "-o", "json", "--state", "ready",
                               err=f"version is {version}, expected exactly 4")
            self.assertNotIn("stray", done.err)
            self.assertNotIn("hash", done.err)
            (slot,) = [line for line in done.lines if line["what"] == "slot"]
            self.assertEqual(slot["hash"], "unknown")
            self.assertIn(b"7=login", self.expect(DAMAGED, "dump", "r", err=f"libshmring 0.{version}").out)

    def test_it_is_not_written_into(self):
        image = self.place_version_1()
        done = self.expect(DAMAGED, "emit", "r", data=b"x\n", err="version is 1, expected exactly 4")
        self.assertIn("libshmring 0.1 made it, and its shmringd drains it", done.err)
        self.assertEqual(pathlib.Path(self.path()).read_bytes(), image)

    def test_shmringd_moves_it_aside_once_every_owner_is_dead(self):
        image = self.place_version_1()
        name, incident, _ = self.moved("it was made by libshmring 0.1")
        self.assertEqual(pathlib.Path(self.path(name)).read_bytes(), image)
        self.assertEqual((incident["undrained"], incident["unlogged"]), (3, 4))
        self.assertIn(b"order 4 authorised", self.run_it("dump", name, "--state", "ready").out)
        self.gc_keeps(name, "shmringd of libshmring 0.1 drains it")
        (gone,) = [line for line in self.expect(OK, "gc", "--lose", "-o", "json").lines if line["removed"]]
        self.assertEqual(gone["ring"], name)

    def test_shmringd_names_the_living_and_leaves_it_alone(self):
        for who in ["producer", "creator"]:
            pid = self.sleeper()
            image = self.place_version_1(**{who: pid})
            daemon = self.begin()
            self.assertEqual(daemon.wait(30), DAMAGED)
            said = daemon.stderr.read()
            for text in [f"process {pid} may still use it", "libshmring 0.1 made it",
                         "let shmringd 0.1 drain it, then start again"]:
                self.assertIn(text, said)
            self.assertEqual(pathlib.Path(self.path()).read_bytes(), image)
            self.assertEqual(os.listdir(self.rings), ["shmring.r"])


if __name__ == "__main__":
    main()
