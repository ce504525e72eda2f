#!/usr/bin/env python3
"""A fleet whose parts are killed, stopped and lied to: whatever happens, the archive has each host's lines once, or the
deviation is named.

usage: fleet.py SHMRING SHMRINGD LIBSHMRING.SO
"""
import itertools
import os
import random
import re
import shutil
import signal
import time
import unittest

from command_case import DAMAGED, NEGATIVE, OK, main
from fleet_case import ARCHIVED_STREAM, CAN, LOG_STREAM, WHY, FleetCase, Load
from fleet_oracle import lines_of

MODE = os.environ.get("SHMRING_TEST_MODE")
PART, PARTS = map(int, os.environ.get("SHMRING_TEST_PART", "1/1").split("/"))
KILLS = 5 if MODE == "quick" else 8  # in a fleet's life: what is written meanwhile has to come into the archive in time
LIVES = -(-500 // (KILLS * PARTS)) if MODE == "long" else 1
IN_CHECK = 4  # of the tests beside the one with the kills
SEED = int(os.environ.get("SHMRING_TEST_SEED", "1"))
FILES = ("--file-bytes", "256 KiB")


@unittest.skipUnless(CAN, WHY)
class Fleet(FleetCase):
    lives = itertools.count()

    def chaos(self, random_of):
        """One fault, and what ends it."""
        host = random_of.choice(self.hosts)
        node = random_of.choice(self.cluster.nodes)
        leader = self.cluster.leader() or node
        pause = random_of.uniform(0.05, 0.8)

        def restart(program, act):
            act()
            time.sleep(pause)
            program.start()

        def halt(program):
            program.signal(signal.SIGSTOP)
            time.sleep(pause)
            program.signal(signal.SIGCONT)

        def node_again(one):
            one.kill()
            time.sleep(pause)
            one.start()

        def node_halted(one):
            one.stop()
            time.sleep(pause)
            one.go_on()

        random_of.choice([
            lambda: restart(host.forwarder, host.forwarder.kill), lambda: restart(host.forwarder, host.forwarder.end),
            lambda: restart(self.receiver, self.receiver.kill), lambda: restart(self.receiver, self.receiver.end),
            lambda: restart(host.collector, host.collector.kill), lambda: halt(host.forwarder), lambda: halt(self.receiver),
            lambda: node_again(leader), lambda: node_again(node), lambda: node_halted(leader)])()

    def test_kills_and_stops_of_everything_under_load(self):
        self.receiver.start()
        first = self.host(*FILES, "--compress")
        second = self.host(*FILES)
        random_of = random.Random(f"{SEED} {PART} {next(self.lives)}")
        with Load(first) as one, Load(second) as other:
            for _ in range(KILLS):
                self.chaos(random_of)
            self.until(lambda: one.written and other.written, "a load")
        self.until(self.cluster.is_current, "replicas that are current", 120)
        self.judge()

    def test_a_quorum_is_lost_and_comes_back(self):
        self.receiver.start()
        host = self.host(*FILES)
        self.emit(host)
        self.until(lambda: self.archived(host)["index"] > 1000, "a first part")
        for node in self.cluster.nodes[:2]:
            node.kill()
        before = self.archived(host)["index"]
        self.emit(host, 3000)
        codes = ("no_answer", "full", "archive_unknown")
        self.until(lambda: any(code in host.forwarder.text() for code in codes), "a message about it")
        self.assertEqual(self.archived(host)["index"], before)
        for node in self.cluster.nodes[:2]:
            node.start()
        self.judge()

    def test_all_stores_of_the_cluster_are_deleted(self):
        self.receiver.start()
        host = self.host(*FILES)
        self.emit(host, 3000)
        self.until(lambda: self.archived(host)["index"] > 2000, "a first part")
        for node in self.cluster.nodes:
            node.kill()
        for node in self.cluster.nodes:
            node.wipe()
        self.emit(host, 3000)
        self.cluster.start()
        self.create_streams()
        self.judge()

    def test_a_replica_is_emptied_and_the_others_die_after_it(self):
        self.receiver.start()
        host = self.host(*FILES)
        with Load(host, lines=200):  # a slow cluster is waited for, and what is written meanwhile has to come into the archive
            for node in self.cluster.nodes:
                node.kill()
                node.wipe()
                node.start()
                for stream in (LOG_STREAM, ARCHIVED_STREAM):
                    self.until(lambda stream=stream: self.cluster.is_current(stream), f"current replicas of {stream}", 120)
        self.judge()

    def test_the_receiver_dies_between_its_commit_and_the_acknowledgement(self):
        self.receiver.start()
        host = self.host(*FILES)
        self.emit(host)
        self.until(lambda: self.archived(host)["index"] > 1000, "a first part")
        for _ in range(3):
            last = self.committed(host) + 500
            self.emit(host)
            self.until(lambda last=last: self.committed(host) > last, "a commit")
            for node in self.cluster.nodes:
                node.stop()
            self.receiver.kill()
            for node in self.cluster.nodes:
                node.go_on()
            self.receiver.start()
        self.judge()

    def committed(self, host):
        try:
            return max(lines_of(self.archive(host)))
        except FileNotFoundError:  # a start removes a file of which nothing was committed
            return 0

    def test_two_forwarders_on_one_log_by_mistake(self):
        self.receiver.start()
        host = self.host(*FILES)
        second = type(host.forwarder)(host.folder / "second.said", host.forwarder.words).start()
        self.others.append(second)
        with Load(host):
            time.sleep(6)
        self.judge()

    def test_lines_that_were_removed_before_they_were_sent_are_named_and_a_person_decides(self):
        self.receiver.start()
        host = self.host("--file-bytes", "64 KiB", "--retain-bytes", "1 MiB")
        self.emit(host)
        self.until(lambda: self.archived(host)["index"] > 1000, "a first part")
        host.forwarder.kill()
        self.emit(host, 10000)
        beginning = lambda: int(host.files()[0].name.split("-")[1].split(".")[0])
        self.until(lambda: beginning() > self.archived(host)["index"], "files that were removed")
        host.collector.end()
        first = beginning()
        self.assertEqual(host.forwarder.start().process.wait(60), DAMAGED, host.forwarder.text())
        self.assertIn("lost_position", host.forwarder.text())
        self.assertIn(str(first), host.forwarder.text())
        host.forwarder.start("--from", first)
        self.drained(host)

    def test_a_line_of_20_MiB(self):
        self.receiver.start()
        host = self.host("--max-record", str(20 << 20), "--slots", str(1 << 18), "--lanes", "1", "--slot-bytes", "512")
        self.emit(host, 10)
        done = host.emit(b"z" * (20 << 20) + b"\n", "--wait")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.emit(host, 10)
        self.judge()

    def a_host_and_its_older_log(self):
        """A host that is collected but not forwarded, and a copy of its log as the archive had it."""
        self.receiver.start()
        host = self.host(*FILES, sealed=False)
        self.emit(host)
        self.until(lambda: self.archived(host)["index"] > 1000, "a first part")
        self.stopped(host)
        older = f"{self.folder}/older"
        shutil.copytree(host.log, older, symlinks=True)
        self.collect(host)
        return host, older

    def test_a_host_that_lost_what_the_archive_does_not_have_goes_on(self):
        host, older = self.a_host_and_its_older_log()
        self.emit(host)
        self.stopped(host)
        self.bring_back(host, older)
        self.collect(host)
        host.forwarder.start()
        self.emit(host, 500)
        self.judge()

    def test_a_host_that_lost_what_the_archive_has_is_named(self):
        host, older = self.a_host_and_its_older_log()
        host.forwarder.start()
        self.emit(host)
        self.until(lambda: self.archived(host)["index"] > 2000, "a second part")
        self.stopped(host)
        self.bring_back(host, older)
        self.collect(host)
        self.emit(host, 1500, b"another text")
        host.forwarder.start()
        self.until(lambda: re.search("differs|conflict|gap", host.forwarder.text() + self.receiver.text()), "an alarm")

    def stopped(self, host):
        host.forwarder.kill()
        host.collector.kill()

    @staticmethod
    def bring_back(host, older):
        shutil.rmtree(host.log)
        shutil.copytree(older, host.log, symlinks=True)

    # ----------------------------------------------------------------------------------------------- changed bytes

    def sealed_and_archived(self):
        self.receiver.start()
        host = self.host("--file-bytes", "64 KiB")
        self.emit(host, 2000)
        self.judge()
        self.until(lambda: (self.archive(host) / "keys").exists() and self.run_it(
            "verify", str(self.archive(host)), "--key", self.key_of(host)).status == OK, "the seal in the archive", 60)
        return host, self.archive(host)

    @staticmethod
    def key_of(host):
        """The key of the log's first epoch, which an auditor has got before."""
        return (host.log / "keys").read_text().splitlines()[4]

    @staticmethod
    def change(folder):
        """One byte of a record in the second file."""
        path = sorted(folder.glob("*.jsonl"))[1]
        os.chmod(path, 0o600)
        text = bytearray(path.read_bytes())
        at = text.index(b"yyyy")
        text[at] = ord("X")
        path.write_bytes(text)
        return path.name, bytes(text[:at]).count(b"\n") + 1

    def test_a_byte_that_a_host_changes_is_named_by_the_archive(self):
        host, archive = self.sealed_and_archived()
        key = self.key_of(host)
        name, line = self.change(host.log)
        done = self.run_it("verify", str(host.log), "--key", key, "--checkpoint", str(archive / "checkpoint"),
                           "--against", str(archive))
        self.assertEqual(done.status, NEGATIVE, done.err)
        self.assertIn(name, done.out.decode())
        self.assertIn(f"line {line}", done.out.decode())
        self.expect(OK, "verify", str(archive), "--key", key)

    def test_a_byte_that_is_changed_in_the_archive_fails_there_and_nowhere_else(self):
        host, archive = self.sealed_and_archived()
        self.assertEqual(self.run_it("receive", "--status", str(self.root)).status, OK)
        self.change(archive)
        done = self.run_it("receive", "--status", str(self.root))
        self.assertEqual(done.status, NEGATIVE)
        self.assertRegex(done.out.decode(), r"(?s)FAILS.*another root: lines were changed after they were signed")
        self.expect(OK, "verify", str(host.log), "--key", self.key_of(host))


def load_tests(loader, tests, _pattern):
    """In check the seed chooses some; of a long run, each part takes some, by turns, and all take kills."""
    kills = "test_kills_and_stops_of_everything_under_load"
    others = [name for name in loader.getTestCaseNames(Fleet) if name != kills]
    if MODE == "check":
        others = random.Random(SEED).sample(others, IN_CHECK)
    elif MODE == "long":
        others = others[PART % min(PARTS, len(others))::min(PARTS, len(others))]
    return unittest.TestSuite(map(Fleet, [kills] * LIVES + others))


if __name__ == "__main__":
    main()
