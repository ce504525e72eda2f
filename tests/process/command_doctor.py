#!/usr/bin/env python3
"""What `doctor` finds and what `gc` removes, and what both leave alone.

usage: command_doctor.py SHMRING SHMRINGD LIBSHMRING.SO
"""
import ctypes
import os
import pathlib
import resource
import shutil
import signal
import subprocess
import tempfile
import unittest

from command_case import (ABSENT, BOOT_ID, CREATOR_PID, CommandCase, LIBRARY, NEGATIVE, NOBODY, OK, PID_NAMESPACE, SHMRING,
                          SHMRINGD, VERSION, main, until)

TMPFS = os.access("/dev/shm", os.W_OK)
PRODUCER = """
import ctypes, os, sys
lib, handle = ctypes.CDLL(sys.argv[1]), ctypes.c_void_p()
assert lib.shmring_attach(b"r", None, ctypes.byref(handle)) == 0
for size in sys.argv[2:]:
    lib.shmring_write(handle, None, b"x" * int(size), ctypes.c_size_t(int(size)))
print("ready", flush=True)
sys.stdin.read()
"""


@unittest.skipUnless(TMPFS, "needs a /dev/shm that we may write")
class Doctor(CommandCase):
    def setUp(self):
        super().setUp()
        self.rings = os.environ["SHMRING_DIR"] = tempfile.mkdtemp(prefix="shmring-test-", dir="/dev/shm")
        resource.setrlimit(resource.RLIMIT_NOFILE, (1024, resource.getrlimit(resource.RLIMIT_NOFILE)[1]))

    def tearDown(self):
        super().tearDown()
        shutil.rmtree(self.rings)

    def create_by_the_dead(self):
        """A ring whose creator has ended, as a shell command's would have."""
        child = os.fork()
        if child == 0:
            status = 1
            try:
                self.create()
                status = 0
            finally:
                os._exit(status)
        self.assertEqual(os.waitpid(child, 0)[1], 0)

    def producer(self, *sizes):
        """A process that holds a place, and has written payloads of these sizes."""
        child = self.start("python3", "-c", PRODUCER, LIBRARY, *map(str, sizes), stdin=-1, stdout=-1)
        self.assertEqual(child.stdout.readline(), b"ready\n")
        return child

    def kill(self, child):
        child.send_signal(signal.SIGKILL)
        child.wait(30)

    def collect(self):
        daemon = self.start(SHMRINGD, "--ring", "r", "--log", f"{self.folder}/log")
        stat = lambda: self.run_it("stat", "r", "--interval", "0", "-o", "json").lines[0]
        until(lambda: stat()["collector"]["state"] == "collecting", "its first pass")
        return daemon

    def findings(self, *arguments, **more):
        done = self.run_it("doctor", "-o", "json", *arguments, **more)
        self.assertEqual(done.err, "")
        found = [line for line in done.lines if not line["ok"]]
        self.assertTrue(all(line["remedy"] for line in found))
        self.assertEqual(done.status, NEGATIVE if found else OK)
        return found

    def finding(self, what, *arguments, **more):
        """The only finding, which says this."""
        (found,) = self.findings(*arguments, **more)
        self.assertIn(what, found["what"])
        return found

    # -------------------------------------------------------------------------------------------------- doctor

    def test_nothing_is_found_where_nothing_is_wrong(self):
        self.assertEqual(self.findings(), [])
        self.create()
        self.producer(1)
        self.collect()
        until(lambda: not self.findings(), "no finding")
        done = self.expect(OK, "doctor", "r")
        for text in [b"ok       memory: ", b"tmpfs", b"ok       limits: ", b"ok       clock: ", b"0 findings\n"]:
            self.assertIn(text, done.out)
        self.assertRegex(done.out, rb"ok       ring r: .* collector pid \d+, heartbeat [\d.]+ \S*s ago; 1 producers")

    def test_limits_too_low_for_a_ring_or_a_collector_are_findings(self):
        low = lambda limit, value: lambda: resource.setrlimit(limit, (value, value))
        found = self.finding("at most 100 descriptors", preexec_fn=low(resource.RLIMIT_NOFILE, 100))
        self.assertIn("ulimit -n", found["remedy"])
        self.assertEqual(self.findings(preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (100, 1024))), [])
        found = self.finding("files may have at most 1048576 bytes", preexec_fn=low(resource.RLIMIT_FSIZE, 1 << 20))
        self.assertIn("ulimit -f", found["remedy"])

    def test_a_directory_that_anybody_may_change_is_a_finding(self):
        os.chmod(self.rings, 0o777)
        self.assertEqual(self.finding("no sticky bit")["remedy"], "chmod 1777 " + self.rings)
        os.chmod(self.rings, 0o1777)
        self.assertEqual(self.findings(), [])

    @unittest.skipUnless(os.geteuid() == 0, "needs root, to be somebody else")
    def test_a_directory_that_we_may_not_write_is_a_finding(self):
        os.chmod(self.rings, 0o755)
        program = shutil.copy(SHMRING, self.folder)  # the build folder may be closed to others
        os.chmod(self.folder, 0o755)
        done = self.start(program, "doctor", stdout=-1, user=NOBODY, group=NOBODY, extra_groups=[])
        out = done.communicate(timeout=30)[0]
        self.assertEqual(done.returncode, NEGATIVE)
        self.assertIn(b"this user cannot create rings in", out)

    def test_a_directory_on_a_disk_is_a_finding(self):
        os.environ["SHMRING_DIR"] = self.folder
        kind = subprocess.run(["stat", "-f", "-c", "%T", self.folder], stdout=-1, text=True, check=True).stdout
        if kind == "tmpfs\n":
            self.skipTest("the temporary folder is on a tmpfs")
        self.finding("is not a tmpfs")

    def test_a_ring_without_a_collector_with_a_stopped_one_and_with_one_again(self):
        self.create()
        self.assertIn("shmringd --ring r", self.finding("no collector", "r")["remedy"])
        daemon = self.collect()
        daemon.send_signal(signal.SIGSTOP)
        found = until(lambda: self.findings("r"), "a heartbeat that is too old")
        self.assertIn(f"the collector (pid {daemon.pid}) made no pass for", found[0]["what"])
        self.assertIn(f"kill -CONT {daemon.pid}", found[0]["remedy"])
        daemon.send_signal(signal.SIGCONT)
        until(lambda: not self.findings("r"), "no finding any more")

    def test_a_ring_that_cannot_be_used_is_a_finding_and_an_absent_one_is_status_3(self):
        self.expect(ABSENT, "doctor", "r", err=f"ring r: there is no {self.path()}")
        self.create_by_the_dead()
        self.assertEqual(self.finding("left over", "r")["remedy"], "shmring gc")
        os.chmod(self.path(), 0o644)
        self.assertTrue(any("cannot attach" in one["what"] for one in self.findings("r")))
        self.poke(VERSION, "I", 9)
        self.finding("version is 9, expected exactly 4", "r")

    # ------------------------------------------------------------------------------------------------------ gc

    def kept(self, why, *arguments):
        (line,) = self.expect(OK, "gc", "-o", "json", *arguments).lines
        self.assertIn(why, line["why"])
        self.assertFalse(line["removed"])
        self.assertEqual(os.listdir(self.rings), ["shmring.r"])
        return line

    def removed(self, *arguments):
        self.assertTrue(self.kept("", "-n", *arguments)["leftover"])
        self.assertIn(b"would remove r (", self.expect(OK, "gc", "-n", *arguments).out)
        (line,) = self.expect(OK, "gc", "-o", "json", *arguments).lines
        self.assertTrue(line["removed"], line)
        self.assertEqual(os.listdir(self.rings), [])
        return line

    def test_gc_removes_a_ring_that_only_the_dead_have_used(self):
        self.create_by_the_dead()
        self.kill(self.producer())
        self.assertIn("are dead or have left", self.removed()["why"])
        self.expect(OK, "gc", err="there is no ring")

    def test_gc_keeps_what_a_living_process_may_use(self):
        self.create()
        self.kept(f"its creator (pid {os.getpid()}) is not proven dead")
        os.remove(self.path())
        self.create_by_the_dead()
        child = self.producer()
        for arguments in [[], ["--lose"]]:
            self.kept(f"(pid {child.pid}) is alive", *arguments)
        self.kill(child)
        daemon = self.collect()
        self.kept(f"a collector (pid {daemon.pid}) drains it", "--lose")
        daemon.terminate()
        self.assertEqual(daemon.wait(30), OK)
        self.removed()

    def test_gc_gives_up_records_only_if_told_to(self):
        self.create_by_the_dead()
        self.kill(self.producer(1, 2, 3))
        line = self.kept("3 positions not drained, 3 attempts in no log")
        self.assertEqual((line["undrained"], line["unlogged"]), (3, 3))
        self.assertIn("shmringd --ring r", self.finding("left over", "r")["remedy"])
        self.assertEqual(self.removed("--lose")["undrained"], 3)

    def test_a_loss_that_no_log_has_is_a_record_too(self):
        self.create_by_the_dead()
        self.kill(self.producer(100_000))
        line = self.kept("1 attempt in no log")
        self.assertEqual((line["undrained"], line["unlogged"]), (0, 1))
        daemon = self.collect()
        until(lambda: not self.run_it("stat", "r", "--interval", "0", "-o", "json").lines[0]["producers"], "closed")
        daemon.terminate()
        self.assertEqual(daemon.wait(30), OK)
        self.removed()

    def test_gc_judges_only_what_it_can_see(self):
        self.create_by_the_dead()
        header = pathlib.Path(self.path()).read_bytes()
        self.poke(PID_NAMESPACE, "Q", 1)
        self.kept("another pid or time namespace", "--lose")
        self.poke(PID_NAMESPACE, "8s", header[PID_NAMESPACE:PID_NAMESPACE + 8])
        self.poke(CREATOR_PID, "I", os.getpid())
        self.kept("is not proven dead", "--lose")
        self.poke(VERSION, "I", 9)
        self.kept("version is 9", "--lose")
        self.poke(VERSION, "4s", header[VERSION:VERSION + 4])
        self.poke(BOOT_ID, "Q", 1)
        self.assertEqual(self.removed()["why"], "it is of another boot: all who used it are dead")


if __name__ == "__main__":
    main()
