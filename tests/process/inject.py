#!/usr/bin/env python3
"""The installed programs under strace's injection: the n-th call of a kind fails, in shmringd and in each command.

After each: a documented exit status, never a signal, with a message if it is not 0; and once a collector runs without
injection, every record is in the log, which `shmring verify` proves.
usage: inject.py SHMRING SHMRINGD LIBSHMRING.SO     exit 77: there is no strace, or it may not trace
"""
import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys

from command_case import CommandCase, SHMRING, SHMRINGD, until

MODE = os.environ.get("SHMRING_TEST_MODE", "quick")
QUICK = MODE == "quick"
STEP = 1 if MODE == "long" else 4
FIRST = int(os.environ.get("SHMRING_TEST_SEED", "1")) % STEP
# Call, errors (retval=N: it transfers N bytes), the n-th ones. mmap and munmap are here because no table leads to them.
COLLECTOR = [("openat", "EMFILE", range(1, 16)), ("write", "ENOSPC", range(1, 4)), ("write", "EIO", range(1, 4)),
             ("pread64", "EIO", range(1, 8)), ("ftruncate", "EIO", [1]), ("fcntl", "ENOLCK", range(1, 3)),
             ("flock", "EINTR", [1]), ("mmap", "ENOMEM", range(1, 6)), ("madvise", "EINVAL", [1, 2]),
             ("pidfd_open", "EMFILE", [1]), ("epoll_create1", "EMFILE", [1]), ("epoll_ctl", "ENOSPC", [1]),
             ("epoll_wait", "EBADF", [1]), ("ppoll", "EINTR", range(1, 5)), ("prctl", "EINVAL", [1]), ("socket", "EMFILE", [1]),
             ("sendto", "EAGAIN", [1, 2]),
             ("fallocate", "ENOSPC", [2, 3]), ("fallocate", "EOPNOTSUPP", [2]),
             ("renameat", "EACCES", [1, 2]), ("fchmod", "EPERM", [1])]
# The same of a sealed log; "": the process is killed at that call.
SEALED = [("openat", "EMFILE", range(1, 40)), ("write", "ENOSPC", range(1, 12)), ("write", "", range(1, 12)),
          ("fdatasync", "EIO", range(1, 9)), ("fdatasync", "", range(1, 9)), ("fsync", "EIO", range(1, 9)),
          ("fsync", "", range(1, 9)), ("renameat2", "EACCES", range(1, 7)), ("renameat2", "", range(1, 7)),
          ("pwrite64", "EIO", [1]), ("unlinkat", "EACCES", range(1, 4)), ("mkdirat", "EACCES", [1]),
          ("eventfd2", "EMFILE", [1, 2])]
COMMANDS = [("openat", "EMFILE", range(1, 6)), ("read", "EIO", range(1, 4)), ("pread64", "EIO", range(1, 4)),
            ("mmap", "ENOMEM", range(1, 4)), ("write", "EIO", [1, 2]), ("newfstatat", "EACCES", range(1, 5))]
LOADERS = {"openat", "read", "pread64", "mmap", "newfstatat"}  # which the dynamic loader makes too, before the program begins
STATUSES = range(9)  # what the commands document


def some_of(numbers):
    """All of one; of others each STEP-th, from a place that the seed decides."""
    numbers = list(numbers)
    return numbers[FIRST % len(numbers)::STEP]


class Injection(CommandCase):
    injected, made = 0, {}

    def loaders_calls(self, call, program):
        """How many of these calls are made before main(), and for a text of the program's own."""
        if (call, program) not in self.made:
            trace = os.path.join(self.folder, "trace")
            subprocess.run(["strace", "-f", "-qq", "-o", trace, "-e", f"trace={call}", program, "--version"],
                           stdout=subprocess.DEVNULL, check=True)
            with open(trace, encoding="utf-8") as lines:
                self.made[call, program] = sum(call + "(" in line for line in lines)
        return self.made[call, program]

    def traced(self, call, error, n, program, *arguments):
        n += self.loaders_calls(call, program) if call in LOADERS else 0
        return ["strace", "-f", "-qq", "-o", "/dev/null", "-e", f"trace={call}", "-e",
                f"inject={call}:{'error=' + error if error else 'signal=SIGKILL'}:when={n}", program, *arguments]

    def judge(self, status, err, what):
        self.assertIn(status, STATUSES, f"{what}: {err}")
        if status not in (0, 1):
            self.assertTrue(err.strip(), f"{what}: status {status} without a message")

    def complete(self, log, written, *options):
        """A collector without injection; then every record that was written is in the log, once."""
        collector = self.start(SHMRINGD, "--ring", "r", "--log", log, *options, stderr=subprocess.PIPE)
        until(self.collects, "collects")
        until(lambda: not json.loads(self.run_it("stat", "r", "--interval", "0", "-o", "json").out)["producers"], "drained")
        collector.terminate()
        self.assertEqual(collector.wait(30), 0, collector.stderr.read())
        self.assertEqual(self.run_it("verify", log).status, 0)
        lines = []
        for name in os.listdir(log):
            if name.endswith(".jsonl"):
                with open(os.path.join(log, name), encoding="utf-8") as file:
                    lines += [json.loads(line) for line in file]
        events = [line for line in lines if line["kind"] == "event"]
        lost = sum(line["count"] for line in lines if line["kind"] == "loss")
        self.assertEqual(len({(line["inc"], line["seq"]) for line in events}), len(events))
        self.assertEqual(len(events) + lost, written)

    def test_a_collector_whose_call_fails_loses_nothing(self):
        for call, error, numbers in COLLECTOR:
            for n in list(numbers)[:2 if QUICK else None]:
                with self.subTest(call=call, error=error, n=n):
                    log = os.path.join(self.folder, "log")
                    shutil.rmtree(log, ignore_errors=True)
                    if os.path.exists(self.path()):
                        os.unlink(self.path())
                    self.create()
                    self.assertEqual(self.run_it("emit", "r", data=b"x\n" * 20).status, 0)
                    child = self.start(*self.traced(call, error, n, SHMRINGD, "--ring", "r", "--log", log, "--metrics",
                                                    f"{self.folder}/r.prom"), stderr=subprocess.PIPE,
                                       env={**os.environ, "NOTIFY_SOCKET": f"{self.folder}/nobody"})
                    until(lambda: child.poll() is not None or self.collects(), "collects, or has ended")
                    self.run_it("emit", "r", data=b"y\n" * 20)
                    self.end_tracees(child.pid)
                    _, err = child.communicate(timeout=60)
                    self.judge(child.returncode, err.decode(), f"shmringd, {call} {error} {n}")
                    self.complete(log, 40)
                    type(self).injected += 1

    def test_a_sealed_log_whose_collector_s_call_fails_or_is_its_last_is_signed_in_the_end(self):
        log, state = os.path.join(self.folder, "log"), os.path.join(self.folder, "state")
        options = ["--seal", "--seal-state", state, "--durability", "every"]
        for call, error, numbers in SEALED:
            for n in some_of(numbers):
                with self.subTest(call=call, error=error, n=n):
                    for folder in (log, state):
                        shutil.rmtree(folder, ignore_errors=True)
                    if os.path.exists(self.path()):
                        os.unlink(self.path())
                    self.create()
                    self.assertEqual(self.run_it("emit", "r", data=b"x\n" * 20).status, 0)
                    child = self.start(*self.traced(call, error, n, SHMRINGD, "--ring", "r", "--log", log, *options),
                                       stderr=subprocess.PIPE)
                    until(lambda: child.poll() is not None or self.collects(), "collects, or has ended")
                    self.run_it("emit", "r", data=b"y\n" * 20)
                    self.end_tracees(child.pid)
                    _, err = child.communicate(timeout=60)
                    if error:
                        self.judge(child.returncode, err.decode(), f"shmringd, {call} {error} {n}")
                    self.complete(log, 40, *options)
                    with open(os.path.join(log, "keys"), encoding="utf-8") as keys, \
                            open(os.path.join(self.folder, "key"), "w", encoding="utf-8") as key:
                        key.write(keys.read().splitlines()[4] + "\n")
                    done = self.run_it("verify", log, "--key", os.path.join(self.folder, "key"), "-o", "json")
                    self.assertEqual((done.status, json.loads(done.out)["seal"]["unsigned_lines"]), (0, 0), done.err)
                    type(self).injected += 1

    def collects(self):
        stat = self.run_it("stat", "r", "--interval", "0", "-o", "json")
        return stat.status == 0 and json.loads(stat.out)["collector"]["running"]

    @staticmethod
    def tracees(pid):
        try:
            with open(f"/proc/{pid}/task/{pid}/children", encoding="ascii") as children:
                return [int(child) for child in children.read().split()]
        except OSError:
            return []

    def end_tracees(self, pid):
        for tracee in self.tracees(pid):
            with contextlib.suppress(ProcessLookupError):  # its failing call may end it at any time
                os.kill(tracee, signal.SIGTERM)

    def test_a_command_whose_call_fails_says_so_and_harms_nothing(self):
        self.create()
        log = os.path.join(self.folder, "log")
        written = 0
        self.complete(log, written)
        for command in (["emit", "r"], ["dump", "r"], ["stat", "r", "--interval", "0"], ["log", log], ["verify", log],
                        ["report", log], ["top", "--interval", "0.1"]):
            for call, error, numbers in COMMANDS:
                for n in list(numbers)[:1 if QUICK else None]:
                    before = self.attempted()
                    done = subprocess.run(self.traced(call, error, n, SHMRING, *command), input=b"one\ntwo\n",
                                          capture_output=True, timeout=60)
                    self.judge(done.returncode, done.stderr.decode("utf-8", "replace"), f"{command}, {call} {error} {n}")
                    written += self.attempted() - before
                    type(self).injected += 1
        self.complete(log, written)

    def test_rm_leaves_a_ring_alone_that_was_made_anew_since_it_judged_the_old_one(self):
        self.create()
        trace = os.path.join(self.folder, "trace")
        # Stopped as it has opened the directory to remove the name: the fourth path in it that it opens.
        rm = self.start("strace", "-f", "-qq", "-o", trace, "-P", self.rings, "-e", "trace=openat", "-e",
                        "inject=openat:signal=SIGSTOP:when=4", SHMRING, "rm", "--force", "r", stderr=subprocess.PIPE)

        def traced():
            with open(trace, encoding="utf-8") as file:
                return file.read()

        until(lambda: os.path.exists(trace) and "stopped by SIGSTOP" in traced(), "stopped")
        self.assertIn('"shmring.r", O_RDONLY', traced())
        self.assertNotIn('"shmring.r", O_RDWR', traced())
        os.rename(self.path(), f"{self.folder}/old")
        self.create()
        for pid in self.tracees(rm.pid):
            os.kill(pid, 18)
        _, err = rm.communicate(timeout=60)
        self.assertEqual(rm.returncode, 3, err)
        self.assertIn(b"was removed by somebody else just now", err)
        self.assertTrue(os.path.exists(self.path()))

    def attempted(self):
        return sum(p["attempted"] for p in json.loads(
            self.run_it("stat", "r", "--interval", "0", "-o", "json").out)["producers"])


def main():
    if shutil.which("strace") is None or subprocess.run(
            ["strace", "-o", "/dev/null", "-e", "inject=getpid:error=EIO:when=9", "true"], capture_output=True).returncode:
        print("strace is not installed, or may not trace")
        return 77
    import unittest
    result = unittest.main(argv=sys.argv[:1] + sys.argv[4:], exit=False).result
    print(f"REPORT io {Injection.injected} failing calls injected into shmringd and the commands; nothing lost")
    return not result.wasSuccessful()


if __name__ == "__main__":
    sys.exit(main())
