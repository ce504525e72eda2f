#!/usr/bin/env python3
"""Metrics for Prometheus: what `shmring stat` prints, what shmringd writes into a file, and the alerts over them.

usage: metrics.py SHMRING SHMRINGD LIBSHMRING.SO
"""
import json
import os
import pathlib
import re
import resource
import shutil
import stat
import subprocess
import time
import unittest

from command_case import CommandCase, ENTRIES, OK, SHMRING, SHMRINGD, main, until

HERE = pathlib.Path(__file__).resolve().parent
ALERTS = HERE.parents[1] / "tools/shmringd/alerts.yml"
SAMPLE = re.compile(r'(shmring_\w+)\{ring="r"((?:,\w+="[A-Za-z0-9._?/-]*")*)\} ([0-9.]+)')
HAS_PROMTOOL = shutil.which("promtool") is not None


class Metrics(CommandCase):
    def judge(self, text):
        """{name,labels: value}, of a text that is in the format."""
        found, described = {}, set()
        for line in text.splitlines():
            if line.startswith("# "):
                _, kind, name, _ = line.split(" ", 3)
                self.assertIn(kind, ("HELP", "TYPE"))
                self.assertNotIn((kind, name), described)
                described.add((kind, name))
                continue
            match = SAMPLE.fullmatch(line)
            self.assertTrue(match, line)
            self.assertIn(("TYPE", match[1]), described)
            self.assertNotIn(match[1] + match[2], found)
            found[match[1] + match[2]] = float(match[3])
        if HAS_PROMTOOL:
            done = subprocess.run(["promtool", "check", "metrics"], input=text, capture_output=True, text=True)
            self.assertEqual((done.returncode, done.stdout + done.stderr), (0, ""))
        return found

    def stat(self):
        return self.judge(self.expect(OK, "stat", "r", "-o", "prometheus").out.decode())

    def collector(self, *options):
        with open(f"{self.folder}/said", "wb") as said:
            self.daemon = self.start(SHMRINGD, "--ring", "r", "--log", f"{self.folder}/log", *options, stderr=said)
        self.says("it is collected into")

    def says(self, text):
        until(lambda: text in pathlib.Path(f"{self.folder}/said").read_text(), text)

    def end(self):
        self.daemon.terminate()
        self.assertEqual(self.daemon.wait(30), OK)

    def test_a_ring_without_a_collector_has_figures(self):
        self.create()
        emit = self.start("sh", "-c", 'printf "a\\n%.0s" $(seq 100) | "$0" emit r --producer p', SHMRING,
                          stderr=subprocess.DEVNULL)
        emit.wait(30)  # its lane holds 64: some are refused
        found = self.stat()
        document = json.loads(self.expect(OK, "stat", "r", "--interval", "0", "-o", "json").out)
        (producer,) = document["producers"]
        who = f',producer="p",incarnation="{producer["inc"]}"'
        self.assertGreater(producer["refused"], 0)
        self.assertEqual([found["shmring_attempts_total" + who], found["shmring_refused_total" + who + ',cause="full"'],
                          found["shmring_accepted_total" + who], found["shmring_unlogged_attempts" + who]],
                         [producer["attempted"], producer["refused"], producer["attempted"] - producer["refused"],
                          producer["unlogged"]])
        self.assertEqual([found["shmring_collector_running"], found["shmring_undrained_slots"],
                          found["shmring_claimed_slots_total"], found["shmring_drained_slots_total"],
                          found["shmring_producers"], found["shmring_producer_places"]],
                         [0, document["undrained"], document["undrained"], 0, 1, 256])
        self.assertNotIn("shmring_heartbeat_timestamp_seconds", found)
        # Its refusals and attempts outlive it, once they are in the log.
        self.collector()
        after = until(lambda: (now := self.stat())["shmring_producers"] == 0 and now['shmring_lost_total,cause="full"'] and now,
                      "the producer's place free, and its losses shown")
        self.assertEqual([after["shmring_logged_total"], after['shmring_lost_total,cause="full"'],
                          after["shmring_drained_slots_total"], after["shmring_collectors_total"]],
                         [producer["attempted"] - producer["refused"], producer["refused"], document["undrained"], 1])
        self.assertNotIn("shmring_attempts_total" + who, after)
        self.end()

    def test_no_byte_of_a_name_gets_out_of_its_label(self):
        self.create()
        emit = self.start(SHMRING, "emit", "r", "--producer", "living", stdin=subprocess.PIPE)
        emit.stdin.write(b"line\n")
        emit.stdin.flush()
        until(lambda: self.slots("--state", "ready"), "the line in the ring")
        with open(self.path(), "rb") as file:
            at = file.read().find(b"living\0", ENTRIES)
        self.poke(at, "8s", b'"}\n\\\x80 1\0')
        found = self.judge(self.run_it("stat", "r", "-o", "prometheus").out.decode())
        self.assertIn(',producer="?????', "".join(found))

    def test_what_is_durable_is_a_figure(self):
        self.collector("--durability", "every")
        self.expect(OK, "emit", "r", data=b"a\nb\n")
        lines = lambda found: (found["shmring_log_lines"], found["shmring_durable_lines"])
        until(lambda: lines(self.stat())[0] >= 6, "lines of the log")  # accounts, start, attach, two events, detach
        until(lambda: len(set(lines(self.stat()))) == 1, "all of them durable")
        found = self.stat()
        self.assertEqual([found[f'shmring_alarm,code="{code}"'] for code in (
            "log_failing", "log_lost", "disk_failing", "disk_behind", "retain_blocked", "log_elsewhere",
            "seal_failing", "archived_bad")], [0] * 8)
        until(lambda: self.stat()["shmring_durable_lag_seconds"] == 0, "nothing that waits for the disk")
        self.end()

    def test_when_a_sealed_log_was_last_signed_is_a_figure(self):
        self.collector("--durability", "every")
        self.expect(OK, "emit", "r", data=b"a\n")
        until(lambda: self.stat()["shmring_durable_lines"] >= 5, "lines on the disk")
        self.assertNotIn("shmring_checkpoint_timestamp_seconds", self.stat())
        self.end()
        self.collector("--durability", "every", "--seal", "--seal-state", f"{self.folder}/state")
        signed = lambda: self.stat().get("shmring_checkpoint_timestamp_seconds", 0)
        until(signed, "a checkpoint, or the collector's begin")
        first = signed()
        self.assertLess(abs(first - time.time()), 120)
        self.expect(OK, "emit", "r", data=b"b\n")
        until(lambda: signed() > first + 0.5, "a later checkpoint")
        self.end()
        self.collector("--durability", "write", "--seal", "--seal-state", f"{self.folder}/state")
        self.assertNotIn("shmring_checkpoint_timestamp_seconds", self.stat())
        self.end()

    def test_the_collector_writes_a_whole_file_at_its_start_and_with_each_change_of_its_log(self):
        path = f"{self.folder}/r.prom"
        old_umask = os.umask(0o077)
        self.addCleanup(os.umask, old_umask)
        pathlib.Path(path + ".tmp").write_text("left by one that was killed", encoding="utf-8")
        self.collector("--metrics", path, "--slots", "1024", "--lanes", "2")
        read = lambda: self.judge(pathlib.Path(path).read_text(encoding="utf-8"))
        until(lambda: os.path.exists(path), "the file")
        self.assertEqual(stat.S_IMODE(os.stat(path).st_mode), 0o644)
        found = read()
        self.assertEqual([found["shmring_collector_running"], found['shmring_alarm,code="log_failing"'],
                          found['shmring_lost_total,cause="full"']], [1, 0, 0])
        beat = self.stat()["shmring_heartbeat_timestamp_seconds"]
        self.assertLess(abs(beat - float(subprocess.check_output(["date", "+%s.%N"]))), 20)
        limit = resource.prlimit(self.daemon.pid, resource.RLIMIT_FSIZE)
        room = os.stat(path).st_size + 4096  # for the metrics, but for no record like this
        resource.prlimit(self.daemon.pid, resource.RLIMIT_FSIZE, (room, limit[1]))
        self.expect(OK, "emit", "r", data=b"y" * room + b"\n")
        until(lambda: read()['shmring_alarm,code="log_failing"'] == 1, "the alarm in the file")
        self.assertEqual(self.stat()['shmring_alarm,code="log_failing"'], 1)
        resource.prlimit(self.daemon.pid, resource.RLIMIT_FSIZE, limit)
        until(lambda: read()['shmring_alarm,code="log_failing"'] == 0, "the alarm gone")
        self.end()
        self.assertEqual(os.path.exists(path + ".tmp"), False)

    def test_a_file_that_cannot_be_written_is_said_and_costs_nothing(self):
        self.collector("--metrics", f"{self.folder}/none/r.prom")
        self.says(f"metrics {self.folder}/none/r.prom: cannot write them: No such file or directory; shmringd tries again")
        self.expect(OK, "emit", "r", data=b"line\n")
        self.end()
        self.expect(OK, "verify", "--no-loss", f"{self.folder}/log")

    @unittest.skipUnless(HAS_PROMTOOL, "promtool is not installed")
    def test_the_alerts_are_sound_and_fire_when_they_should(self):
        for words in (["check", "rules", ALERTS], ["test", "rules", HERE / "alerts_test.yml"]):
            done = subprocess.run(["promtool", *words], capture_output=True, text=True)
            self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        names = set(re.findall(r"shmring_\w+", ALERTS.read_text(encoding="utf-8")))
        self.create()
        # At others not every lag is there.
        self.collector("--durability", "archived", "--seal", "--seal-state", f"{self.folder}/state")
        until(lambda: not names - {key.split(",")[0] for key in self.stat()}, f"all of {names}")
        self.end()


if __name__ == "__main__":
    main()
