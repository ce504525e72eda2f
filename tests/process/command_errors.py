#!/usr/bin/env python3
"""How shmring refuses: misuse, rings that cannot be used, output that cannot be written; each with its exit status.

usage: command_errors.py SHMRING SHMRINGD LIBSHMRING.SO
"""
import os
import pathlib
import shutil
import signal
import stat
import subprocess
import tempfile
import unittest

from command_case import (ABSENT, BOOT_ID, BUSY, CONFIGURATION, CommandCase, DAMAGED, Done, FIRST_SLOT,
                          GEOMETRY_SLOTS, HAS_BENCH, HAS_FORWARD, IO, NOBODY, OK, PERMISSION, SHMRING, SHMRINGD,
                          SLOTS, SLOT_BYTES, USAGE, VERSION, main, until)


class Errors(CommandCase):
    # ------------------------------------------------------------------------------------------- help and usage

    def test_every_command_has_help_on_stdout(self):
        for command in ["dump", "emit", "log", "verify", "stat", "top", "ls", "rm", "gc", "doctor", "prove", "checkpoint",
                        "cosign", "tiles", "keygen",
                        "report"] + ["bench"] * HAS_BENCH + ["forward", "receive"] * HAS_FORWARD:
            done = self.expect(OK, command, "--help")
            self.assertIn(f"Usage: shmring {command}".encode(), done.out)
            self.assertIn(b"Exit status:", done.out)
            self.assertIn(command.encode(), self.expect(OK, "--help").out)
        self.assertRegex(self.expect(OK, "--version").out, rb"^shmring \d+\.\d+ ")

    def test_a_usage_error_says_what_and_how_on_stderr(self):
        for arguments, text in [
                ([], "A subcommand is required"), (["dmup"], "did you mean dump?"), (["stast"], "did you mean stat?"),
                (["xyzzy"], "'xyzzy' is not a command\n"), (["dump"], "NAME|FILE is required"),
                (["dump", "r", "--stat", "ready"], "'--stat' is not a known option or argument; did you mean --state?"),
                (["dump", "r", "--state", "tired"], "tired"), (["dump", "r", "--slots", "9-3"], "'9-3' is not a range"),
                (["dump", "r", "--slots", "-1"], "--slots"), (["dump", "a b"], "'a b' cannot name a ring"),
                (["emit", "r", "--severity", "256"], "256"), (["emit", "r", "--type", "x"], "'x' is not a type"),
                (["emit", "r", "--type", "4294967296"], "is not a type"), (["emit", "r", "--type", "1=a b"], "is not a type"),
                (["emit", "r", "--producer", "a/b"], "'a/b' cannot name a producer"),
                (["rm", "../r"], "cannot name a ring"),
                (["stat", "r", "--interval", "-1"], "-1"), (["ls", "-o", "xml"], "xml"),
                (["log", self.folder, "-n", "-1"], "'-1' is not a whole number of 0 or more"),
                (["log", self.folder, "-n", "99999999999999999999"], "'99999999999999999999' is not a whole number"),
                (["stat", "r", "--interval", "nan"], "'nan' is not a number of seconds"),
                (["dump", "r", "--lane", "-1"], "'-1' is not a whole number"),
                (["--frob"], "'--frob' is not a known option or argument\n"), (["--versoin"], "did you mean --version?")]:
            done = self.expect(USAGE, *arguments, err=text)
            self.assertEqual(done.out, b"")
            self.assertIn("usage: shmring", done.err)
            self.assertIn("--help", done.err)

    def test_shmringd_offers_no_durability_that_it_refuses(self):
        text = subprocess.run([SHMRINGD, "--help"], capture_output=True, text=True, check=True).stdout
        offered = text.split("--durability")[1].split("--")[0]
        for level in ["write", "interval", "every", "archived"]:
            self.assertRegex(offered, rf"\b{level}\b")
        for level in ["none", "x"]:
            self.assertNotRegex(offered, rf"\b{level}\b")
            done = self.shmringd("--log", f"{self.folder}/log", "--durability", level)
            self.assertEqual(done.status, USAGE, done.err)
            self.assertIn(f"'{level}' is not one of write, interval, every, archived\n", done.err)

    def test_hostile_arguments_are_harmless_on_a_terminal(self):
        for arguments in [["\033[31m"], ["dump", "\033[31m"], ["dump", "./\033[31m"], ["ls", "--\033[31m"]]:
            self.assertNotIn("\033", self.run_it(*arguments).err)

    def test_the_daemon_says_what_it_was_given_and_harms_no_terminal(self):
        for option, value, text in [("--producers", "0", "'0' is not a whole number from 1 to 8190"),
                                    ("--producers", "8191", "'8191' is not a whole number from 1 to 8190"),
                                    ("--slots", "-1", "'-1' is not a power of two from 64 to 16777216"),
                                    ("--on-full", "\033[31m", "is not one of drop, overwrite, wait, hybrid")]:
            done = Done(subprocess.run([SHMRINGD, "--ring", "r", "--log", f"{self.folder}/log", option, value],
                                       capture_output=True, timeout=60))
            self.assertEqual(done.status, USAGE, done.err)
            self.assertIn(text, done.err)
            self.assertNotIn("\033", done.err)

    # --------------------------------------------------------------------------------------- logs that are refused

    def test_what_is_named_like_a_file_of_a_log_and_is_none_is_named_and_not_waited_for(self):
        name = "20260101T000000Z-00000000000000000000.jsonl"
        link = lambda path: os.symlink("/dev/null", path)
        for make, kind in [(os.mkfifo, "a FIFO"), (os.mkdir, "a directory"), (link, "a symbolic link"),
                           (lambda path: os.mknod(path, stat.S_IFSOCK | 0o600), "a socket")]:
            log = tempfile.mkdtemp(dir=self.folder)
            make(f"{log}/{name}")
            for command in [[SHMRING, "log", log], [SHMRING, "verify", log], [SHMRINGD, "--ring", "r", "--log", log]]:
                done = Done(subprocess.run(command, capture_output=True, timeout=30))
                self.assertEqual((done.status, done.out), (DAMAGED, b""), f"{command}: {done.err}")
                self.assertIn(f"log {log}/{name}: it is {kind}, and not a file of an audit log: move it elsewhere", done.err)
            self.assertEqual(os.listdir(log), [name])

    # ------------------------------------------------------------------------------------- rings that are refused

    def test_an_absent_ring_is_status_3_and_says_where_it_looked(self):
        for command in ["dump", "emit", "stat", "rm"]:
            self.expect(ABSENT, command, "nope", err=f"there is no {self.path('nope')}")
        self.expect(ABSENT, "dump", "./nope", err="file ./nope: it does not exist")
        self.assertNotIn("./", self.expect(ABSENT, "dump", "nope", err="nope", cwd=self.folder).err)
        pathlib.Path(self.folder, "nope").touch()
        self.expect(ABSENT, "dump", "nope", err="to look at it, write ./nope", cwd=self.folder)
        os.rmdir(self.rings)
        self.expect(ABSENT, "ls", err=self.rings)
        os.environ["SHMRING_DIR"] = "relative"
        self.expect(CONFIGURATION, "ls", err="SHMRING_DIR")

    @unittest.skipUnless(os.geteuid() == 0, "needs root, to be somebody else")
    def test_somebody_else_s_ring_is_status_4(self):
        self.create()
        program = shutil.copy(SHMRING, self.folder)  # the build folder may be closed to others

        def expect(status, *arguments):
            done = Done(subprocess.run([program, *arguments], capture_output=True, user=NOBODY, group=NOBODY,
                                       extra_groups=[], stdin=subprocess.DEVNULL))
            self.assertEqual(done.status, status, done.err)
            return done

        for command in ["dump", "emit", "stat", "rm"]:
            self.assertIn("no permission to open " + self.path(), expect(PERMISSION, command, "r").err)
        self.assertIn(b"no permission", expect(OK, "ls").out)
        os.chmod(self.path(), 0o644)
        expect(OK, "dump", "r")
        self.assertIn("no permission", expect(PERMISSION, "emit", "r").err)

    def test_a_symbolic_link_is_status_4(self):
        self.create("real")
        os.symlink(self.path("real"), self.path())
        for command in ["dump", "emit", "stat", "rm"]:
            self.expect(PERMISSION, command, "r", err="is a symbolic link")
        self.expect(OK, "rm", "--force", "r")
        self.assertEqual(os.listdir(self.rings), ["shmring.real"])

    def test_another_version_is_status_5(self):
        self.create()
        self.poke(VERSION, "I", 9)
        for command in ["dump", "emit", "stat", "rm"]:
            self.expect(DAMAGED, command, "r", err="version is 9, expected exactly 4")
        pathlib.Path(self.path("text")).write_bytes(b"no segment at all" * 1000)
        self.expect(DAMAGED, "dump", self.path("text"), err="magic")

    def test_a_truncated_file_is_shown_as_far_as_it_goes(self):
        self.create()
        self.expect(OK, "emit", "r", data=b"kept\n")
        os.truncate(self.path(), FIRST_SLOT + (SLOTS + 1) * SLOT_BYTES)  # lane 1, slot 0 is still there
        self.expect(DAMAGED, "emit", "r", err="size of the file")
        self.expect(BUSY, "rm", "r", err="1 position not drained")
        done = self.expect(DAMAGED, "dump", "r", "--state", "ready", err="size of the file is")
        self.assertIn(b"kept", done.out)
        os.truncate(self.path(), 1000)
        self.assertEqual(self.expect(DAMAGED, "dump", "r", err="size of the file is 1000").out, b"")

    def test_a_header_that_cannot_be_is_shown_without_lanes(self):
        self.create()
        self.poke(GEOMETRY_SLOTS, "I", 63)
        done = self.expect(DAMAGED, "dump", "r", "--hex", err="slots is 63, expected at least 64")
        self.assertIn(b"geometry", done.out)
        self.assertNotIn(b"LANE  OWNER", done.out)

    def test_a_ring_of_another_boot_is_shown_but_not_used(self):
        self.create()
        self.expect(OK, "emit", "r", data=b"kept\n")
        self.poke(BOOT_ID, "Q", 1)
        done = self.expect(DAMAGED, "dump", "r", "--state", "ready", err="boot id is")
        self.assertIn(b"another boot", done.out)
        self.assertIn(b"kept", done.out)
        self.expect(DAMAGED, "emit", "r", err="another boot")

    # ------------------------------------------------------------------------------- what a refused shmringd leaves

    def shmringd(self, *arguments, ring="r"):
        return Done(subprocess.run([SHMRINGD, "--ring", ring, *arguments], capture_output=True, timeout=60))

    def test_a_log_that_is_refused_leaves_no_new_ring(self):
        self.create()
        busy, damaged = f"{self.folder}/busy", f"{self.folder}/damaged"
        self.start(SHMRINGD, "--ring", "r", "--log", busy)
        until(lambda: os.path.lexists(f"{busy}/segment"), "a log that is locked")
        os.mkdir(damaged)
        pathlib.Path(damaged, "20261124T220008Z-00000000000000000000.jsonl").write_text("no line\nof a log\n")
        file = f"{self.folder}/file"
        pathlib.Path(file).touch()
        for log, status in [(busy, BUSY), (damaged, DAMAGED), (file, ABSENT)]:
            done = self.shmringd("--log", log, ring="other")
            self.assertEqual(done.status, status, done.err)
            self.assertIn(f"log {log}", done.err)
            self.assertEqual(os.listdir(self.rings), ["shmring.r"])

    def test_a_ring_that_is_refused_leaves_no_new_log(self):
        self.create()
        self.start(SHMRINGD, "--ring", "r", "--log", f"{self.folder}/log")
        until(lambda: os.path.lexists(f"{self.folder}/log/segment"), "a ring that is collected")
        new, old = f"{self.folder}/new", f"{self.folder}/old"
        os.mkdir(old)
        for log in [new, old]:
            self.assertEqual(self.shmringd("--log", log).status, BUSY)
            self.assertEqual(self.shmringd("--log", log, "--mode", "0666", ring="other").status, CONFIGURATION)
            os.environ["SHMRING_DIR"] = f"{self.folder}/absent"
            self.assertEqual(self.shmringd("--log", log).status, ABSENT)
            os.environ["SHMRING_DIR"] = self.rings
        self.assertFalse(os.path.exists(new))
        self.assertEqual(os.listdir(old), [])

    # --------------------------------------------------------------------------------------------------- output

    def test_output_that_cannot_be_written_is_status_7_but_not_a_reader_that_has_gone(self):
        self.create()
        log = f"{self.folder}/log"
        daemon = self.start(SHMRINGD, "--ring", "other", "--log", log)
        until(lambda: self.run_it("log", log).status == OK, "a log")
        daemon.terminate()
        self.assertEqual(daemon.wait(30), OK)
        bench = ["bench", "--quick", "--rounds", "1", "--only", "floor", "--measure", "quiet"]
        for arguments in [["dump", "r"], ["dump", "r", "--hex", "-o", "json"], ["stat", "r", "--interval=0"], ["ls"],
                          ["gc", "-n"], ["doctor"], ["log", log], ["log", log, "-o", "json", "-n", "1"], ["verify", log],
                          ["help"], ["emit", "--help"], ["--version"]] + [["help", "bench"], bench] * HAS_BENCH:
            with open("/dev/full", "wb") as full:
                done = Done(subprocess.run([SHMRING, *arguments], stdout=full, stderr=subprocess.PIPE))
            self.assertEqual(done.status, IO, done.err)
            self.assertIn("cannot write to standard output: No space left on device", done.err, arguments)
            if arguments[0] == "bench":
                continue
            for restore, status in [(False, OK), (True, -signal.SIGPIPE)]:
                read, write = os.pipe()
                os.close(read)
                done = Done(subprocess.run([SHMRING, *arguments], stdout=write, stderr=subprocess.PIPE,
                                           restore_signals=restore))
                os.close(write)
                self.assertEqual((done.status, done.err), (status, ""))
        for program, *arguments in [(SHMRINGD, "--help"), (SHMRINGD, "-V"), (SHMRING, "rm", "--force", "r")]:
            with open("/dev/full", "wb") as full:
                done = Done(subprocess.run([program, *arguments], stdout=full, stderr=subprocess.PIPE))
            self.assertEqual(done.status, IO, done.err)
            self.assertEqual(done.err.count("cannot write to standard output: No space left on device"), 1)

    def test_a_message_that_cannot_be_written_changes_no_status(self):
        self.create()
        for status, program, *arguments in [
                (ABSENT, SHMRING, "rm", "absent"), (ABSENT, SHMRING, "verify", f"{self.folder}/absent"),
                (USAGE, SHMRING, "dump"), (OK, SHMRING, "gc"), (USAGE, SHMRINGD, "--frob"),
                (CONFIGURATION, SHMRINGD, "--ring", "s", "--log", f"{self.folder}/log", "--mode", "0666"),
                (ABSENT, SHMRINGD, "--ring", "r", "--log", "/proc/none")]:
            with open("/dev/full", "wb") as full:
                done = subprocess.run([program, *arguments], stdout=subprocess.DEVNULL, stderr=full)
            self.assertEqual(done.returncode, status, arguments)

    def test_no_message_gets_into_a_file_that_was_opened_instead_of_a_closed_descriptor(self):
        self.create()
        log, moved = f"{self.folder}/log", f"{self.folder}/moved"
        closed = {"preexec_fn": lambda: os.closerange(0, 3)}
        daemon = self.start(SHMRINGD, "--ring", "r", "--log", log, **closed)
        begun = lambda: any('"kind":"start"' in file.read_text() for file in pathlib.Path(log).glob("*.jsonl"))
        until(begun, "a log that is begun")
        os.rename(log, moved)
        until(begun, "another log in its place, of which a message tells")
        daemon.terminate()
        self.assertEqual(daemon.wait(30), OK)
        for whole in [log, moved]:
            self.expect(OK, "verify", whole)
        self.assertEqual(self.start(SHMRING, "dump", "r", **closed).wait(30), IO)
        self.assertEqual(self.start(SHMRING, "emit", "r", **closed).wait(30), IO)
        self.assertEqual(self.start(SHMRING, "rm", "r", **closed).wait(30), IO)


if __name__ == "__main__":
    main()
