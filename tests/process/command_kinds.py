#!/usr/bin/env python3
"""Payload kinds through the commands, the filters of `log`, and `stat --watch`.

usage: command_kinds.py SHMRING SHMRINGD LIBSHMRING.SO
"""
import base64
import ctypes
import json
import pathlib
import subprocess

from command_case import (ABSENT, CommandCase, Create, LANES, NEGATIVE, OK, PAYLOAD, SHMRING, SHMRINGD, SLOTS,
                          SLOT_BYTES, USAGE, main, until)

OVERWRITE = 1  # shmring_policy
LARGE = 64 << 10


def documents(text):
    return [json.loads(line) for line in text.splitlines()]


def payload(event):
    """The bytes that an event's data stands for."""
    data = event["data"]
    return base64.b64decode(data["base64"], validate=True) if isinstance(data, dict) else data.encode()


def utf8(lines):
    return [line for line in lines if line.decode(errors="replace").encode() == line]


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
        self.expect(NEGATIVE, "emit", "r", "--json", data=lines, err="2 of 5 lines are not JSON (first line 2)")
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

    def create_large(self):
        """Records of 64 KiB, sixteen of them a lane."""
        options = Create(ctypes.sizeof(Create), 16384, SLOT_BYTES, LANES, max_record=LARGE)
        self.assertEqual(self.lib.shmring_create(b"r", ctypes.byref(options)), 0)

    def test_lines_of_64_kib_come_back_byte_for_byte(self):
        self.create_large()
        every_byte = bytes(range(256)).replace(b"\n", b"")
        characters = "".join(map(chr, [*range(10), *range(11, 256), 0x2028, 0x202e, 0x20ac, 0x1f600])).encode()
        cut = (characters * 200)[:LARGE].decode(errors="ignore").encode()
        lines = [b"x" * LARGE, (every_byte * 260)[:LARGE], cut + b"x" * (LARGE - len(cut)), b"\0" * LARGE, b"",
                 b"\x1b" * (LARGE - 1), b"\xff" * LARGE, b'"' * LARGE, b"\\" * (LARGE - 1) + b"\r"]
        self.assertEqual({len(line) for line in lines}, {0, LARGE - 1, LARGE})
        self.expect(NEGATIVE, "emit", "r", data=b"\n".join([*lines, b"y" * (LARGE + 1)]),
                    err="1 of 10 lines refused (too big 1)")
        events = self.drain()
        self.assertEqual([payload(event) for event in events], lines)
        self.assertEqual(["base64" in event["data"] for event in events], [line not in utf8(lines) for line in lines])

    def test_json_of_64_kib_is_embedded_or_said_to_be_none(self):
        self.create_large()
        numbers = b"[" + b"1," * (LARGE // 2 - 2) + b"10]"
        good = [numbers, b'"' + b"\\u0000" * 10922 + b'"', b'{"a":"' + b"\xc3\xa9" * 32764 + b'"}', b"[" * 64 + b"]" * 64]
        bad = [b"[" * LARGE, numbers[:-1], b'{"a":' * (LARGE // 5), b'"\0' + b"x" * (LARGE - 3) + b'"']
        not_utf8 = [b'"' + b"\xff" * (LARGE - 2) + b'"']
        self.expect(NEGATIVE, "emit", "r", "--json", data=b"\n".join([*good, *bad, *not_utf8]), err="5 of 9 lines are not JSON")
        events = self.drain()
        self.assertEqual([event["data"] for event in events[:4]], [json.loads(line) for line in good])
        self.assertEqual([payload(event) for event in events[4:]], bad + not_utf8)
        self.assertEqual([event.get("invalid") for event in events], [None] * 4 + [True] * 5)

    def test_fields_at_their_extremes_arrive(self):
        self.create_large()
        fields = {"i:int": -2**63, "j:int": 2**63 - 1, "u:uint": 2**64 - 1, "exact:int": 2**53 - 1, "zero:uint": 0,
                  "inf:double": "inf", "-inf:double": "-inf", "nan:double": "nan", "least:double": "5e-324",
                  "largest:double": "1.7976931348623157e+308", "-0:double": "-0.0", "text": "", "bytes:bytes": "",
                  "first:time": "1678-01-01T00:00:00Z", "last:time": "2261-12-31T23:59:59.999999999Z", "k" * 255: "é\x1b"}
        arguments = [part for key, value in fields.items() for part in ("--field", f"{key}={value}")]
        self.expect(OK, "emit", "r", *arguments, "--field", b"broken=\xff", data=b"x" * (LARGE - 1000))
        (event,) = self.drain()
        self.assertEqual(event["data"], {
            "i": "-9223372036854775808", "j": "9223372036854775807", "u": "18446744073709551615", "exact": 2**53 - 1,
            "zero": 0, "inf": "Infinity", "-inf": "-Infinity", "nan": "NaN", "least": 5e-324, "largest": 1.7976931348623157e308,
            "-0": 0, "text": "", "bytes": {"base64": ""}, "first": "1678-01-01T00:00:00.000000000Z",
            "last": "2261-12-31T23:59:59.999999999Z", "k" * 255: "é\x1b", "broken": {"base64": "/w=="},
            "line": "x" * (LARGE - 1000)})
        self.assertIn(b'"-0":-0,', self.expect(OK, "log", f"{self.folder}/log", "-o", "json").out)

    def test_misuse_of_emit_is_said_before_anything_is_written(self):
        self.create()
        for arguments, text in [
                (["--field", "x"], "'x' is not a field"), (["--field", "=x"], "has no key"),
                (["--field", "a:int=x"], "is not of type int"), (["--field", "a:int="], "is not of type int"),
                (["--field", "a:uint=-1"], "is not of type uint"),
                (["--field", "a:bool=1"], "is not of type bool"), (["--field", "a:time=today"], "is not of type time"),
                (["--field", "a:bytes=0"], "is not of type bytes"), (["--field", "a:blob=0"], "an unknown type"),
                (["--field", "a=1", "--field", "a:int=2"], "the field 'a' is given twice"),
                (["--field", "line=1"], "the field 'line' is given twice"), (["--no-input"], "--field"),
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
        self.assertEqual(data("--kind", "event", "-n", "0") + data("-n", "0"), [])
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
                (["--since", "yesterday"], "'yesterday' is not a time"), (["--until", "10"], "'10' is not a time"),
                (["--since", "5x"], "is not a time"), (["--since", "99999999999999d"], "is not a time"),
                (["--corr", "ab"], "is not a correlation id"), (["--corr", "g" * 32], "is not a correlation id"),
                (["--kind", "los"], "'los' is not a kind of line"), (["--until", "1h", "-f"], "--follow")]:
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
        whole_lines = lambda: pathlib.Path(shown).read_bytes().rpartition(b"\n")[0]
        numbers = lambda: [int(line["data"]) for line in documents(whole_lines())]
        until(lambda: numbers() == [2], "the last event")  # of those before it began
        for first in range(3, 30, 3):
            self.expect(OK, "emit", "r", "--type", "9", data=b"other\n")
            self.expect(OK, "emit", "r", "--type", "7", data=b"".join(b"%d\n" % n for n in range(first, first + 3)))
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
