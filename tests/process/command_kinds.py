#!/usr/bin/env python3
"""Payload kinds through the commands, the filters of `log`, and `stat --watch`.

usage: command_kinds.py SHMRING SHMRINGD LIBSHMRING.SO
"""
import ctypes
import json
import pathlib
import subprocess

from command_case import (ABSENT, CommandCase, Create, LANES, NEGATIVE, OK, PAYLOAD, SHMRING, SHMRINGD, SLOTS,
                          SLOT_BYTES, USAGE, main, until)

OVERWRITE = 1  # shmring_on_full


def documents(text):
    return [json.loads(line) for line in text.splitlines()]


class Kinds(CommandCase):
    def drain(self, ring="r"):
        """All that is in the ring into the log; its events."""
        with open(f"{self.folder}/daemon", "ab") as errors:
            daemon = self.start(SHMRINGD, "--ring", ring, "--log", f"{self.folder}/log", stderr=errors)
        until(lambda: self.run_it("stat", ring, "--interval", "0", "-o", "json").lines[0]["undrained"] == 0, "drained")
        until(lambda: not self.run_it("stat", ring, "--interval", "0", "-o", "json").lines[0]["producers"], "closed")
        daemon.terminate()
        self.assertEqual(daemon.wait(30), OK)
        return [line for line in self.log() if line["kind"] == "event"]

    def log(self, *arguments):
        return self.expect(OK, "log", f"{self.folder}/log", "-o", "json", *arguments).lines

    # ----------------------------------------------------------------------------------------------- emit, dump

    def test_json_is_embedded_and_what_is_none_is_text_that_says_so(self):
        self.create()
        lines = b'{"a": [1, 2.5]}\nnot json\n\n"\\u00e9"\n' + b"[" + b"1," * 40 + b"1]\n"
        self.expect(NEGATIVE, "emit", "r", "--json", data=lines, err="2 of 5 lines not JSON, line 2 first")
        slots = self.slots("--state", "ready")[:4]  # what follows are chunks
        self.assertEqual([(slot["kind"], slot.get("invalid"), slot["data"]) for slot in slots],
                         [("json", None, {"a": [1, 2.5]}), ("json", True, "not json"), ("json", True, ""),
                          ("json", None, "é")])
        self.assertEqual([(event["data"], event.get("invalid")) for event in self.drain()],
                         [({"a": [1, 2.5]}, None), ("not json", True), ("", True), ("é", None), ([1] * 41, None)])
        self.expect(OK, "emit", "r", "--json", data=b"{}\n")

    def test_fields_of_every_type_arrive_with_the_line(self):
        self.create()
        types = ["--field", "n:int=-5", "--field", "u:uint=18446744073709551615", "--field", "d:double=0.1"]
        self.expect(OK, "emit", "r", "--lane", "shared", *types, data=b"one\ntwo")
        types = ["--field", "b:bool=true", "--field", "t:time=2026-01-31T13:00:00.5+01:00", "--field", "x:bytes=00ff",
                 "--field", "a:b:text=c=d"]
        self.expect(OK, "emit", "r", "--lane", "shared", "--no-input", *types, data=b"not read\n")
        numbers = {"n": -5, "u": "18446744073709551615", "d": 0.1}
        wanted = [{**numbers, "line": "one"}, {**numbers, "line": "two"},
                  {"b": True, "t": "2026-01-31T12:00:00.500000000Z", "x": {"base64": "AP8="}, "a:b": "c=d"}]
        self.assertEqual([slot["data"] for slot in self.slots("--state", "ready")], wanted)
        self.assertIn(b' fields   0    36 ok      ', self.expect(OK, "dump", "r", "--state", "ready").out)
        self.assertEqual([event["data"] for event in self.drain()], wanted)

    def test_fields_that_do_not_fit_are_refused_not_cut(self):
        self.create()
        room = PAYLOAD - len("\x15\x04user\x05alice" + "\x15\x06amount\x04-125" + "\x15\x04line\x01")
        arguments = ["emit", "r", "--field", "user=alice", "--field", "amount=-125"]
        max_record = self.run_it("dump", "r", "-o", "json").lines[0]["max_record"]
        most = room + max_record - PAYLOAD - 1  # the length of a longer text takes one byte more
        lines = [b"x" * room, b"y" * most, b"z" * (most + 1)]
        self.expect(NEGATIVE, *arguments, data=b"\n".join(lines), err="1 of 3 lines refused (too big 1)")
        self.assertEqual([event["data"]["line"].encode() for event in self.drain()], lines[:2])

    def test_misuse_of_emit_is_said_before_anything_is_written(self):
        self.create()
        for arguments, text in [
                (["--field", "x"], "'x' is no field"), (["--field", "=x"], "has no key"),
                (["--field", "a:int=x"], "is no int"), (["--field", "a:int="], "is no int"),
                (["--field", "a:uint=-1"], "is no uint"),
                (["--field", "a:bool=1"], "is no bool"), (["--field", "a:time=today"], "is no time"),
                (["--field", "a:bytes=0"], "is no bytes"), (["--field", "a:blob=0"], "a type that is not known"),
                (["--field", "a=1", "--field", "a:int=2"], "the field 'a' stands there twice"),
                (["--field", "line=1"], "the field 'line' stands there twice"), (["--no-input"], "--field"),
                (["--json", "--field", "a=1"], "--json"), (["--json", "--truncate"], "--json")]:
            self.expect(USAGE, "emit", "r", *arguments, data=b"line\n", err=text)
        self.assertEqual(self.slots("--state", "ready"), [])

    def test_a_record_of_chunks_is_shown_by_its_chunks(self):
        self.create()
        self.expect(OK, "emit", "r", "--lane", "shared", data=b"x" * (2 * PAYLOAD + 1))
        slots = self.slots("--state", "ready")
        self.assertEqual([(slot["seq"], slot["chunk"], slot["chunks"], slot["bytes"]) for slot in slots],
                         [(1, 0, 3, PAYLOAD), (1, 1, 3, PAYLOAD), (1, 2, 3, 1)])
        text = self.expect(OK, "dump", "r", "--state", "ready").out.decode()
        self.assertEqual([text.count(f"[chunk {i}/3]") for i in (1, 2, 3)], [1, 1, 1])

    def test_an_aborted_claim_is_shown_with_its_cause_and_is_no_damage(self):
        self.create()
        handle, slot = ctypes.c_void_p(), ctypes.c_void_p()
        self.assertEqual(self.lib.shmring_attach(b"r", None, ctypes.byref(handle)), 0)
        self.assertEqual(self.lib.shmring_claim(handle, ctypes.c_size_t(8), ctypes.byref(slot)), 0)
        self.assertEqual(self.lib.shmring_abort(handle), 0)
        (shown,) = self.slots("--state", "ready")
        self.assertEqual([shown[key] for key in ("aborted", "cause", "kind", "bytes")], [True, "aborted", "none", 0])
        self.assertIn(b"[refused: aborted]", self.expect(OK, "dump", "r", "--state", "ready").out)
        self.lib.shmring_detach(handle)

    # ------------------------------------------------------------------------------------------------ log, stat

    def fill_log(self):
        self.create()
        self.expect(OK, "emit", "r", "--producer", "one", "--type", "7=package", data=b"a\nb\nc\n")
        self.expect(NEGATIVE, "emit", "r", "--producer", "two", "--type", "8", data=b"d\n" + b"x" * 5000 + b"\ne\n",
                    err="too big 1")
        self.drain()

    def test_log_shows_what_all_conditions_let_through(self):
        self.fill_log()
        data = lambda *arguments: [line.get("data", line["kind"]) for line in self.log(*arguments)]
        self.assertEqual(data("--type", "package"), ["a", "b", "c"])
        self.assertEqual(data("--type", "package", "--type", "8", "-n", "3"), ["c", "d", "e"])
        self.assertEqual(data("--producer", "two"), ["attach", "d", "loss", "e", "detach"])
        self.assertEqual(data("--producer", "two", "--kind", "event", "--kind", "loss"), ["d", "loss", "e"])
        self.assertEqual(data("--kind", "loss", "--producer", "one"), [])
        self.assertEqual(data("--kind", "event", "-n", "2"), ["d", "e"])
        self.assertEqual(data("--kind", "event", "-n", "0"), [])
        (loss,) = self.log("--kind", "loss")
        self.assertEqual((loss["producer"], loss["causes"]), ("two", {"too_big": 1}))
        everything = self.log()
        times = [line["time"] for line in everything]
        for at in times:
            self.assertEqual(self.log("--since", at), [line for line in everything if line["time"] >= at])
            self.assertEqual(self.log("--until", at), [line for line in everything if line["time"] <= at])
        self.assertEqual(self.log("--since", "1h"), everything)
        self.assertEqual(self.log("--until", "1h"), [])
        self.assertEqual(self.log("--since", "2025-01-01", "--until", "2261-01-01T00:00:00+01:00"), everything)

    def test_log_finds_a_correlation_id_however_it_is_written(self):
        self.create()
        handle = ctypes.c_void_p()
        self.assertEqual(self.lib.shmring_attach(b"r", None, ctypes.byref(handle)), 0)
        for byte in (0xab, 0xcd):
            meta = (ctypes.c_uint8 * 24)(*[0] * 8, *[byte] * 16)
            self.assertEqual(self.lib.shmring_write(handle, meta, b"traced", ctypes.c_size_t(6)), 0)
        self.lib.shmring_detach(handle)
        self.drain()
        for text in ["ab" * 16, "AB" * 16, "abababab-abab-abab-abab-abababababab"]:
            (event,) = self.log("--corr", text)
            self.assertEqual(event["corr"], "ab" * 16)

    def test_misuse_of_log_is_status_2(self):
        for arguments, text in [
                (["--since", "yesterday"], "'yesterday' is no time"), (["--until", "10"], "'10' is no time"),
                (["--since", "5x"], "is no time"), (["--since", "99999999999999d"], "is no time"),
                (["--corr", "ab"], "is no correlation id"), (["--corr", "g" * 32], "is no correlation id"),
                (["--kind", "los"], "'los' is no kind of line"), (["--until", "1h", "-f"], "--follow")]:
            self.expect(USAGE, "log", self.folder, *arguments, err=text)

    def test_log_follows_a_filtered_log_without_a_gap(self):
        self.create()
        daemon = self.start(SHMRINGD, "--ring", "r", "--log", f"{self.folder}/log")
        self.expect(OK, "emit", "r", "--type", "7", data=b"0\n1\n2\n")
        until(lambda: len(documents(self.run_it("log", f"{self.folder}/log", "--type", "7", "-o", "json").out)) == 3,
              "three events")
        shown = f"{self.folder}/shown"
        with open(shown, "wb") as file:
            follow = self.start(SHMRING, "log", f"{self.folder}/log", "-f", "-n", "1", "--type", "7", "-o", "json",
                                stdout=file)
        for first in range(3, 30, 3):
            self.expect(OK, "emit", "r", "--type", "9", data=b"other\n")
            self.expect(OK, "emit", "r", "--type", "7", data=b"".join(b"%d\n" % n for n in range(first, first + 3)))
        whole_lines = lambda: pathlib.Path(shown).read_bytes().rpartition(b"\n")[0]
        numbers = lambda: [int(line["data"]) for line in documents(whole_lines())]
        until(lambda: len(numbers()) >= 28, "28 events shown")
        follow.terminate()
        follow.wait(30)
        daemon.terminate()
        self.assertEqual(daemon.wait(30), OK)
        self.assertEqual(numbers(), list(range(2, 30)))

    def test_a_ring_that_overwrites_is_never_fuller_than_full(self):
        options = Create(ctypes.sizeof(Create), SLOTS, SLOT_BYTES, LANES, OVERWRITE)
        self.assertEqual(self.lib.shmring_create(b"r", ctypes.byref(options)), 0)
        self.expect(OK, "emit", "r", "--lane", "shared", data=b"line\n" * (3 * SLOTS))
        (stat,) = self.expect(OK, "stat", "r", "--interval", "0", "-o", "json").lines
        self.assertEqual(stat["undrained"], SLOTS)
        self.assertIn("a record takes the place of one that no log has", stat["warnings"][0]["what"])
        last_lap = list(range(2 * SLOTS + 1, 3 * SLOTS + 1))
        self.assertEqual([slot["seq"] for slot in self.slots("--state", "ready")], last_lap)
        self.expect(OK, "dump", "r")

    def test_stat_watches_until_the_ring_is_removed(self):
        self.create()
        self.expect(USAGE, "stat", "r", "--watch", "--interval", "0", err="--watch needs an --interval above 0")
        watch = self.start(SHMRING, "stat", "r", "--watch", "--interval", "0.05", "-o", "json", stdout=subprocess.PIPE,
                           stderr=subprocess.PIPE)
        first = watch.stdout.readline()
        self.expect(OK, "emit", "r", data=b"a\nb\n")
        undrained = lambda: documents(watch.stdout.readline())[0]["undrained"] == 2
        until(undrained, "a document with two more")
        self.expect(OK, "rm", "r", "--force")
        rest, errors = watch.communicate(timeout=30)
        self.assertEqual((watch.returncode, documents(first)[0]["undrained"]), (ABSENT, 0))
        self.assertIn(b"ring r: it was removed", errors)
        self.assertEqual({document["undrained"] for document in documents(rest)}, {2})


if __name__ == "__main__":
    main()
