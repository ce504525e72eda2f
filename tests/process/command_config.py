#!/usr/bin/env python3
"""The configuration of shmringd: what its file says, what wins, what is refused and where, what is in force, and a reload.

usage: command_config.py SHMRING SHMRINGD LIBSHMRING.SO
"""
import os
import pathlib
import re
import signal
import subprocess

from command_case import CONFIGURATION, CommandCase, Done, OK, SHMRINGD, USAGE, main, until

MANUAL = pathlib.Path(__file__).resolve().parents[2] / "tools/shmringd/shmringd.toml"


class Config(CommandCase):
    def setUp(self):
        super().setUp()
        self.config, self.log_dir = f"{self.folder}/shmringd.toml", f"{self.folder}/log"

    def write(self, text):
        pathlib.Path(self.config).write_text(text, encoding="utf-8")

    def check(self, *options):
        return Done(subprocess.run([SHMRINGD, *options, "--check-config"], capture_output=True, timeout=60))

    def in_force(self, *options):
        """{table.key: text as in the file}"""
        done = self.check(*options)
        self.assertEqual((done.status, done.err), (OK, ""))
        found, table = {}, ""
        for line in done.out.decode().splitlines():
            if line.startswith("["):
                table = line.strip("[]")
            elif line and not line.startswith("#"):
                key, _, value = line.partition(" = ")
                found[f"{table}.{key}"] = value
        return found

    # ------------------------------------------------------------------------------------------- the file

    def test_the_command_line_wins_over_the_file_and_the_file_over_the_default(self):
        self.write('[ring]\nname = "r"\nslots = 128\nlanes = 3\nbusy = true\n[log]\ndir = "/tmp/x y"\nfile_bytes = "3 GiB"\n')
        found = self.in_force("--config", self.config, "--lanes", "4", "--file-age", "90s")
        self.assertEqual([found[key] for key in ("ring.slots", "ring.lanes", "ring.slot_bytes", "ring.busy", "log.dir",
                                                 "log.file_bytes", "log.file_age")],
                         ["128", "4", "256", "true", '"/tmp/x y"', '"3 GiB"', '"90 s"'])

    def test_a_flag_sets_itself_and_no_other(self):
        flags = {"--busy": "ring.busy", "--compress": "log.compress", "--retain-archived": "retain.archived",
                 "--seal": "seal.enabled", "--seal-leaves": "seal.leaves"}
        for flag in flags:
            found = self.in_force("--ring", "r", "--log", "l", "--seal-state", "s", flag)
            self.assertEqual({key for key in flags.values() if found[key] == "true"}, {flags[flag]})

    def test_a_seal_wants_a_place_for_its_keys(self):
        done = self.check("--ring", "r", "--log", "l", "--seal")
        self.assertEqual(done.status, USAGE)
        self.assertIn("--seal wants --seal-state", done.err)
        os.environ["STATE_DIRECTORY"] = "/var/lib/one:/var/lib/two"
        self.addCleanup(os.environ.pop, "STATE_DIRECTORY")
        self.assertEqual(self.in_force("--ring", "r", "--log", "l", "--seal")["seal.state"], '"/var/lib/one"')
        done = self.check("--ring", "r", "--log", "l", "--new-log")
        self.assertEqual(done.status, USAGE)
        self.assertIn("--new-log is for a sealed log", done.err)

    def test_what_is_in_force_can_be_fed_back(self):
        self.write('[ring]\nname = "r"\non_full = "wait"\nwait_us = 7\nmax_record = 100\ngroup = "root"\nmode = "0640"\n'
                   'owner = "root"\nslots = 64\n[log]\ndir = "/tmp/\\u00e4 \\\\ \\" z"\ngroup = "0"\n[metrics]\nfile = "m"\n'
                   '[retain]\nage = "90 d"\nbytes = "20 GiB"\nfree = "1 GiB"\narchived = true\n'
                   '[seal]\nenabled = true\nstate = "/s"\norigin = "o"\n')
        done = self.check("--config", self.config)
        self.assertEqual((done.status, done.err), (OK, ""))
        self.assertNotRegex(done.out, rb"(?m)^# \w+ is not set")
        self.write(done.out.decode())
        self.assertEqual(self.check("--config", self.config).out, done.out)

    def test_the_manual_is_what_is_printed(self):
        done = self.check("--ring", "payments", "--log", "/var/log/payments-audit")
        self.assertEqual(done.out.decode(), MANUAL.read_text(encoding="utf-8"), f"update {MANUAL} from --check-config")
        help_text = subprocess.run([SHMRINGD, "--help"], capture_output=True, text=True, check=True).stdout
        for key in re.findall(r"^(?:# )?(\w+) (?:=|is not set)", MANUAL.read_text(encoding="utf-8"), re.M):
            option = {"name": "--ring", "dir": "--log", "file": "--metrics", "age": "--retain-age", "bytes": "--retain-bytes",
                      "free": "--retain-free", "archived": "--retain-archived",
                      "enabled": "--seal", "state": "--seal-state", "origin": "--seal-origin",
                      "epoch": "--seal-epoch", "leaves": "--seal-leaves"}.get(key, "--" + key.replace("_", "-"))
            self.assertIn(option, help_text)

    def test_numbers_have_units_where_they_are_sizes_and_durations(self):
        for text, shown in [("128 MiB", "128 MiB"), ("131072KiB", "128 MiB"), ("65536", "64 KiB"), ("1 TiB", "1 TiB"),
                            ("100001 B", "100001 B")]:
            found = self.in_force("--ring", "r", "--log", "l", "--file-bytes", text)
            self.assertEqual(found["log.file_bytes"], f'"{shown}"')
        for text, shown in [("1000 ms", "1 s"), ("1500ms", "1500 ms"), ("60 min", "1 h"), ("366 d", "366 d")]:
            found = self.in_force("--ring", "r", "--log", "l", "--file-age", text)
            self.assertEqual(found["log.file_age"], f'"{shown}"')
        for option, text in [("--file-bytes", text) for text in ("", "MiB", "1 mib", "1  MiB", "64 KiB ", "-1", "65535",
                                                                 "1025 GiB", "99999999999999999999", "18014398509481984 KiB")
                             ] + [("--file-age", text) for text in ("1", "0 s", "999 ms", "367 d", "1 hour", "1.5 h")]:
            done = self.check("--ring", "r", "--log", "l", option, text)
            self.assertEqual((done.status, done.out), (USAGE, b""), text)
            self.assertIn(f"'{text}' is not a ", done.err)
            self.assertRegex(done.err, r"from 64 KiB to 1 TiB|from 1 s to 366 d")

    def test_an_error_names_place_key_and_what_is_permitted(self):
        for text, place, said in [
                ('[ring]\nslots = 63', "2:9", "ring.slots: '63' is not a power of two from 64 to 16777216"),
                ('[ring]\nslots = 96', "2:9", "ring.slots: '96' is not a power of two"),
                ('[ring]\nslots = -1', "2:9", "'-1' is not a power of two"),
                ('[ring]\nslots = "64"', "2:9", "ring.slots: expected a power of two from 64 to 16777216, without quotes"),
                ('[ring]\nslots = 64.0', "2:9", "ring.slots: expected a power of two"),
                ('[ring]\nslots = [64]', "2:9", "ring.slots: expected"),
                ('[ring]\nslots = 9223372036854775808', "2:", ""),
                ('[ring]\nlanes = 65', "2:9", "ring.lanes: '65' is not a whole number from 1 to 64"),
                ('[ring]\nslotz = 64', "2:1", "'slotz' is not a key of [ring]; did you mean slots?"),
                ('[log]\nslots = 64', "2:1", "'slots' is not a key of [log]; known are compress, dir, durability, "),
                ('[rign]\nslots = 64', "1:2", "'rign' is not a table of the configuration; did you mean ring?"),
                ('slots = 64', "1:1", "'slots' is not a table of the configuration"),
                ('ring = 64', "1:1", "'ring' is not a table: expected [ring]"),
                ('[ring]\non_full = "block"', "2:11", "ring.on_full: 'block' is not one of drop, overwrite, wait, hybrid"),
                ('[ring]\nbusy = "true"', "2:8", "ring.busy: expected true or false, without quotes"),
                ('[ring]\nmode = 660', "2:8", "ring.mode: expected a mode: octal digits, for instance 0660, in quotes"),
                ('[ring]\nmode = "0680"', "2:8", "'0680' is not a mode"),
                ('[ring]\nname = ""', "2:8", "ring.name: '' is not a text without control characters"),
                ('[ring]\nname = "a\\u0000b"', "2:8", "is not a text without control characters"),
                ('[log]\ngroup = "no such group"', "2:9", "log.group: 'no such group' is not a group of this machine"),
                ('[log]\nfile_bytes = "1 KiB"', "2:14", "log.file_bytes: '1 KiB' is not a size from 64 KiB to 1 TiB, "),
                ('[log]\nfile_age = 3600', "2:12", "log.file_age: expected a duration from 1 s to 366 d, for instance 90 s or "
                                                   "1 h, in quotes"),
                ('[ring]\nslots = 64\nslots = 64', "3:", "slots"), ('[ring\n', "1:", ""), ("\x00", "1:", ""),
                ('[ring]\nname = "\033[31m"', "2:", ""), ("a = " + "[" * 100_000, "1:", "")]:
            self.write(text)
            done = self.check("--config", self.config, "--ring", "r", "--log", "l")
            self.assertEqual((done.status, done.out), (CONFIGURATION, b""), f"{text[:99]}: {done.err}")
            self.assertTrue(done.err.startswith(f"shmringd: {self.config}:{place}"), done.err)
            self.assertIn(said, done.err)
            self.assertRegex(done.err, r"\A[^\x00-\x09\x0b-\x1f]*\n\Z")

    def test_a_file_that_cannot_be_read_is_named(self):
        for path, said in [(f"{self.folder}/none", "No such file"), (self.folder, "Is a directory")]:
            done = self.check("--config", path, "--ring", "r", "--log", "l")
            self.assertEqual(done.status, CONFIGURATION)
            self.assertIn(f"{path}: cannot read it: {said}", done.err)
        pathlib.Path(self.config).write_bytes(b"#" * (1 << 20) + b"\n")
        self.assertIn("File too large", self.check("--config", self.config, "--ring", "r", "--log", "l").err)

    def test_checks_find_what_a_start_would(self):
        for options, status, said in [
                (["--log", "l"], USAGE, "--ring is required, or name in [ring] of the configuration file"),
                (["--ring", "r"], USAGE, "--log is required, or dir in [log]"),
                (["--ring", "a b", "--log", "l"], CONFIGURATION, "cannot name a ring"),
                (["--ring", "r", "--log", "l", "--owner", "nobody there"], CONFIGURATION, 'there is no user "nobody there"'),
                (["--ring", "r", "--log", "l", "--slots", "64", "--max-record", "99999"], CONFIGURATION,
                 "max_record is 99999")]:
            done = self.check(*options)
            self.assertEqual((done.status, done.out), (status, b""), done.err)
            self.assertIn(said, done.err)
        self.check("--ring", "r", "--log", self.log_dir)
        self.assertEqual(list(pathlib.Path(self.rings).iterdir()), [])
        self.assertFalse(pathlib.Path(self.log_dir).exists())

    # ------------------------------------------------------------------------------------------- a reload

    def collector(self, *options):
        with open(f"{self.folder}/said", "wb") as said:
            self.daemon = self.start(SHMRINGD, "--ring", "r", "--log", self.log_dir, "--slots", "64", "--lanes", "2", *options,
                                     stderr=said)
        self.says("it is collected into")
        return self.daemon

    def says(self, text):
        until(lambda: text in pathlib.Path(f"{self.folder}/said").read_text(), text)

    def lines(self, kind):
        lines = self.expect(OK, "log", self.log_dir, "-o", "json").lines
        return [line for line in lines if line["kind"] == kind]

    def end(self):
        self.daemon.terminate()
        self.assertEqual(self.daemon.wait(30), OK)
        self.expect(OK, "verify", self.log_dir)

    def test_a_reload_takes_over_what_changed_and_the_log_says_it(self):
        self.write('[log]\nfile_bytes = "64 KiB"\n')
        self.collector("--config", self.config, "--file-age", "2 h")
        self.write('[ring]\nbusy = true\n[log]\nfile_bytes = "1 MiB"\nfile_age = "3 h"\n')
        self.daemon.send_signal(signal.SIGHUP)
        self.says("shmringd: log.file_bytes is now 1 MiB, and was 64 KiB\n")
        found = until(lambda: self.lines("config"), "lines of the reload")
        self.assertEqual([(line["key"], line["from"], line["to"]) for line in found],
                         [("ring.busy", "false", "true"), ("log.file_bytes", "64 KiB", "1 MiB")])
        self.daemon.send_signal(signal.SIGHUP)
        self.says("the configuration was read again: nothing has changed\n")
        self.expect(OK, "emit", "r", data=b"x" * 100 + b"\n")
        self.end()
        self.assertEqual(len(self.lines("config")), 2)

    def test_a_quiet_log_gets_heartbeats_at_intervals_that_a_reload_can_change(self):
        self.write('[log]\nheartbeat = "1 d"\n')
        self.collector("--config", self.config)
        self.assertEqual(self.lines("heartbeat"), [])
        self.write('[log]\nheartbeat = "1 s"\n')
        self.daemon.send_signal(signal.SIGHUP)
        until(lambda: len(self.lines("heartbeat")) >= 2, "heartbeats")
        self.end()
        self.assertEqual(set(self.lines("heartbeat")[0]), {"v", "kind", "index", "time", "ring"})
        self.assertNotIn("not understood", self.expect(OK, "verify", self.log_dir).out.decode())

    def test_the_new_size_of_files_holds_at_once(self):
        files = lambda: len(list(pathlib.Path(self.log_dir).glob("*.jsonl")))
        self.write('[log]\nfile_bytes = "1 GiB"\n')
        self.collector("--config", self.config, "--on-full", "wait", "--wait-us", "30000000")
        self.expect(OK, "emit", "r", data=(b"x" * 100 + b"\n") * 500)
        self.assertEqual(files(), 1)
        self.write('[log]\nfile_bytes = "64 KiB"\n')
        self.daemon.send_signal(signal.SIGHUP)
        self.says("log.file_bytes is now 64 KiB")
        self.expect(OK, "emit", "r", data=(b"x" * 100 + b"\n") * 500)
        until(lambda: files() >= 2, "a new file")
        self.end()

    def test_a_limit_of_the_log_holds_at_once(self):
        names = lambda: sorted(path.name for path in pathlib.Path(self.log_dir).glob("*.jsonl"))
        self.write('[log]\nfile_bytes = "64 KiB"\n')
        self.collector("--config", self.config, "--on-full", "wait", "--wait-us", "30000000")
        self.expect(OK, "emit", "r", data=(b"x" * 100 + b"\n") * 2000)
        until(lambda: len(names()) >= 6, "files")
        first = names()[0]
        self.write('[log]\nfile_bytes = "64 KiB"\n[retain]\nbytes = "256 KiB"\n')
        self.daemon.send_signal(signal.SIGHUP)
        self.says("retain.bytes is now 256 KiB, and was not set")
        retained = lambda: self.run_it("log", self.log_dir, "-o", "json", "--kind", "retain").lines
        begins = lambda: int(names()[0].split("-")[1].split(".")[0])
        until(lambda: (found := retained()) and found[-1]["before"] == begins(), "the removal of the oldest files")
        self.assertNotIn(first, names())
        self.assertEqual({line["why"] for line in retained()}, {"bytes"})
        self.expect(OK, "verify", self.log_dir)
        self.end()

    def test_a_reload_is_all_or_nothing(self):
        good = '[log]\nfile_bytes = "64 KiB"\n'
        self.write(good)
        self.collector("--config", self.config)
        for text, said in [
                ('[log]\nfile_bytes = "2 MiB"\ndir = "elsewhere"\n', ""),  # the command line wins: no change of dir
                ('[ring]\nproducers = 9\n[log]\nfile_bytes = "1 MiB"\n',
                 "ring.producers needs a restart: it is 256, and would be 9"),
                ('[log]\nfile_bytes = "1 MiB"\nfile_age = "1"\n', ":3:12: log.file_age: '1' is not a duration"),
                ('[log]\nfile_bytes = "1 MiB"\n[lgo]\n', "did you mean log?")]:
            self.write(text)
            self.daemon.send_signal(signal.SIGHUP)
            if said:
                self.says(said)
                self.says("nothing of the file was taken over, and shmringd goes on as before\n")
            else:
                self.says("log.file_bytes is now 2 MiB")
        self.expect(OK, "emit", "r", data=b"it goes on\n")
        until(lambda: self.lines("event"), "the event")
        self.assertEqual([(line["key"], line["to"]) for line in self.lines("config")], [("log.file_bytes", "2 MiB")])
        self.write(good)  # from the value in force, and from none that was refused
        self.daemon.send_signal(signal.SIGHUP)
        self.says("log.file_bytes is now 64 KiB, and was 2 MiB\n")
        self.end()

    def test_without_a_file_there_is_nothing_to_reload(self):
        self.collector()
        self.daemon.send_signal(signal.SIGUSR1)
        self.daemon.send_signal(signal.SIGHUP)
        self.says("SIGHUP: there is nothing to reload: shmringd was started without --config\n")
        self.end()

    def test_a_line_at_the_start_says_what_is_in_force(self):
        self.collector("--file-bytes", "1 MiB", "--file-age", "5 min")
        self.assertEqual(pathlib.Path(f"{self.folder}/said").read_text(),
                         f"shmringd: ring r: it is collected into {self.log_dir}, level write; a new file each 1 MiB or 5 "
                         "min\n")
        self.end()


if __name__ == "__main__":
    main()
