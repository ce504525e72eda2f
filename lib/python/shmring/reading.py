"""Reads the lines of a log in their order, by the rules of its files alone: no code of the collector is used.

    YYYYMMDDTHHMMSSZ-<first index, 20 digits>.jsonl[.zst]

- The files are in the order of (first index, name). A file ends where the next one's first index says, so that a line that
  stands in two files is returned once.
- A line counts once its newline is there.
- The lines' `index` has no hole. Where there is one, Gap is raised: nothing is passed over in silence.
"""
import json
import os
import re
import subprocess
import time
from collections.abc import Generator, Iterator
from typing import IO, Any, NamedTuple

__all__ = ["Damaged", "Gap", "read"]

Line = dict[str, Any]

_NAME = re.compile(r"(\d{8}T\d{6}Z-(\d{20})\.jsonl)(\.zst)?")
_POLL_S = 0.05
_BLOCK = 1 << 20


class Gap(Exception):
    """Lines are missing: those from `expected` on, up to `found` (None: nothing is known behind the gap yet)."""

    def __init__(self, path: str, expected: int, found: int | None, why: str) -> None:
        super().__init__(f"{path}: expected the line with index {expected}, found {'none' if found is None else found}: {why}")
        self.path, self.expected, self.found = path, expected, found


class Damaged(Exception):
    """A line is no line of a log. `path` and `byte` say where it begins."""

    def __init__(self, path: str, byte: int, why: str) -> None:
        super().__init__(f"{path}: byte {byte}: {why}")
        self.path, self.byte = path, byte


class _File(NamedTuple):
    first: int
    name: str  # without .zst
    compressed: bool


def read(directory: str | os.PathLike[str], *, follow: bool = False, after: int | None = None) -> Iterator[Line]:
    """Returns the log's lines as dicts, oldest first.

    `after` begins behind the line with that index, which a reader keeps as its position; Gap is raised if the next line was
    removed. With `follow`, it waits for further lines and never ends. Other errors: OSError, Damaged.
    """
    folder = os.fspath(directory)
    files = _list(folder)
    if not files:
        raise FileNotFoundError(2, "no log file is in the directory", folder)
    expected = files[0].first if after is None else after + 1
    at = _holder(files, expected)
    if files[at].first > expected:
        raise Gap(folder, expected, files[at].first, "older files were removed")
    while True:
        current = files[at]
        expected, is_over = yield from _lines(folder, current, follow, expected)
        if not is_over:
            return
        files = _list(folder)
        at = _holder(files, expected)
        if not files or files[at].first > expected:
            raise Gap(folder, expected, files[at].first if files else None, "files were removed before they were read")
        if files[at][:2] == current[:2]:
            raise Gap(os.path.join(folder, current.name), expected, files[at + 1].first, "the file ends before its range")


def _list(folder: str) -> list[_File]:
    """The files in their order, without those whose range is empty. Of a file and its compressed twin, the plain one counts."""
    files: dict[str, _File] = {}
    for name in os.listdir(folder):
        if match := _NAME.fullmatch(name):
            file = _File(int(match[2]), match[1], match[3] is not None)
            if not file.compressed or file.name not in files:
                files[file.name] = file
    ordered = sorted(files.values())
    return [file for file, later in zip(ordered, [*ordered[1:], None]) if later is None or later.first > file.first]


def _holder(files: list[_File], index: int) -> int:
    """The file in whose range an index lies, or the first one behind it."""
    found = 0
    for i, file in enumerate(files):
        if file.first <= index:
            found = i
    return found


def _lines(folder: str, file: _File, follow: bool, expected: int) -> Generator[Line, None, tuple[int, bool]]:
    """The lines of one file from `expected` on. Returns the index expected next, and whether no more will come from here."""
    index, byte, rest = file.first, 0, b""
    path = os.path.join(folder, file.name)
    end = _end(folder, file, expected)
    is_over = end is not None
    with _open(path) as source:
        while True:
            block = source.read(_BLOCK)
            *whole, rest = (rest + block).split(b"\n")
            for text in whole:
                if end is not None and index >= end:
                    return expected, True
                if index >= expected:
                    yield _parse(path, byte, text, index)
                    expected = index + 1
                index, byte = index + 1, byte + len(text) + 1
            if block:
                continue
            # At the end of the bytes: no more will come if a later file was there before they were read.
            if is_over:
                return expected, True
            end = _end(folder, file, expected)
            is_over = end is not None
            if not is_over and not follow:
                return expected, False
            if not is_over:
                time.sleep(_POLL_S)


def _end(folder: str, file: _File, expected: int) -> int | None:
    """Where the range of a file ends; None: it is the last one. A file of another log may have taken its place."""
    files = _list(folder)
    later = [other.first for other in files if (other.first, other.name) > (file.first, file.name)]
    if not later and file.name not in [other.name for other in files]:
        raise Gap(folder, expected, files[0].first if files else None, "the log was moved away or begun anew")
    return min(later, default=None)


def _open(path: str) -> IO[bytes]:
    """Opens a file, also if it was compressed since it was listed."""
    try:
        return open(path, "rb")
    except FileNotFoundError:
        if not os.path.exists(path + ".zst"):
            raise
    return _Decompressed(path + ".zst")


class _Decompressed:
    """The content of a compressed file, by the module zstandard or, where that is missing, by the command zstd."""

    def __init__(self, path: str) -> None:
        self._process: subprocess.Popen[bytes] | None = None
        self._path = path
        try:
            import zstandard
        except ImportError:
            try:
                self._process = subprocess.Popen(["zstd", "-dcq", "--", path], stdout=subprocess.PIPE)
            except FileNotFoundError as error:
                raise RuntimeError(f"{path} is compressed: install python3-zstandard or zstd to read it") from error
            self._source = self._process.stdout
        else:
            self._file = open(path, "rb")
            self._source = zstandard.ZstdDecompressor().stream_reader(self._file, read_across_frames=True)

    def read(self, size: int) -> bytes:
        block = self._source.read(size)
        if not block and self._process is not None and self._process.wait() != 0:
            raise Damaged(self._path, 0, "zstd cannot decompress it")
        return block

    def __enter__(self):
        return self

    def __exit__(self, *error: object) -> None:
        self._source.close()
        if self._process is not None:
            self._process.kill()
            self._process.wait()
        else:
            self._file.close()


def _parse(path: str, byte: int, text: bytes, index: int) -> Line:
    try:
        line = json.loads(text)
    except ValueError as error:
        raise Damaged(path, byte, f"no JSON: {error}") from error
    if not isinstance(line, dict) or type(line.get("index")) is not int:
        raise Damaged(path, byte, "no line of a log: it has no index")
    if line["index"] != index:
        raise Gap(path, index, line["index"], "the line says another index than its place")
    return line
