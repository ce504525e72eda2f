"""Audit records through a shared-memory ring, none lost in silence.

    import shmring
    with shmring.Producer("payments", name="api") as audit:
        if refused := audit.write({"order": 17, "amount": 1250}, type=1, severity=6):
            print(shmring.strerror(refused))       # the log counts it

    for line in shmring.read("/var/log/shmring/payments"):
        print(line["kind"], line["index"])

`shmring.logging.Handler` carries the records of Python's own logging.
"""
import enum

from ._shmring import Error, Producer, create, strerror, unlink
from .reading import Damaged, Gap, read

__all__ = ["Condition", "Damaged", "Error", "Gap", "Kind", "Producer", "create", "read", "strerror", "unlink"]


class Condition(enum.IntEnum):
    """Why a record is not in the ring. The log counts it, but for NESTED, FORKED, and RETIRED without a wait."""

    FULL = 1
    TOO_BIG = 2
    NESTED = 3
    RETIRED = 4
    FORKED = 5
    TIMEOUT = 6


class Kind(enum.IntEnum):
    """What a payload is."""

    TEXT = 0
    JSON = 1
    FIELDS = 2
    BYTES = 3
