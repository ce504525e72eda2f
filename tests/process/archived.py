#!/usr/bin/env python3
"""A collector whose lines go to an archive: who waits for them, what is kept, and what is shown. The test writes the file
`archived` as the forwarder of a real archive would.

usage: archived.py SHMRING SHMRINGD LIBSHMRING.SO
"""
import ctypes
import json
import os
import pathlib

from command_case import CommandCase, OK, SHMRINGD, main, until

TIMEOUT = 6


class Archived(CommandCase):
    def setUp(self):
        super().setUp()
        self.log, self.said = f"{self.folder}/log", pathlib.Path(f"{self.folder}/said")

    def collector(self, *options):
        with open(self.said, "ab") as said:
            daemon = self.start(SHMRINGD, "--ring", "r", "--log", self.log, "--slots", "1024", *options, stderr=said)
        until(lambda: os.path.exists(self.path()) and self.stat().get("pid") == daemon.pid and
              self.stat()["state"] == "collecting", "a pass")
        return daemon

    def end(self, daemon):
        daemon.terminate()
        self.assertEqual(daemon.wait(30), OK, self.said.read_text())

    def says(self, text):
        until(lambda: text in self.said.read_text(), text)

    def stat(self):
        return self.run_it("stat", "r", "--interval", "0", "-o", "json").lines[0]["collector"]

    def metrics(self):
        lines = self.expect(OK, "stat", "r", "-o", "prometheus").out.decode().splitlines()
        return {name.partition("{")[0]: float(value) for name, _, value in (line.rpartition(" ") for line in lines)
                if name.startswith("shmring_archived")}

    def files(self):
        return sorted(name for name in os.listdir(self.log) if name.endswith(".jsonl"))

    def archive(self, index, file=None):
        """The archive has the lines below it."""
        self.replace(json.dumps({"v": 1, "file": file or self.files()[0], "bytes": 1, "index": index, "wanted": False},
                                separators=(",", ":")) + "\n")

    def replace(self, text):
        pathlib.Path(f"{self.log}/archived.tmp").write_text(text)
        os.rename(f"{self.log}/archived.tmp", f"{self.log}/archived")

    def attach(self):
        producer = ctypes.c_void_p()
        self.assertEqual(self.lib.shmring_attach(b"r", None, ctypes.byref(producer)), 0)
        self.addCleanup(self.lib.shmring_detach, producer)
        return producer

    def write(self, producer, payload=b"x"):
        self.assertEqual(self.lib.shmring_write(producer, None, payload, ctypes.c_size_t(len(payload))), 0)

    def waits(self, producer, sequence, seconds):
        return self.lib.shmring_wait_durable(producer, ctypes.c_uint64(sequence), ctypes.c_uint64(int(seconds * 1e9)))

    def index_of(self, sequence):
        """Of the line of this event, once it is durable."""
        def found():
            for line in self.run_it("log", self.log, "-o", "json", "--kind", "event").lines:
                if line["seq"] == sequence and self.stat()["durable_index"] > line["index"]:
                    return line["index"]
            return None
        return until(found, f"a durable line of sequence {sequence}")

    def test_whoever_waits_is_told_when_the_archive_has_the_line_and_not_when_the_disk_has_it(self):
        daemon = self.collector("--durability", "archived")
        producer = self.attach()
        self.write(producer)
        first = self.index_of(1)
        self.assertEqual(self.waits(producer, 1, 0.1), TIMEOUT)
        self.archive(first)  # it has all before this line
        until(lambda: self.stat().get("archived_index") == first, "the collector has seen it")
        self.assertEqual(self.waits(producer, 1, 0.1), TIMEOUT)
        self.archive(first + 1)
        self.assertEqual(self.waits(producer, 1, 30), 0)
        self.write(producer)
        second = self.index_of(2)
        self.assertEqual(self.waits(producer, 2, 0.1), TIMEOUT)
        # What was told stays told, also if the archive has less; the next line waits for more.
        self.archive(0)
        self.says(f"the archive has the lines below 0 now, and had those below {first + 1}")
        self.assertEqual(self.waits(producer, 1, 0), 0)
        self.archive(second + 1)
        self.assertEqual(self.waits(producer, 2, 30), 0)
        self.end(daemon)
        starts = self.run_it("log", self.log, "-o", "json", "--kind", "start").lines
        self.assertEqual([line["durability"] for line in starts], ["archived"])
        self.expect(OK, "verify", self.log)

    def test_a_killed_collectors_successor_tells_whoever_waits_for_the_archive(self):
        daemon = self.collector("--durability", "archived")
        producer = self.attach()
        self.write(producer)
        index = self.index_of(1)
        daemon.kill()
        daemon.wait()
        daemon = self.collector("--durability", "archived")
        self.assertEqual(self.waits(producer, 1, 0.1), TIMEOUT)
        self.archive(index + 1)
        until(lambda: self.stat().get("archived_index") == index + 1, "the collector has seen it")
        self.archive(self.stat()["next_index"])
        self.assertEqual(self.waits(producer, 1, 30), 0)
        self.end(daemon)

    def test_the_level_and_the_lag_are_shown(self):
        daemon = self.collector("--durability", "archived")
        self.assertEqual(self.stat()["level"], "archived")
        lines = lambda: self.stat()["next_index"]
        until(lambda: lines() == self.stat()["durable_index"] > 0, "the first lines")
        until(lambda: self.metrics().get("shmring_archived_lag_seconds", 0) > 0, "a lag")
        self.assertEqual(self.metrics()["shmring_archived_lines"], 0)
        self.assertEqual(self.metrics()["shmring_archived_lag_lines"], lines())
        self.assertIn("level archived", self.run_it("stat", "r").out.decode())
        self.archive(lines())
        until(lambda: self.metrics()["shmring_archived_lag_lines"] == 0, "no lag")
        until(lambda: self.metrics()["shmring_archived_lag_seconds"] == 0, "no lag")
        self.assertIn(f"the archive has the lines below {lines()} (0 behind)", self.run_it("stat", "r").out.decode())
        self.end(daemon)
        daemon = self.collector("--durability", "interval")
        self.assertEqual(self.metrics(), {})
        self.assertNotIn("archived_index", self.stat())
        self.end(daemon)

    def test_what_is_no_such_text_counts_as_nothing_and_is_an_alarm(self):
        daemon = self.collector("--durability", "archived")
        producer = self.attach()
        self.write(producer)
        index = self.index_of(1)
        alarm = lambda: self.expect(OK, "stat", "r", "-o", "prometheus").out.decode()
        for text, problem in [("{\"v\":2}\n", "v: it is not 1"), ("\x1b[2J\0", "v: it is not 1"), ("x" * 4096, "512 bytes")]:
            self.replace(text)
            self.says(problem)
            until(lambda: 'shmring_alarm{ring="r",code="archived_bad"} 1' in alarm(), "an alarm")
        self.archive(1_000_000)
        until(lambda: self.stat()["archived_index"] == 0, "nothing is believed")
        self.assertEqual(self.waits(producer, 1, 0.1), TIMEOUT)
        self.assertNotIn("\x1b", self.said.read_text())
        self.archive(index + 1)
        self.assertEqual(self.waits(producer, 1, 30), 0)
        self.says("what the archive has is known again")
        self.end(daemon)
        incidents = self.run_it("log", self.log, "-o", "json", "--kind", "incident").lines
        self.assertEqual([line["code"] for line in incidents], ["archived_bad"])

    def test_files_stay_until_the_archive_has_them_whatever_the_limits_say(self):
        daemon = self.collector("--durability", "interval", "--file-bytes", "64 KiB", "--retain-bytes", "128 KiB",
                                "--retain-archived")
        producer = self.attach()
        sequence = 0
        def fill(files):
            nonlocal sequence
            while len(self.files()) < files:
                for _ in range(100):
                    sequence += 1
                    self.write(producer, b"y" * 1000)
                self.assertEqual(self.waits(producer, sequence, 30), 0)  # by the disk alone
        fill(6)
        before = self.files()
        second = int(before[1].partition("-")[2].partition(".")[0])
        self.archive(second)
        until(lambda: before[0] not in self.files(), "the removal of what the archive has")
        self.assertIn(before[1], self.files())
        retained = self.run_it("log", self.log, "-o", "json", "--kind", "retain").lines
        self.assertEqual([line["before"] for line in retained], [second])
        self.end(daemon)
        self.expect(OK, "verify", self.log)


if __name__ == "__main__":
    main()
