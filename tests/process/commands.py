#!/usr/bin/env python3
"""What the subcommands that look at, feed and remove rings do: each rule with its message and its exit status.

usage: commands.py SHMRING SHMRINGD LIBSHMRING.SO
"""
import base64
import ctypes
import errno
import fcntl
import grp
import os
import pathlib
import resource
import shutil
import signal
import struct
import subprocess
import sys
import time

from command_case import (ABSENT, BUSY, CONFIGURATION, CommandCase, DAMAGED, Done, ENTRIES, FIRST_SLOT, LANES,
                          LANE_0, LANE_TAIL, LIBRARY, NEGATIVE, OK, PAYLOAD, PRODUCERS, SHMRING, SHMRINGD, SLOTS,
                          SLOT_BYTES, STATE, STATUS, STATUS_MORE, USAGE, VERSION, main, until)

TOO_BIG = 2  # shmring_condition
HEARTBEAT = STATUS + 16
CAUSES = ["full", "timeout", "contended", "too_big", "no_room", "aborted", "retired", "overwritten", "died", "corrupt",
          "collector", "refused"]


class Commands(CommandCase):
    # --------------------------------------------------------------------------------------------------- verify

    FIXTURES = pathlib.Path(os.environ.get("SHMRING_FIXTURES", pathlib.Path(__file__).parents[1] / "fixtures"))

    def log_with(self, name, change=lambda text: text):
        """The log in fixtures/log-0.1/NAME with its text changed."""
        folder = pathlib.Path(self.folder, "log")
        shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(self.FIXTURES / "log-0.1" / name, folder)
        (file,) = folder.glob("*.jsonl")
        file.write_text(change(file.read_text()))
        return str(folder)

    def test_verify_says_what_it_did_not_check(self):
        whole = self.expect(OK, "verify", self.log_with("closed")).out.decode()
        self.assertIn("not checked: what the records say: this log has no seal", whole)
        self.assertIn("not checked: whether lines were cut off the end", whole)
        self.assertNotIn("open account", whole)
        self.assertIn("not checked: 1 open account:", self.expect(OK, "verify", self.log_with("open")).out.decode())
        torn = self.expect(OK, "verify", self.log_with("closed", lambda text: text + '{"v":1')).out.decode()
        self.assertIn("not checked: the end: 6 bytes behind the last whole line of 2", torn)
        newer = self.log_with("closed", lambda text: text.replace('"kind":"stop"', '"kind":"seal"'))
        self.assertIn("not checked: 1 line not understood", self.expect(OK, "verify", newer).out.decode())
        (verdict,) = self.expect(OK, "verify", newer, "-o", "json").lines
        self.assertEqual((verdict["proven"], verdict["not_understood"], len(verdict["not_checked"])), (True, 1, 3))

    def test_verify_tells_of_writes_that_took_no_sequence(self):
        log = self.log_with("open", lambda text: text.replace('"nested":0', '"nested":241140'))
        self.assertIn("241140 more writes were refused without a sequence", self.expect(OK, "verify", log).out.decode())
        self.assertEqual(self.expect(OK, "verify", log, "-o", "json").lines[0]["nested"], 241140)
        self.assertIn("--no-loss: 241140 writes took no sequence",
                      self.expect(NEGATIVE, "verify", log, "--no-loss").out.decode())

    def test_no_loss_makes_a_loss_a_failure(self):
        self.assertIn("--no-loss: 1 sequence was lost",
                      self.expect(NEGATIVE, "verify", self.log_with("closed"), "--no-loss").out.decode())
        self.expect(NEGATIVE, "verify", self.log_with("closed"), "--no-loss", "-o", "json")
        self.expect(OK, "verify", self.log_with("open"), "--no-loss")
        last = ('{"v":1,"kind":"gone","index":56,"time":"2026-11-30T09:25:23.000000000Z","ring":"payments","producer":"api",'
                '"inc":253089010128863,"through":31}\n')
        gone = self.log_with("open", lambda text: text + last)
        self.assertIn("--no-loss: 1 account is gone", self.expect(NEGATIVE, "verify", gone, "--no-loss").out.decode())

    # ----------------------------------------------------------------------------------------------------- emit

    def test_payloads_of_nothing_of_a_whole_slot_and_of_one_more(self):
        self.create(max_record=PAYLOAD)
        lines = b"\n" + b"x" * PAYLOAD + b"\n" + b"y" * (PAYLOAD + 1) + b"\nlast"
        self.expect(NEGATIVE, "emit", "r", data=lines, err="ring r: 1 of 4 lines refused (too big 1)")
        self.assertEqual([(slot["seq"], slot["bytes"]) for slot in self.slots("--state", "ready")],
                         [(1, 0), (2, PAYLOAD), (4, 4)])

    def test_truncate_cuts_and_says_so(self):
        self.create(max_record=PAYLOAD)
        self.expect(OK, "emit", "r", "--truncate", data=b"y" * (PAYLOAD + 1))
        (slot,) = self.slots("--state", "ready")
        self.assertEqual((slot["bytes"], slot["truncated"]), (PAYLOAD, True))

    def test_what_a_full_ring_refuses_is_counted(self):
        self.create()
        self.expect(NEGATIVE, "emit", "r", data=b"line\n" * (SLOTS + 6), err=f"6 of {SLOTS + 6} lines refused (full 6)")
        (producer,) = self.expect(OK, "stat", "r", "--interval", "0", "-o", "json").lines[0]["producers"]
        self.assertEqual((producer["attempted"], producer["causes"]), (SLOTS + 6, {"full": 6}))

    def test_type_producer_severity_and_lane_arrive(self):
        self.create()
        self.expect(OK, "emit", "r", "--type", "7=package", "--producer", "dpkg", "--severity", "255",
                    "--lane", "shared", data=b"line\n")
        (slot,) = self.slots("--state", "ready")
        keys = ["type", "type_name", "producer", "sev", "lane", "kind", "data", "hash"]
        self.assertEqual([slot[key] for key in keys], [7, "package", "dpkg", 255, 0, "text", "line", "ok"])
        self.expect(CONFIGURATION, "emit", "r", "--type", "7=other", err="type 7 already has another name")

    def test_create_makes_an_absent_ring(self):
        self.expect(OK, "emit", "r", "--create", data=b"line\n")
        self.assertIn(b"8 lanes x 16384 slots x 256 bytes", self.expect(OK, "dump", "r").out)

    def test_a_line_without_end_needs_bounded_memory(self):
        self.create()
        limit = lambda: resource.setrlimit(resource.RLIMIT_AS, (64 << 20, 64 << 20))
        self.expect(NEGATIVE, "emit", "r", data=b"z" * (100 << 20) + b"\nshort\n", preexec_fn=limit, err="1 of 2 lines")
        self.assertEqual([slot["data"] for slot in self.slots("--state", "ready")], ["short"])

    def test_lines_are_written_as_they_come_and_a_signal_ends_the_reading(self):
        self.create()
        emit = self.start(SHMRING, "emit", "r", stdin=subprocess.PIPE, stderr=subprocess.PIPE)
        emit.stdin.write(b"first\nhalf")
        emit.stdin.flush()
        until(lambda: len(self.slots("--state", "ready")) == 1, "the first line in the ring")
        emit.send_signal(signal.SIGTERM)
        self.assertEqual((emit.wait(30), emit.stderr.read()),
                         (143, b"shmring: ring r: ended by SIGTERM: 2 lines written, 0 refused\n"))
        self.assertEqual([slot["data"] for slot in self.slots("--state", "ready")], ["first", "half"])
        (producer,) = self.expect(OK, "stat", "r", "--interval", "0", "-o", "json").lines[0]["producers"]
        self.assertEqual(producer["state"], "left")

    def test_a_ring_that_goes_away_ends_it(self):
        self.create()
        emit = self.start(SHMRING, "emit", "r", stdin=subprocess.PIPE, stderr=subprocess.PIPE)
        emit.stdin.write(b"first\n")
        emit.stdin.flush()
        until(lambda: len(self.slots("--state", "ready")) == 1, "the first line in the ring")
        self.expect(OK, "rm", "--force", "r")
        self.assertIn(b"it was removed after 1 lines", emit.communicate(b"second\n", 30)[1])
        self.assertEqual(emit.returncode, NEGATIVE)

    # ----------------------------------------------------------------------------------------------------- dump

    def test_hostile_bytes_are_harmless_on_a_terminal_and_whole_in_json(self):
        self.create()
        hostile = [b"\033]0;x\a\033[31m", b"\xff\xfe\0", "‮right".encode(), b'"quoted\\', b"a\rb\tc\x7f"]
        self.expect(OK, "emit", "r", data=b"\n".join(hostile) + b"\n")
        for arguments in [["--state", "ready"], ["--hex"]]:
            text = self.expect(OK, "dump", "r", *arguments).out
            self.assertNotRegex(text, rb"[\x00-\x09\x0b-\x1f\x7f]")
            self.assertNotIn("\u202e", text.decode())
        data = [slot["data"] for slot in self.slots("--state", "ready")]
        data = [base64.b64decode(value["base64"]) if isinstance(value, dict) else value.encode() for value in data]
        self.assertEqual(data, hostile)

    def test_a_dump_leaves_no_trace_in_a_live_ring(self):
        self.create()
        emit = self.start(SHMRING, "emit", "r", "--producer", "living", stdin=subprocess.PIPE)
        emit.stdin.write(b"line\n")
        emit.stdin.flush()
        until(lambda: len(self.slots("--state", "ready")) == 1, "the line in the ring")
        before = pathlib.Path(self.path()).read_bytes()
        done = self.expect(OK, "dump", "r", "--hex")
        self.assertEqual(pathlib.Path(self.path()).read_bytes(), before)
        self.assertRegex(done.out, rb"living +\d+ +%d +alive +\d+ +attached +1 +1 +0 +0 +shmring\n" % emit.pid)
        self.assertIn(b"6c 69 6e 65", done.out)
        pathlib.Path(f"{self.folder}/copy").write_bytes(before)
        self.assertIn(b"living", self.expect(OK, "dump", f"{self.folder}/copy").out)

    def test_damage_is_named_and_the_rest_is_shown(self):
        self.create()
        self.expect(OK, "emit", "r", "--lane", "shared", data=b"one\ntwo\n")
        for at, form, value, text in [
                (FIRST_SLOT + 64, "B", 0, "lane 0 slot 0: the hash does not match"),
                (FIRST_SLOT + 8 + 44, "H", PAYLOAD + 1, "lane 0 slot 0: length is longer than a slot"),
                (FIRST_SLOT, "Q", 7, "lane 0 slot 0: word is state 7"),
                (FIRST_SLOT + SLOT_BYTES, "Q", 9 << 16 | 1 << 3 | 2, "lane 0 slot 1: word is state 2, owner 1, lap 9"),
                (LANE_0 + LANE_TAIL, "Q", 1000, "lane 0: tail is 1000, expected at most 128 above its head 0"),
                (ENTRIES + 32, "Q", 99, "producer entry 0: lane is 99, expected below 2"),
                (ENTRIES + 192, "B", 27, "producer entry 0: the producer's name is not valid"),
                (STATE, "I", 5, "header: state is 5")]:
            self.poke(at, form, value)
            done = self.expect(DAMAGED, "dump", "r", "--state", "ready", err=text)
            self.assertIn(b"POSITION", done.out)
            self.assertNotIn(b"\033", done.out)

    def test_an_entry_without_an_incarnation_is_damage_while_its_owner_lives(self):
        self.create()
        emit = self.start(SHMRING, "emit", "r", stdin=subprocess.PIPE)
        emit.stdin.write(b"line\n")
        emit.stdin.flush()
        until(lambda: len(self.slots("--state", "ready")) == 1, "the line in the ring")
        self.poke(ENTRIES + 24, "Q", 0)
        self.expect(DAMAGED, "dump", "r", err="producer entry 0: incarnation is 0, expected above")
        emit.kill()
        emit.communicate()
        self.expect(OK, "dump", "r")  # a collector may have died as it zeroed the entry

    def test_lanes_and_slots_that_are_not_there_are_a_usage_error(self):
        self.create()
        self.expect(USAGE, "dump", "r", "--lane", "2", err="there is no lane 2: it has lanes 0 to 1")
        self.expect(USAGE, "dump", "r", "--slots", "64-", err="there is no slot 64: a lane has slots 0 to 63")
        self.assertEqual([slot["slot"] for slot in self.slots("--slots", "62-", "--lane", "1")], [62, 63])

    def test_losses_are_shown_by_all_causes_and_a_log_that_cannot_be_written(self):
        self.create()
        lost = dict(zip(CAUSES, range(1, 13)))
        self.poke(STATUS_MORE, "13Q", *lost.values(), 2)
        now = time.clock_gettime_ns(time.CLOCK_MONOTONIC)
        self.poke(STATUS, "7Q", os.getpid() << 42 | 2, 1, now + 60 * 10**9, 0, 0, 0, sum(lost.values()))
        with open(self.path(), "r+b") as file:
            fcntl.fcntl(file, fcntl.F_OFD_SETLK, struct.pack("hhqqi4x", fcntl.F_WRLCK, os.SEEK_SET, 0, 0, 0))
            (stat,) = self.expect(OK, "stat", "r", "--interval", "0", "-o", "json").lines
            (dump,) = [line for line in self.expect(OK, "dump", "r", "-o", "json").lines if line["what"] == "collector"]
            (listed,) = self.expect(OK, "ls", "-o", "json").lines
            texts = [self.expect(OK, *words).out.decode() for words in (["stat", "r", "--interval", "0"], ["dump", "r"])]
        for collector in (stat["collector"], dump):
            self.assertEqual((collector["causes"], collector["lost"], collector["state"]), (lost, 78, "log_failing"))
        for text in texts:
            self.assertIn("overwritten 8, died 9, corrupt 10, collector 11, refused 12", text)
            self.assertIn("cannot write its log", text)
        self.assertTrue(any("the collector cannot write its log" in one["what"] for one in stat["warnings"]))
        self.assertIn("the collector cannot write its log", listed["problem"])

    def test_what_the_collector_says_of_its_log_is_shown(self):
        self.create()
        now = time.clock_gettime_ns(time.CLOCK_MONOTONIC)
        shown = {"level": "every", "durable_index": 38, "next_index": 41, "log_bytes": 2048, "log_free_bytes": 1 << 30,
                 "signed_ns": now, "alarm": 99, "alarm_errno": errno.ENOSPC, "alarm_utc_ns": 1_700_000_000_000_000_000}
        self.poke(STATUS_MORE + 104, "8Q", 3, 38, 41, 99, errno.ENOSPC, 1_700_000_000_000_000_000, 2048, 1 << 30)
        self.assertNotIn(b"last checkpoint", self.expect(OK, "stat", "r", "--interval", "0").out)
        self.poke(STATUS_MORE + 184, "Q", now)
        self.poke(STATUS + 8, "Q", 1)  # there was a collector
        (stat,) = self.expect(OK, "stat", "r", "--interval", "0", "-o", "json").lines
        (dump,) = [line for line in self.expect(OK, "dump", "r", "-o", "json").lines if line["what"] == "collector"]
        for collector in (stat["collector"], dump):
            self.assertEqual({name: collector[name] for name in shown}, shown)
        for words in (["stat", "r", "--interval", "0"], ["dump", "r"]):
            text = self.expect(OK, *words).out.decode()
            self.assertIn("level every, 38 of 41 lines survive a power cut; 2.0 KiB of log, 1.0 GiB free; alarm 99 since "
                          "2023-11-14T22:13:20.000000000Z (No space left on device)", text)
        self.assertLess(stat["collector"]["checkpoint_age_ns"], 300 * 10**9)
        self.assertIn(b"\nsealed    last checkpoint ", self.expect(OK, "stat", "r", "--interval", "0").out)
        for level, name in enumerate(("none", "write", "interval", "every", "archived", "?")):
            self.poke(STATUS_MORE + 104, "Q", level)
            (stat,) = self.expect(OK, "stat", "r", "--interval", "0", "-o", "json").lines
            self.assertEqual(stat["collector"]["level"], name)

    def test_the_identity_of_the_ring_and_the_claimed_programs_are_shown(self):
        self.create()
        handle, ring_id = ctypes.c_void_p(), (ctypes.c_uint8 * 16)()
        self.assertEqual(self.lib.shmring_attach(b"r", None, ctypes.byref(handle)), 0)
        self.assertEqual(self.lib.shmring_ring_id(handle, ring_id), 0)
        identity = bytes(ring_id).hex()
        header, *others = self.expect(OK, "dump", "r", "-o", "json").lines
        (producer,) = [line for line in others if line["what"] == "producer"]
        self.assertEqual((header["ring_id"], header["producers"]), (identity, PRODUCERS))
        self.assertRegex(producer["claimed"], "^python3")
        self.poke(ENTRIES + 264, "56s", b"\033[31mx\n" + b"y" * 48)  # hostile, and not terminated
        text = self.expect(OK, "dump", "r").out
        self.assertIn(f"identity  {identity}\n".encode(), text)
        self.assertNotIn(b"\033", text)
        self.assertIn(b"  CLAIMED\n", text)
        claimed = [line.get("claimed") for line in self.expect(OK, "dump", "r", "-o", "json").lines]
        self.assertIn("\033[31mx\n" + "y" * 48, claimed[-1:])
        self.lib.shmring_detach(handle)

    # ------------------------------------------------------------------------------------------- stat, ls, rm

    def test_a_producer_table_that_is_nearly_full_is_said(self):
        daemon = self.start(SHMRINGD, "--ring", "r", "--log", f"{self.folder}/log", "--producers", "10", "--lanes", "4",
                            "--slots", "64")
        until(lambda: os.path.exists(self.path()), "a ring")
        handles = [ctypes.c_void_p() for _ in range(11)]
        for taken, handle in enumerate(handles[:10], 1):
            self.assertEqual(self.lib.shmring_attach(b"r", None, ctypes.byref(handle)), 0)
            (stat,) = self.expect(OK, "stat", "r", "--interval", "0", "-o", "json").lines
            self.assertEqual([stat[key] for key in ("places", "places_taken", "exclusive_lanes", "exclusive_lanes_in_use")],
                             [10, taken, 3, min(taken, 3)])
            said = {9: ["the producer table is nearly full: 9 of 10 places are taken"],
                    10: ["the producer table is full, and nobody can attach: 10 of 10 places are taken"]}
            self.assertEqual([one["what"] for one in stat["warnings"] if "producer table" in one["what"]], said.get(taken, []))
        self.assertEqual(self.lib.shmring_attach(b"r", None, ctypes.byref(handles[10])), -errno.EUSERS)
        text = self.expect(OK, "stat", "r", "--interval", "0").out
        self.assertIn(b"places    10 of 10 producers, 3 of 3 exclusive lanes\n", text)
        self.assertIn("producer table is full", self.run_it("doctor", "r").out.decode())
        (ring,) = self.expect(OK, "ls", "-o", "json").lines
        self.assertEqual((ring["producers"], ring["places"], len(ring["ring_id"])), (10, 10, 32))
        self.assertIn(b" 10 of 10 ", self.expect(OK, "ls").out)
        for handle in handles[:10]:
            self.lib.shmring_detach(handle)
        daemon.terminate()
        self.assertEqual(daemon.wait(30), OK)

    def test_stat_warns_with_a_remedy_and_sees_the_collector(self):
        self.create()
        (stat,) = self.expect(OK, "stat", "r", "--interval", "0", "-o", "json").lines
        self.assertEqual(stat["collector"]["running"], False)
        self.assertIn("shmringd --ring r", stat["warnings"][0]["remedy"])
        daemon = self.start(SHMRINGD, "--ring", "r", "--log", f"{self.folder}/log")
        self.expect(OK, "emit", "r", data=b"line\n" * 10)

        def drained():
            (stat,) = self.run_it("stat", "r", "--interval", "0.05", "-o", "json").lines
            collector = stat["collector"]
            measured = "wakeups_per_s" in collector  # not across the collector's start
            return measured and collector["logged"] == 10 and not stat["producers"] and stat
        stat = until(drained, "ten lines in the log, the producer's place free")
        self.assertEqual(stat["collector"]["pid"], daemon.pid)
        self.assertEqual((stat["warnings"], stat["undrained"], stat["collector"]["lost"]), ([], 0, 0))
        self.assertTrue(stat["collector"]["running"])
        self.expect(BUSY, "rm", "r", err=f"a collector (pid {daemon.pid}) drains it")
        daemon.terminate()
        self.assertEqual(daemon.wait(30), OK)
        self.assertIn(b"removed ring r", self.expect(OK, "rm", "r").out)

    def test_stat_names_a_process_that_runs_another_program(self):
        self.create()
        script = ("import ctypes, os, sys\nhandle = ctypes.c_void_p()\n"
                  "assert ctypes.CDLL(sys.argv[1]).shmring_attach(b'r', None, ctypes.byref(handle)) == 0\n"
                  "os.execv('/bin/sleep', ['sleep', '60'])")
        child = self.start(sys.executable, "-c", script, LIBRARY)
        until(lambda: os.readlink(f"/proc/{child.pid}/exe").endswith(("sleep", "coreutils", "busybox")), "exec")
        (stat,) = self.expect(OK, "stat", "r", "--interval", "0", "-o", "json").lines
        self.assertEqual(stat["producers"][0]["process"], "replaced")
        self.assertTrue(any(f"(pid {child.pid}) runs another program" in one["what"] for one in stat["warnings"]))
        self.expect(BUSY, "rm", "r", err="1 producer is attached")

    def test_ls_lists_a_bad_ring_with_its_problem(self):
        self.assertEqual(self.expect(OK, "ls", err="there is no ring").out, b"")
        self.create("good")
        self.create("bad")
        self.poke(VERSION, "I", 9, ring="bad")
        bad, good = self.expect(OK, "ls", "-o", "json").lines
        self.assertIn("version is 9", bad["problem"])
        self.assertEqual([good[key] for key in ("ring", "size", "lanes", "slots", "state", "producers", "fill")],
                         ["good", os.path.getsize(self.path("good")), LANES, SLOTS, "open", 0, 0])
        self.assertNotIn("problem", good)
        self.assertRegex(self.expect(OK, "ls").out, rb"(?m)^good .* open +none ")

    def test_rm_gives_nothing_up_without_force(self):
        self.create()
        self.expect(OK, "emit", "r", data=b"line\n")
        self.expect(BUSY, "rm", "r", err="1 position not drained")
        emit = self.start(SHMRING, "emit", "r", stdin=subprocess.PIPE)
        until(lambda: self.run_it("rm", "r").err.count("1 producer is attached"), "attached")
        (removed,) = self.expect(OK, "rm", "r", "--force", "-o", "json").lines
        self.assertEqual((removed["removed"], removed["producers"], removed["undrained"]), ("r", 1, 1))
        self.expect(ABSENT, "rm", "r", err="there is no")
        self.assertEqual(emit.communicate(b"", 30), (None, None))
        self.assertEqual(emit.returncode, OK)

    def test_rm_gives_up_no_refusal_that_no_log_has_and_names_no_collector_that_it_does_not_know(self):
        self.create()
        held, handle = ctypes.c_void_p(), ctypes.c_void_p()
        attach = lambda out: self.assertEqual(self.lib.shmring_attach(b"r", None, ctypes.byref(out)), 0)
        attach(handle)
        self.assertEqual(self.lib.shmring_write(handle, None, bytes(1 << 20), ctypes.c_size_t(1 << 20)), TOO_BIG)
        self.lib.shmring_detach(handle)
        self.expect(BUSY, "rm", "r", err="ring r: not removed: 1 attempt in no log: start shmringd --ring r")
        attach(held)
        lock = os.open(self.path(), os.O_RDWR)
        lease = struct.pack("hhqqi4x", fcntl.F_WRLCK, os.SEEK_SET, 0, 0, 0)  # a collector's, which has not said who it is
        fcntl.fcntl(lock, fcntl.F_OFD_SETLK, lease)
        done = self.expect(BUSY, "rm", "r", err="a collector has just taken it: see `shmring stat r`")
        self.assertNotIn("kill", done.err)
        self.poke(HEARTBEAT, "Q", 1)
        (stat,) = self.expect(OK, "stat", "r", "--interval", "0", "-o", "json").lines
        self.assertEqual([one["remedy"] for one in stat["warnings"] if "kill" in one["remedy"]], [])
        self.assertIn(b"starting", self.expect(OK, "stat", "r", "--interval", "0").out)
        os.close(lock)
        self.lib.shmring_detach(held)
        (removed,) = self.expect(OK, "rm", "r", "--force", "-o", "json").lines
        self.assertEqual((removed["undrained"], removed["unlogged"]), (0, 1))

    # ------------------------------------------------------------------------------------------------ shmringd

    def test_a_collector_makes_the_ring_for_whom_it_is_told_to(self):
        ours = os.getgroups() if os.geteuid() != 0 else [group.gr_gid for group in grp.getgrall()]
        group = next((gid for gid in ours if gid != os.getegid()), os.getegid())
        name = grp.getgrgid(group).gr_name
        for options, mode, gid in [([], 0o600, os.getegid()), (["--mode", "0640"], 0o640, os.getegid()),
                                   (["--group", name], 0o660, group), (["--group", name, "--mode", "600"], 0o600, group)]:
            daemon = self.start(SHMRINGD, "--ring", "r", "--log", f"{self.folder}/log", "--slots", "64", *options)
            until(lambda: os.path.exists(self.path()), "a ring")
            status = os.stat(self.path())
            self.assertEqual((status.st_mode & 0o7777, status.st_gid), (mode, gid), options)
            self.expect(OK, "rm", "--force", "r")
            self.assertEqual(daemon.wait(30), OK)
        for options, status, text in [
                (["--mode", "0680"], USAGE, "'0680' is not a mode: octal digits"),
                (["--mode", "0"], USAGE, "not a mode"),
                (["--mode", "0666"], CONFIGURATION, "mode is 0666, expected no bits beyond 0660"),
                (["--group", "no such group"], CONFIGURATION, 'there is no group "no such group"')]:
            done = Done(subprocess.run([SHMRINGD, "--ring", "r", "--log", f"{self.folder}/log", *options], capture_output=True))
            self.assertEqual(done.status, status, done.err)
            self.assertIn(text, done.err)
            self.assertFalse(os.path.exists(self.path()))


if __name__ == "__main__":
    main()
