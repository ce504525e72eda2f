"""What a producer writes is in the log as it was written, and what it refuses takes no sequence."""
import datetime
import math
import os
import signal
import threading
import time

import pytest
import shmring
from conftest import until

UTC = datetime.timezone.utc


def test_each_kind_of_payload_is_in_the_log_as_it_was_written(collect):
    collector = collect()
    with shmring.Producer("r", name="api") as audit:
        audit.name_type(7, "payment")
        assert audit.write("Straße", 7, 6) == 0
        assert audit.write(b"\xff\x00", type=1, severity=255) == 0
        assert audit.write(bytearray(b"abc")) == 0
        assert audit.write('{"a":[1,2]}', kind=shmring.Kind.JSON) == 0
        assert audit.write("{", kind=shmring.Kind.JSON, correlation=bytes(range(16))) == 0
        assert audit.write(payload="") == 0
        assert (audit.sequence, len(audit.ring_id)) == (6, 16)
        incarnation = audit.incarnation
    collector.stop()
    events = collector.lines("event")
    assert [event["data"] for event in events] == ["Straße", {"base64": "/wA="}, {"base64": "YWJj"}, {"a": [1, 2]}, "{", ""]
    assert [(event["type"], event["sev"]) for event in events[:2]] == [("payment", 6), (1, 255)]
    assert events[4]["invalid"] is True and events[4]["corr"] == bytes(range(16)).hex()
    assert {(event["producer"], event["inc"]) for event in events} == {("api", incarnation)}
    collector.verify()


def test_fields_keep_their_order_types_and_last_digits(collect):
    collector = collect()
    fields = {
        "zero": 0, "minus": -1, "byte": 127, "more": 128, "least": -(2**63), "most": 2**63 - 1, "unsigned": 2**64 - 1,
        "yes": True, "no": False, "real": 0.1, "nan": math.nan, "text": "é", "empty": "", "bytes": b"\x00\xff",
        "at": datetime.datetime(2026, 12, 2, 3, 4, 5, 678901, UTC), "before": datetime.datetime(1969, 12, 31, tzinfo=UTC),
        "k" * 255: "long"}
    with shmring.Producer("r") as audit:
        assert audit.write(fields) == 0
        assert audit.write({}) == 0
        for n in range(-70, 70):  # each length of an integer, and its sign
            assert audit.write({"n": (1 << abs(n) % 64 if abs(n) % 64 < 63 else 1) * (-1 if n < 0 else 1)}) == 0
    collector.stop()
    first, empty, *numbers = [event["data"] for event in collector.lines("event")]
    assert list(first) == list(fields)
    assert (first["least"], first["most"], first["unsigned"]) == (str(-(2**63)), str(2**63 - 1), str(2**64 - 1))
    assert (first["yes"], first["real"], first["nan"], first["text"]) == (True, 0.1, "NaN", "é")
    assert first["at"] == "2026-12-02T03:04:05.678901000Z" and first["before"] == "1969-12-31T00:00:00.000000000Z"
    assert first["bytes"] == {"base64": "AP8="} and first["minus"] == -1 and first["more"] == 128
    assert empty == {}
    expected = [(1 << abs(n) % 64 if abs(n) % 64 < 63 else 1) * (-1 if n < 0 else 1) for n in range(-70, 70)]
    assert [int(data["n"]) for data in numbers] == expected


class Strange(datetime.tzinfo):
    """A time zone that changes what is being encoded."""

    def __init__(self, fields):
        self.fields = fields

    def utcoffset(self, _):
        self.fields.clear()
        return datetime.timedelta(0)


@pytest.mark.parametrize("payload, arguments, error, text", [
    (17, {}, TypeError, "a payload is str"),
    ("half a pair \ud800", {}, UnicodeEncodeError, "surrogates"),
    ({"": 1}, {}, ValueError, "1 to 255 bytes"),
    ({"k" * 256: 1}, {}, ValueError, "1 to 255 bytes"),
    ({"a\0b": 1}, {}, ValueError, "no NUL"),
    ({1: 1}, {}, TypeError, "key 1"),
    ({"big": 2**64}, {}, ValueError, "'big'"),
    ({"small": -(2**63) - 1}, {}, ValueError, "'small'"),
    ({"list": [1]}, {}, TypeError, "'list': a value of type list"),
    ({"none": None}, {}, TypeError, "'none'"),
    ({"at": datetime.datetime(2026, 1, 1)}, {}, ValueError, "'at': a time without a time zone"),
    ({"at": datetime.datetime(1500, 1, 1, tzinfo=UTC)}, {}, ValueError, "1677 to 2262"),
    ({str(n): n for n in range(1025)}, {}, ValueError, "1025 fields"),
    ("x", {"type": -1}, ValueError, "type -1"),
    ("x", {"type": 2**32}, ValueError, "type 4294967296"),
    ("x", {"severity": 256}, ValueError, "severity 256"),
    ("x", {"severity": "high"}, TypeError, ""),
    ("x", {"kind": 4}, ValueError, "kind 4"),
    ("x", {"correlation": b"short"}, ValueError, "16 bytes"),
    ("x", {"correlation": "0" * 32}, ValueError, "bytes.fromhex"),
    ("x", {"sevrity": 3}, TypeError, "'sevrity'"),
])
def test_what_is_refused_names_the_fault_and_takes_no_sequence(ring_dir, payload, arguments, error, text):
    shmring.create("r", slots=64, lanes=2)
    with shmring.Producer("r") as audit:
        with pytest.raises(error) as raised:
            audit.write(payload, **arguments)
        assert text in str(raised.value)
        assert audit.sequence == 0


def test_a_dict_that_changes_while_it_is_encoded_does_no_harm(ring_dir):
    shmring.create("r", slots=64, lanes=2)
    with shmring.Producer("r") as audit:
        fields = {str(n): n for n in range(100)}
        fields["at"] = datetime.datetime(2026, 1, 1, tzinfo=Strange(fields))
        fields.update({f"more {n}": "x" * 100 for n in range(100)})
        assert audit.write(fields) == 0


def test_refusals_are_conditions_and_counted_losses(collect):
    collector = collect("--slots", "64", "--lanes", "2", "--max-record", "1024")
    with shmring.Producer("r") as audit:
        os.kill(collector.process.pid, signal.SIGSTOP)
        results = [audit.write("x") for _ in range(200)]
        assert audit.write("x" * 1025) == shmring.Condition.TOO_BIG
        os.kill(collector.process.pid, signal.SIGCONT)
        until(lambda: audit.write("again") == 0, "there is room again")
        assert audit.write("é" * 1025, truncate=True) == 0
        attempts = audit.sequence
    assert set(results) == {0, shmring.Condition.FULL} and shmring.strerror(shmring.Condition.FULL) != shmring.strerror(0)
    collector.stop()
    lost = sum(line["count"] for line in collector.lines("loss"))
    assert len(collector.lines("event")) + lost == attempts and lost >= results.count(shmring.Condition.FULL) + 1
    collector.verify()


def test_errors_have_errno_and_a_text_that_names_the_ring(ring_dir):
    with pytest.raises(shmring.Error) as raised:
        shmring.Producer("absent")
    assert raised.value.errno == 2 and "absent" in str(raised.value) and isinstance(raised.value, OSError)
    with pytest.raises(shmring.Error, match="slots"):
        shmring.create("r", slots=63)
    for arguments in ({"on_full": "never"}, ):
        with pytest.raises(ValueError, match="never"):
            shmring.create("r", **arguments)
    shmring.create("r", slots=64, lanes=2)
    with pytest.raises(ValueError, match="lane 'own'"):
        shmring.Producer("r", lane="own")
    audit = shmring.Producer("r")
    audit.detach()
    audit.detach()
    for call in (lambda: audit.write("x"), lambda: audit.wait_durable(0), lambda: audit.name_type(1, "x")):
        with pytest.raises(ValueError, match="detached"):
            call()
    assert audit.sequence == 0
    shmring.unlink("r")
    with pytest.raises(shmring.Error):
        shmring.unlink("r")


def test_a_write_that_waits_lets_other_threads_run_and_the_same_producer_refuses_them(ring_dir):
    shmring.create("r", slots=64, lanes=2, on_full="wait", wait_us=2_000_000)
    audit = shmring.Producer("r")
    while audit.sequence < 64:
        assert audit.write("x") == 0
    results = []
    waiter = threading.Thread(target=lambda: results.append(audit.write("waits")))
    waiter.start()
    until(lambda: audit.sequence == 65, "the other thread waits")
    began = time.monotonic()
    assert audit.write("meanwhile") == shmring.Condition.NESTED
    with pytest.raises(RuntimeError, match="under way"):
        audit.detach()
    assert time.monotonic() - began < 1
    waiter.join()
    assert results == [shmring.Condition.TIMEOUT]
    audit.detach()


def test_wait_durable_answers_once_the_log_is_synced(collect):
    collector = collect("--durability", "every")
    with shmring.Producer("r") as audit:
        audit.write("x")
        assert audit.wait_durable(30) == 0
        assert [event["data"] for event in collector.lines("event")] == ["x"]
        with pytest.raises(shmring.Error, match="sequence 9"):
            audit.wait_durable(1, sequence=9)
        with pytest.raises(ValueError, match="negative"):
            audit.wait_durable(-1)
        collector.kill()
        audit.write("y")
        assert audit.wait_durable(timeout=0.01) == shmring.Condition.TIMEOUT


def test_a_child_is_told_that_the_handle_is_its_parents(collect):
    collect()
    audit = shmring.Producer("r")
    child = os.fork()
    if child == 0:
        os._exit(0 if audit.write("x") == shmring.Condition.FORKED and audit.sequence == 0 else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert audit.write("x") == 0 and audit.sequence == 1
