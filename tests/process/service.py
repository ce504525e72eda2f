#!/usr/bin/env python3
"""shmringd as a service: what its manager is told, that its unit is sound, and that it works within the unit's system calls.

usage: service.py SHMRING SHMRINGD LIBSHMRING.SO
"""
import os
import pathlib
import re
import resource
import shutil
import signal
import socket
import subprocess
import unittest

from command_case import CommandCase, HAS_FORWARD, OK, SHMRING, SHMRINGD, main, until

TOOLS = pathlib.Path(__file__).resolve().parents[2] / "tools"
UNIT = TOOLS / "shmringd/systemd/shmringd@.service.in"
# Each with an instance of it, if it has some, and its program.
UNITS = [(UNIT, "payments", SHMRINGD)]
if HAS_FORWARD:
    FORWARD = SHMRING + "-forward-nats"
    UNITS += [(TOOLS / "forward/systemd/shmring-forward@.service.in", "payments", FORWARD),
              (TOOLS / "forward/systemd/shmring-receive.service.in", "", FORWARD),
              (TOOLS / "forward/systemd/shmring-report.service.in", "", SHMRING)]
HAS_SYSTEMD = shutil.which("systemd-analyze") is not None
FILE_LIMIT = 1  # bytes: no line fits


class Service(CommandCase):
    def manager(self, name):
        """The socket of a service manager."""
        end = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        end.bind("\0" + name[1:] if name.startswith("@") else name)
        end.settimeout(30)
        self.addCleanup(end.close)
        os.environ["NOTIFY_SOCKET"] = name
        self.addCleanup(os.environ.pop, "NOTIFY_SOCKET", None)
        return lambda: end.recv(8192).decode().splitlines()

    @staticmethod
    def told(manager, *expected):
        """Reads until these lines came, in this order; returns all that came."""
        lines, wanted = [], list(expected)
        while wanted:
            for line in manager():
                lines.append(line)
                if wanted and re.fullmatch(wanted[0], line):
                    wanted.pop(0)
        return lines

    # ------------------------------------------------------------------------------------------- the manager

    def test_a_service_manager_is_told_of_start_reload_and_end(self):
        for name in (f"{self.folder}/notify", f"@shmring-test-{os.getpid()}"):
            config = pathlib.Path(f"{self.folder}/c.toml")
            config.write_text("[ring]\nslots = 64\n", encoding="utf-8")
            manager = self.manager(name)
            daemon = self.start(SHMRINGD, "--config", str(config), "--ring", "r", "--log", f"{self.folder}/log",
                                stderr=subprocess.DEVNULL)
            first = self.told(manager, "READY=1", "STATUS=It collects.", "WATCHDOG=1")
            self.assertEqual(first[0], "READY=1")
            for text in ("[ring]\nslots = 64\nbusy = true\n", "[ring]\nslots = 1\n"):
                config.write_text(text, encoding="utf-8")
                daemon.send_signal(signal.SIGHUP)
                self.told(manager, "RELOADING=1", r"MONOTONIC_USEC=\d+", "READY=1")
            daemon.terminate()
            self.told(manager, "STOPPING=1")
            self.assertEqual(daemon.wait(30), OK)

    def test_the_watchdog_is_fed_while_the_log_cannot_be_written(self):
        manager = self.manager(f"{self.folder}/notify")
        daemon = self.start(SHMRINGD, "--ring", "r", "--log", f"{self.folder}/log", "--slots", "64",
                            stderr=subprocess.DEVNULL)
        self.told(manager, "READY=1")
        limit = resource.prlimit(daemon.pid, resource.RLIMIT_FSIZE)
        resource.prlimit(daemon.pid, resource.RLIMIT_FSIZE, (FILE_LIMIT, limit[1]))
        self.expect(OK, "emit", "r", data=b"it waits\n")
        self.told(manager, "STATUS=The log cannot be written: .*", "WATCHDOG=1", "WATCHDOG=1", "WATCHDOG=1")
        resource.prlimit(daemon.pid, resource.RLIMIT_FSIZE, limit)
        self.told(manager, "STATUS=It collects.")
        daemon.terminate()
        self.assertEqual(daemon.wait(30), OK)
        self.expect(OK, "verify", "--no-loss", f"{self.folder}/log")

    def test_a_hostile_socket_is_ignored_with_a_message(self):
        os.environ["NOTIFY_SOCKET"] = "vsock:\033[31m:1"
        self.addCleanup(os.environ.pop, "NOTIFY_SOCKET")
        with open(f"{self.folder}/said", "wb") as said:
            daemon = self.start(SHMRINGD, "--ring", "r", "--log", f"{self.folder}/log", "--slots", "64", stderr=said)
        until(lambda: "it is collected into" in pathlib.Path(f"{self.folder}/said").read_text(), "the start")
        said = pathlib.Path(f"{self.folder}/said").read_text()
        self.assertRegex(said, r"\Ashmringd: NOTIFY_SOCKET is .*, expected an absolute path, or @ and a name")
        self.assertNotIn("\033", said)
        daemon.terminate()
        self.assertEqual(daemon.wait(30), OK)

    # ------------------------------------------------------------------------------------------- the unit

    def unit(self, source, program):
        text = source.read_text(encoding="utf-8").replace(f"@bindir@/{os.path.basename(program)}", program)
        self.assertIn(f"ExecStart={program} ", text)
        path = pathlib.Path(self.folder) / source.name.removesuffix(".in")
        path.write_text(text.replace("@documents@", "file:/usr/share/doc/shmring/shmringd.toml"), encoding="utf-8")
        return path

    @unittest.skipUnless(HAS_SYSTEMD, "systemd-analyze is not installed")
    def test_each_unit_is_sound(self):
        for source, instance, program in UNITS:
            path = self.unit(source, program)
            name = path.with_name(path.name.replace("@", "@" + instance))
            done = subprocess.run(["systemd-analyze", "verify", str(name)], capture_output=True, text=True)
            self.assertEqual((done.returncode, done.stdout + done.stderr), (0, ""))

    @unittest.skipUnless(HAS_SYSTEMD and HAS_FORWARD, "systemd-analyze is not installed, or shmring was built without libnats")
    def test_the_timer_of_the_pages_is_sound(self):
        timer = pathlib.Path(self.folder, "shmring-report.timer")
        shutil.copy(TOOLS / "forward/systemd/shmring-report.timer", timer)
        self.unit(TOOLS / "forward/systemd/shmring-report.service.in", SHMRING)
        done = subprocess.run(["systemd-analyze", "verify", "--man=no", str(timer)], capture_output=True, text=True)
        self.assertEqual((done.returncode, done.stdout + done.stderr), (0, ""))

    def test_the_command_of_the_pages_is_one(self):
        """As the unit has it, with other directories."""
        text = (TOOLS / "forward/systemd/shmring-report.service.in").read_text(encoding="utf-8")
        (line,) = re.findall(r"(?m)^ExecStart=@bindir@/shmring (.*)$", text)
        pathlib.Path(self.folder, "archive").mkdir()
        words = line.replace("/var/lib/shmring-archive", f"{self.folder}/archive").replace("/var/lib", self.folder).split()
        self.expect(OK, *words)
        self.assertTrue(pathlib.Path(self.folder, "shmring-report/index.html").exists())

    @unittest.skipUnless(HAS_SYSTEMD, "systemd-analyze is not installed")
    def test_each_unit_is_exposed_to_little(self):
        for source, _, program in UNITS:
            done = subprocess.run(["systemd-analyze", "security", "--no-pager", "--offline=true", "--threshold=19",
                                   str(self.unit(source, program))], capture_output=True, text=True)
            self.assertEqual(done.returncode, 0, done.stdout)
            self.assertLess(float(re.search(r"Overall exposure level for \S+: ([0-9.]+)", done.stdout)[1]), 2.0)

    def system_calls(self, group):
        """What the unit's filter lets through, with the groups that it names."""
        text = subprocess.run(["systemd-analyze", "syscall-filter", group], capture_output=True, text=True, check=True).stdout
        names = set(text.split("\n    ")[1:]) if text else set()
        names = {name.strip() for name in names if not name.startswith("#")}
        for inner in [name for name in names if name.startswith("@")]:
            names |= self.system_calls(inner)
        return names

    @unittest.skipUnless(HAS_SYSTEMD and shutil.which("strace"), "systemd-analyze or strace is not installed")
    def test_it_works_within_the_system_calls_of_the_unit(self):
        self.assertRegex(UNIT.read_text(encoding="utf-8"), r"(?m)^SystemCallFilter=@system-service$")
        allowed = self.system_calls("@system-service")
        self.assertIn("openat", allowed)
        self.assertNotIn("mount", allowed)
        trace, config = f"{self.folder}/trace", pathlib.Path(f"{self.folder}/c.toml")
        config.write_text('[log]\nfile_bytes = "64 KiB"\n', encoding="utf-8")
        manager = self.manager(f"{self.folder}/notify")
        self.start("strace", "-f", "-qq", "-o", trace, SHMRINGD, "--ring", "r", "--log", f"{self.folder}/log", "--config",
                   str(config), "--owner", "root", "--group", "root", "--on-full", "wait", stderr=subprocess.DEVNULL)
        self.told(manager, "READY=1")
        self.expect(OK, "emit", "r", data=(b"x" * 1000 + b"\n") * 200)
        (collector,) = [line for line in self.run_it("dump", "r", "-o", "json").lines if line["what"] == "collector"]
        os.kill(collector["pid"], signal.SIGHUP)
        self.told(manager, "RELOADING=1", "READY=1", "WATCHDOG=1")
        os.kill(collector["pid"], signal.SIGTERM)
        self.assertEqual(self.children[-1].wait(60), OK)
        with open(trace, encoding="utf-8", errors="replace") as lines:
            made = {match[1] for line in lines if (match := re.match(r"\d+ +(\w+)\(", line))}
        self.assertIn("pidfd_open", made)
        self.assertEqual(made - allowed, set())
        self.expect(OK, "verify", f"{self.folder}/log")


if __name__ == "__main__":
    main()
