#!/usr/bin/env python3
"""A sealed log under load, kills and changes of keys, judged by an oracle of its own; and what a start refuses.

usage: sealed.py SHMRING SHMRINGD LIBSHMRING.SO
"""
import base64
import json
import os
import pathlib
import shutil
import signal
import subprocess
import threading

from command_case import CONFIGURATION, DAMAGED, NEGATIVE, OK, CommandCase, HAS_BENCH, SHMRING, SHMRINGD, main, until
from seal_oracle import Sealed, root_of

ROUNDS = 5 if HAS_BENCH else 3


class SealedLog(CommandCase):
    def setUp(self):
        super().setUp()
        self.log, self.state = f"{self.folder}/log", f"{self.folder}/state"
        self.said = f"{self.folder}/said"
        pathlib.Path(self.said).touch()

    def collect(self, *more):
        """Returns when it collects, or has ended."""
        seal = ["--seal", "--seal-state", self.state, "--durability", "interval"]
        return self.collect_plainly(*seal, *more)

    def collect_plainly(self, *more):
        with open(self.said, "ab") as said:
            daemon = self.start(SHMRINGD, "--ring", "r", "--log", self.log, "--slots", "1024", *more, stderr=said)
        facts = lambda: self.run_it("stat", "r", "--interval", "0", "-o", "json").lines[0]["collector"]
        until(lambda: daemon.poll() is not None or os.path.exists(self.path()) and facts().get("pid") == daemon.pid and
              facts().get("heartbeat_age_ns") is not None, "a pass")
        return daemon

    def end(self, daemon, status=OK):
        daemon.terminate()
        self.assertEqual(daemon.wait(30), status, pathlib.Path(self.said).read_text())

    def emit(self, lines, text="x" * 100):
        self.expect(OK, "emit", "r", data=b"".join(b"%d %s\n" % (i, text.encode()) for i in range(lines)))

    def judge(self, base=0):
        """The public key of the log is taken from the private one, once; the oracle sees nothing else of the state."""
        raw = base64.b64decode(pathlib.Path(f"{self.state}/log.key").read_text().split("+", 4)[4])
        key = subprocess.run(["openssl", "pkey", "-inform", "DER", "-pubout", "-outform", "DER"], check=True,
                             input=bytes.fromhex("302e020100300506032b657004220420") + raw[1:], capture_output=True).stdout
        sealed = Sealed(self.log, key[-32:])
        sealed.check(base)
        return sealed

    def text(self):
        return pathlib.Path(self.said).read_text()

    def path_of(self, key):
        """A file with this key, since its name has a slash."""
        path = pathlib.Path(f"{self.folder}/{abs(hash(key))}.key")
        path.write_text(key + "\n")
        return str(path)

    def epochs(self):
        return sorted(name for name in os.listdir(self.state) if name.startswith("epoch-"))

    def test_under_load_kills_and_changes_of_keys_each_checkpoint_holds_and_the_last_one_covers_all(self):
        options = ["--seal-epoch", "1 s", "--file-bytes", "256 KiB"]
        stops = threading.Event()

        def load():
            while not stops.is_set():
                self.run_it("emit", "r", data=b"load %s\n" % (b"y" * 80) * 2000)

        daemon = self.collect(*options)
        producer = threading.Thread(target=load)
        producer.start()
        keys = pathlib.Path(f"{self.log}/keys")
        count = lambda: keys.read_text().count("\nepoch ")
        try:
            until(keys.exists, "the first keys of the log")
            for _ in range(ROUNDS):
                before = count()
                until(lambda: count() > before + 1, "two changes of keys")
                daemon.kill()
                daemon.wait()
                daemon = self.collect(*options)
        finally:
            stops.set()
            producer.join()
        self.end(daemon)
        sealed = self.judge()
        self.assertGreater(len(sealed.keys), ROUNDS)
        self.assertEqual(sealed.checkpoints[-1][0], len(sealed.lines))
        self.assertGreater(len(sealed.frontiers), 3)
        last = len(sealed.keys) - 1
        self.assertLessEqual(set(self.epochs()), {f"epoch-{last}.key", f"epoch-{last + 1}.key"})
        self.end(self.collect())  # the key of a change that was cut short is not used
        self.assertEqual(self.epochs(), [f"epoch-{last}.key"])
        self.assertEqual(len(self.judge().keys), last + 1)
        genesis = pathlib.Path(f"{self.log}/keys").read_text().splitlines()[4]
        self.expect(OK, "verify", self.log, "--key", genesis)
        secret = pathlib.Path(f"{self.state}/log.key").read_text().split("+", 4)[4].strip()
        told = "".join(path.read_text() for path in pathlib.Path(self.log).rglob("*") if path.is_file() and path.suffix != "")
        for text in (told, pathlib.Path(self.said).read_text()):
            self.assertNotIn(secret, text)
            self.assertNotIn("PRIVATE", text)

    def test_a_log_that_exists_is_sealed_from_a_new_file_on(self):
        daemon = self.collect_plainly()
        self.emit(50)
        self.end(daemon)
        base = sum(path.read_bytes().count(b"\n") for path in pathlib.Path(self.log).glob("*.jsonl"))
        daemon = self.collect()
        self.emit(50)
        self.end(daemon)
        sealed = self.judge(base)
        self.assertEqual(list(sealed.frontiers), [base])
        self.assertEqual(sealed.checkpoints[-1][0], len(sealed.lines) - base)

    def test_a_log_whose_end_is_missing_is_not_signed_any_more(self):
        daemon = self.collect()
        self.emit(20)
        self.end(daemon)
        last = sorted(pathlib.Path(self.log).glob("*.jsonl"))[-1]
        text = last.read_bytes()
        last.write_bytes(text[:text.rindex(b"\n", 0, -1) + 1])
        os.remove(f"{self.log}/mark")
        before = pathlib.Path(f"{self.log}/checkpoint").read_bytes()
        daemon = self.collect()
        self.assertEqual(daemon.wait(30), DAMAGED)
        self.assertIn("--new-log", pathlib.Path(self.said).read_text())
        self.assertEqual(pathlib.Path(f"{self.log}/checkpoint").read_bytes(), before)
        last.write_bytes(text)
        self.end(self.collect())
        self.judge()

    def test_a_new_log_takes_the_place_of_one_that_cannot_go_on(self):
        daemon = self.collect()
        self.emit(20)
        self.end(daemon)
        shutil.copytree(self.log, f"{self.folder}/backup", symlinks=True)
        self.end(self.collect())
        genesis = lambda folder: self.path_of(pathlib.Path(f"{folder}/keys").read_text().splitlines()[4])
        old_key, old_root = genesis(self.log), pathlib.Path(f"{self.log}/checkpoint").read_text().splitlines()[:3]
        shutil.rmtree(self.log)
        os.rename(f"{self.folder}/backup", self.log)  # an older state of it, as from a backup
        daemon = self.collect()
        self.assertEqual(daemon.wait(30), DAMAGED)
        self.assertIn("or, if this log was restored from a backup, see `shmringd --new-log`", self.text())
        daemon = self.collect("--new-log")
        self.emit(5)
        self.end(daemon)
        (old,) = pathlib.Path(self.log).glob("old-*")
        self.assertIn(f"a new log has begun; the old one is in {self.log}/{old.name}, and its keys are erased", self.text())
        first = json.loads(sorted(pathlib.Path(self.log).glob("*.jsonl"))[0].read_text().splitlines()[0])
        self.assertEqual(first["old"], {"folder": old.name, "origin": old_root[0], "size": int(old_root[1]),
                                        "root": old_root[2]})
        self.judge()
        self.expect(OK, "verify", self.log, "--key", genesis(self.log))
        self.expect(OK, "verify", str(old), "--key", old_key)
        self.assertEqual(self.run_it("verify", self.log, "--key", old_key).status, NEGATIVE)
        self.end(self.collect())
        self.judge()

    def test_a_tile_of_level_one_is_what_others_compute(self):
        daemon = self.collect()
        self.expect(OK, "emit", "r", "--wait", data=b"x\n" * 70_000)
        self.end(daemon)
        sealed = self.judge()
        tile = pathlib.Path(f"{self.log}/tile/1/000").read_bytes()
        lines = [line.encode() if isinstance(line, str) else line for line in sealed.lines]
        self.assertGreater(len(lines), 65_536)
        self.assertEqual(tile, b"".join(root_of(lines[at:at + 256]) for at in range(0, 65_536, 256)))

    def test_keys_that_others_may_read_are_refused(self):
        daemon = self.collect()
        self.end(daemon)
        os.chmod(f"{self.state}/log.key", 0o640)
        daemon = self.collect()
        self.assertEqual(daemon.wait(30), CONFIGURATION)
        self.assertIn("0640", pathlib.Path(self.said).read_text())

    def test_a_state_directory_that_fails_is_an_alarm_and_the_log_goes_on(self):
        daemon = self.collect()
        alarm = lambda: self.run_it("stat", "r", "--interval", "0", "-o", "json").lines[0]["collector"]["alarm"]
        self.emit(5)
        os.rename(self.state, self.state + "-away")
        os.mkdir(f"{self.state}-away/checkpoint.tmp")
        self.emit(5)
        until(lambda: alarm() == 7, "the alarm")
        self.emit(5)
        os.rmdir(f"{self.state}-away/checkpoint.tmp")
        os.rename(self.state + "-away", self.state)
        until(lambda: alarm() == 0, "the alarm gone")
        self.end(daemon)
        sealed = self.judge()
        self.assertEqual(sealed.checkpoints[-1][0], len(sealed.lines))
        codes = [json.loads(line).get("code") for line in sealed.lines]
        self.assertIn("seal_failing", codes)


if __name__ == "__main__":
    main()
