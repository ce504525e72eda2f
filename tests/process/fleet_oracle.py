"""Judges an archive against its hosts without the code that sent or received: the lines of both, by index.

Invariant: nothing here reads anything but the files of a log's directory, on either side.
"""
import pathlib
import re
import subprocess

NAME = re.compile(r"(\d{8}T\d{6}Z-(\d{20})\.jsonl)(\.zst)?")


def text_of(path):
    """The bytes of a file, unpacked if it is compressed."""
    if path.suffix == ".zst":
        return subprocess.run(["zstd", "-dcq", str(path)], check=True, capture_output=True).stdout
    return path.read_bytes()


def files_of(folder):
    """[(first index, path)] in the order of the log; where a file is there twice, the plain one counts."""
    found = {}
    for path in pathlib.Path(folder).iterdir():
        match = NAME.fullmatch(path.name)
        if match and (match[1] not in found or not match[3]):
            found[match[1]] = (int(match[2]), path)
    return [found[name] for name in sorted(found, key=lambda name: (found[name][0], name))]


def lines_of(folder):
    """{index: line}. A file ends where the next one begins; what follows the last newline is no line."""
    files, lines = files_of(folder), {}
    for (first, path), (end, _) in zip(files, [*files[1:], (None, None)]):
        if end is not None and end <= first:
            continue
        for index, line in enumerate(text_of(path).split(b"\n")[:-1], first):
            if end is not None and index >= end:
                break
            lines[index] = line
    return lines


def compare(host, archive):
    """"" if the archive has the host's lines from the first index that both have to the host's last one, or what is not so."""
    try:
        mine, theirs = lines_of(host), lines_of(archive)
    except FileNotFoundError as error:  # compressed meanwhile, or removed by a receiver's start that had not committed it
        return str(error)
    if not mine or not theirs:
        return f"{len(mine)} lines here and {len(theirs)} in the archive"
    first, last = max(min(mine), min(theirs)), max(mine)
    if max(theirs) != last:
        return f"the host ends with {last}, the archive with {max(theirs)}"
    for index in range(first, last + 1):
        if mine.get(index) != theirs.get(index) or index not in mine:
            return f"line {index} is {str(mine.get(index))[:300]} here, and {str(theirs.get(index))[:300]} in the archive"
    return ""
