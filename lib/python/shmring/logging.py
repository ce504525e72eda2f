"""Carries the records of Python's logging into a ring.

    logging.getLogger().addHandler(shmring.logging.Handler("payments", name="api"))
    logging.info("authorised", extra={"order": 17, "trace_id": "4bf92f3577b34da6a3ce929d0e0e4736"})

In the log, a record has the fields `message`, `logger`, those of `extra`, and `exception` if there was one. `trace_id` (32 hex
digits) becomes its correlation. Severities are syslog's: 2 critical, 3 error, 4 warning, 6 info, 7 debug.
"""
import datetime
import logging
import threading
import time

from . import Condition, Error, Producer

__all__ = ["Handler"]

_USUAL = frozenset(vars(logging.LogRecord("", 0, "", 0, "", (), None))) | {"message", "asctime", "taskName"}
_PLAIN = (str, int, float, bytes, bytearray, memoryview, datetime.datetime)
_RETRY_S = 1.0


class Handler(logging.Handler):
    """Never raises into the application, prints nothing, and waits only if the ring's policy says so.

    Each thread has a producer of its own, which is attached at its first record, and again after a fork or if the ring was
    made anew. If there is no ring, records are dropped, and at most one attempt a second is made to attach.

    `dropped` counts the records that did not get a sequence in any ring, so that no log knows of them; `error` is why the last
    one was dropped. What a ring refused is counted in its log, and in `refused`.
    """

    def __init__(
        self,
        ring: str,
        *,
        name: str | None = None,
        owner: str | None = None,
        type: int = 0,
        wait_us: int = 0,
        level: int = logging.NOTSET,
    ) -> None:
        super().__init__(level)
        self.dropped = 0
        self.refused = 0
        self.error: BaseException | None = None
        self._attach = lambda: Producer(ring, name=name, owner=owner, wait_us=wait_us)
        self._type = type
        self._mine = threading.local()
        self._retry_at = 0.0
        self._closed = False

    def createLock(self) -> None:
        """Makes no lock: each thread has a producer of its own."""
        self.lock = None

    def emit(self, record: logging.LogRecord) -> None:
        try:
            result = self._write(record)
        except Exception as error:
            self.dropped += 1
            self.error = error
        else:
            if result is None or result in (Condition.NESTED, Condition.FORKED, Condition.RETIRED):
                self.dropped += 1
            elif result != 0:
                self.refused += 1

    def handleError(self, record: logging.LogRecord) -> None:
        """Is not called: emit() counts what goes wrong."""

    def close(self) -> None:
        """Detaches this thread's producer. That of another thread is detached when that thread ends."""
        self._closed = True
        if producer := getattr(self._mine, "producer", None):
            self._mine.producer = None
            producer.detach()
        super().close()

    def _write(self, record: logging.LogRecord) -> int | None:
        fields, correlation = self._fields(record)
        severity = _severity(record.levelno)
        result: int | None = None
        for _ in range(2):  # once more with a new producer
            producer = self._producer()
            if producer is None:
                return None
            result = producer.write(fields, self._type, severity, correlation=correlation, truncate=True)
            if result not in (Condition.FORKED, Condition.RETIRED):
                return result
            self._mine.producer = None
        return result

    def _producer(self) -> Producer | None:
        producer: Producer | None = getattr(self._mine, "producer", None)
        if producer is not None or self._closed:
            return producer
        now = time.monotonic()
        if now < self._retry_at:
            return None
        try:
            self._mine.producer = producer = self._attach()
        except Error as error:
            self._retry_at = now + _RETRY_S
            self.error = error
            return None
        self._retry_at = 0.0
        return producer

    def _fields(self, record: logging.LogRecord) -> tuple[dict[str, object], bytes | None]:
        fields: dict[str, object] = {"message": _text(record.getMessage()), "logger": _text(record.name)}
        correlation = None
        for key, value in vars(record).items():
            if key in _USUAL:
                continue
            if key == "trace_id" and (correlation := _correlation(value)):
                continue
            fields[_text(str(key))[:60] or "_"] = _field(value)
        if record.exc_info:
            fields["exception"] = _text((self.formatter or logging.Formatter()).formatException(record.exc_info))
        elif record.exc_text:
            fields["exception"] = _text(record.exc_text)
        return fields, correlation


def _severity(level: int) -> int:
    for least, severity in ((logging.CRITICAL, 2), (logging.ERROR, 3), (logging.WARNING, 4), (logging.INFO, 6)):
        if level >= least:
            return severity
    return 7


def _correlation(value: object) -> bytes | None:
    try:
        found = bytes.fromhex(value) if isinstance(value, str) else None
    except ValueError:
        return None
    return found if found and len(found) == 16 else None


def _text(text: str) -> str:
    """Half a surrogate pair is no text, and stays visible as an escape."""
    return text.encode("utf-8", "backslashreplace").decode().replace("\0", "\\0") if not text.isascii() else text


def _field(value: object) -> object:
    """What no field holds is written as its text."""
    if isinstance(value, str):
        return _text(value)
    if isinstance(value, int) and not -(2**63) <= value < 2**64:
        return str(value)
    if isinstance(value, datetime.datetime) and (value.tzinfo is None or not 1678 <= value.year <= 2261):
        return value.isoformat()
    return value if isinstance(value, _PLAIN) else _text(repr(value) if value is None else str(value))
