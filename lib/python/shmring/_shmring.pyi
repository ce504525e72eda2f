import datetime
from collections.abc import Mapping
from types import TracebackType
from typing import Literal

from typing_extensions import Buffer

_Field = int | bool | float | str | bytes | bytearray | memoryview | datetime.datetime

version: int

class Error(OSError): ...

class Producer:
    def __new__(
        cls,
        ring: str,
        *,
        name: str | None = ...,
        owner: str | None = ...,
        lane: Literal["auto", "shared", "exclusive"] = ...,
        wait_us: int = ...,
    ) -> Producer: ...
    def write(
        self,
        payload: str | Buffer | Mapping[str, _Field],
        type: int = ...,
        severity: int = ...,
        *,
        kind: int | None = ...,
        correlation: bytes | None = ...,
        truncate: bool = ...,
    ) -> int: ...
    def wait_durable(self, timeout: float | None = ..., sequence: int | None = ...) -> int: ...
    def name_type(self, type: int, name: str, /) -> int: ...
    def detach(self) -> None: ...
    def __enter__(self) -> Producer: ...
    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...
    @property
    def sequence(self) -> int: ...
    @property
    def incarnation(self) -> int: ...
    @property
    def ring_id(self) -> bytes: ...

def create(
    ring: str,
    *,
    on_full: Literal["drop", "overwrite", "wait", "hybrid"] = ...,
    slots: int = ...,
    slot_bytes: int = ...,
    lanes: int = ...,
    producers: int = ...,
    max_record: int = ...,
    wait_us: int = ...,
    mode: int = ...,
    group: str | None = ...,
) -> None: ...
def unlink(ring: str, /) -> None: ...
def strerror(code: int, /) -> str: ...
