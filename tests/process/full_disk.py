#!/usr/bin/env python3
"""A log whose disk is full, and the limits that make room on it. It mounts a small tmpfs, and is skipped where it may not.

usage: full_disk.py SHMRING SHMRINGD LIBSHMRING.SO
"""
import os
import pathlib
import shutil
import signal
import subprocess
import unittest

from command_case import OK, SHMRING, SHMRINGD, CommandCase, main, until

RECORDS, DISK = 30_000, 2 << 20


class FullDisk(CommandCase):
    def setUp(self):
        super().setUp()
        self.disk, self.config = f"{self.folder}/disk", f"{self.folder}/shmringd.toml"
        self.log_dir = f"{self.disk}/log"
        os.mkdir(self.disk)
        mount = ["mount", "-t", "tmpfs", "-o", f"size={DISK}", "tmpfs", self.disk]
        if subprocess.run(mount, capture_output=True).returncode != 0:
            shutil.rmtree(self.folder)
            raise unittest.SkipTest("a tmpfs cannot be mounted here")

    def tearDown(self):
        for child in self.children:
            child.kill()
            child.communicate()
        subprocess.run(["umount", "-l", self.disk], check=True)
        super().tearDown()

    def write(self, level, retain):
        pathlib.Path(self.config).write_text(f'[log]\nfile_bytes = "64 KiB"\ndurability = "{level}"\n{retain}')

    def said(self):
        return pathlib.Path(f"{self.folder}/said").read_text()

    def test_a_limit_that_is_set_on_a_full_disk_makes_room_and_nothing_is_lost(self):
        for level in ("write", "interval", "every"):
            with self.subTest(level=level):
                self.write(level, "")
                with open(f"{self.folder}/said", "wb") as said:
                    daemon = self.start(SHMRINGD, "--ring", level, "--log", self.log_dir, "--config", self.config, "--on-full",
                                        "wait", "--wait-us", "60000000", stderr=said)
                until(lambda: "it is collected into" in self.said(), "the collector")
                with open(f"{self.folder}/records", "wb+") as records:
                    records.write((b"x" * 100 + b"\n") * RECORDS)
                    records.seek(0)
                    emit = self.start(SHMRING, "emit", level, stdin=records)
                until(lambda: "No space left on device" in self.said(), "the full disk")
                self.write(level, '[retain]\nbytes = "1 MiB"\n')
                daemon.send_signal(signal.SIGHUP)
                self.assertEqual(emit.wait(60), OK)
                until(lambda: self.logged(level) == RECORDS, "the last record")
                daemon.terminate()
                self.assertEqual(daemon.wait(30), OK, self.said())
                verdict = self.expect(OK, "verify", "--no-loss", self.log_dir).out.decode()
                self.assertIn("it was removed, and a retain line says so", verdict)
                self.assertIn(f" {RECORDS}", self.expect(OK, "log", self.log_dir, "--kind", "detach", "-n", "1").out.decode())
                for path in pathlib.Path(self.log_dir).iterdir():
                    path.unlink()

    def logged(self, ring):
        found = self.expect(OK, "stat", ring, "-o", "json").lines
        return found[0]["collector"]["logged"]


if __name__ == "__main__":
    main()
