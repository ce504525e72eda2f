"""Lines in their order, each once, whatever the collector and its files do meanwhile; and no gap in silence."""
import itertools
import json
import os
import pathlib
import subprocess
import threading

import pytest
import shmring
from conftest import until


def line(index, kind="event", **more):
    return json.dumps({"v": 1, "kind": kind, "index": index, **more}) + "\n"


def name(first, second=0):
    return f"20261202T0304{second:02}Z-{first:020}.jsonl"


def write(folder, first, last, second=0, tail=""):
    path = folder / name(first, second)
    path.write_text("".join(line(i, second=second) for i in range(first, last)) + tail)
    return path


def indexes(*arguments, **options):
    return [line["index"] for line in shmring.read(*arguments, **options)]


def test_files_in_order_each_line_once(tmp_path):
    write(tmp_path, 0, 10)
    write(tmp_path, 10, 20, 1, tail='{"v":1')
    (tmp_path / "mark").write_text("no line")
    assert indexes(tmp_path) == list(range(20))
    assert indexes(str(tmp_path), after=4) == list(range(5, 20))
    assert indexes(tmp_path, after=19) == [] and indexes(tmp_path, after=100) == []


def test_a_file_ends_where_the_next_ones_name_says(tmp_path):
    write(tmp_path, 0, 10)
    write(tmp_path, 5, 5, 1)     # a replacement that was itself replaced
    write(tmp_path, 5, 12, 2)
    write(tmp_path, 12, 14, 3)
    assert [(line["index"], line["second"]) for line in shmring.read(tmp_path)] == \
        [(i, 0) for i in range(5)] + [(i, 2) for i in range(5, 12)] + [(i, 3) for i in range(12, 14)]


@pytest.mark.parametrize("present", [True, False])
def test_compressed_files_are_read_by_either_decoder(tmp_path, monkeypatch, present):
    if present:
        pytest.importorskip("zstandard")
    else:
        monkeypatch.setitem(__import__("sys").modules, "zstandard", None)
        if subprocess.run(["which", "zstd"], capture_output=True).returncode != 0:
            pytest.skip("no zstd here")
    plain = write(tmp_path, 0, 5000)
    frames = [plain.read_bytes()[:9_000], plain.read_bytes()[9_000:]]
    with open(f"{plain}.zst", "wb") as out:
        for frame in frames:
            out.write(subprocess.run(["zstd", "-q"], input=frame, capture_output=True, check=True).stdout)
        out.write(b"\x5e\x2a\x4d\x18\x04\0\0\0seek")  # a skippable frame, as of a seek table
    plain.unlink()
    write(tmp_path, 5000, 5010, 1)
    assert indexes(tmp_path) == list(range(5010))
    (tmp_path / (plain.name + ".zst")).write_bytes(b"no zstd")
    with pytest.raises(Exception):
        indexes(tmp_path)


@pytest.mark.parametrize("files, expected, found", [
    ([(0, 5), (6, 9)], 5, 6),     # a file ends before its range
    ([(3, 5)], 0, 3)])            # the beginning was removed: for whoever wants it
def test_a_gap_is_named(tmp_path, files, expected, found):
    for i, (first, last) in enumerate(files):
        write(tmp_path, first, last, i)
    with pytest.raises(shmring.Gap) as raised:
        indexes(tmp_path, after=expected - 1 if expected == 0 else None)
    assert (raised.value.expected, raised.value.found) == (expected, found)


def test_a_line_with_another_index_is_a_gap_and_no_line_is_damage(tmp_path):
    path = write(tmp_path, 0, 3)
    path.write_text(line(0) + line(2))
    with pytest.raises(shmring.Gap, match="expected the line with index 1, found 2"):
        indexes(tmp_path)
    for text in ("{\n", "[]\n", '{"index":true}\n', "\xff\n"):
        path.write_text(line(0) + text, encoding="latin-1")
        with pytest.raises(shmring.Damaged, match=f"byte {len(line(0))}"):
            indexes(tmp_path)


def test_a_directory_without_a_log_is_an_error(tmp_path):
    for folder in (tmp_path, tmp_path / "absent"):
        with pytest.raises(FileNotFoundError):
            indexes(folder)


def test_following_sees_each_line_through_rotations_compression_kills_and_losses(collect):
    options = ("--file-bytes", "64 KiB", "--compress", "--slots", "1024", "--durability", "interval")
    collector = collect(*options)
    seen, ended = [], threading.Event()

    def follow():
        for found in shmring.read(collector.log, follow=True):
            seen.append(found["index"])
            if found["kind"] == "event" and found["data"] == "the last":
                break
        ended.set()

    reader = threading.Thread(target=follow, daemon=True)
    reader.start()
    for life in range(3):
        with shmring.Producer("r") as audit:
            for i in range(3000):
                audit.write("x" * 100)
                if i == 2000:
                    collector.kill()
                    collector.start()
    with shmring.Producer("r") as audit:
        until(lambda: audit.write("the last") == 0, "there is room")
    assert ended.wait(60), f"the reader stands behind line {seen[-1:]}"
    assert seen == list(range(len(seen))) and len(list(collector.log.glob("*.zst"))) > 0
    collector.stop()
    collector.verify()


def test_following_says_that_files_are_gone_or_the_log_is_another(tmp_path):
    write(tmp_path, 0, 3)
    lines = shmring.read(tmp_path, follow=True)
    assert [next(lines)["index"] for _ in range(3)] == [0, 1, 2]
    os.unlink(tmp_path / name(0))
    write(tmp_path, 0, 9, 9)
    assert [found["index"] for found in itertools.islice(lines, 3)] == [3, 4, 5]  # the same range, written again
    for path in tmp_path.iterdir():
        path.unlink()
    write(tmp_path, 0, 1, 5)
    with pytest.raises(shmring.Gap, match="begun anew"):
        list(lines)
