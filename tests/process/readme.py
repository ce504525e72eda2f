#!/usr/bin/env python3
"""README.md's programs compile and run as they stand, and what it prints under them is what one sees.

The C++ program is killed in the middle of a write; the loss line of the record that it did not finish, and the verdict on
that log, must be README's but for their numbers and times. The C program's one record must be in the log. Collector, log and
verify are run as the shell commands on README's first screen say, in a folder of their own, and so are the lines that make a
page of the log.
usage: readme.py README SHMRINGD SHMRING INCLUDE_DIRECTORY SHARED_LIBRARY
"""
import os
import pathlib
import re
import shlex
import signal
import struct
import subprocess
import sys
import tempfile
import time

README, SHMRINGD, SHMRING, INCLUDE, LIBRARY = map(os.path.abspath, sys.argv[1:6])
TRIES = 20      # what is stopped inside a write may have published already, or counted its refusal
STOPS = 5000    # until one falls inside a write
# In the segment, as lib/LAYOUT.md has them; an entry's words: owner, account.
ENTRIES, ENTRY, PRODUCERS = 512 + 64 * 64 + 256, 320, 256


def blocks(text, language):
    """The fenced blocks of a language ("": none), as they stand."""
    found, inside = [], None
    for line in text.splitlines(keepends=True):
        if not line.startswith("```"):
            if inside is not None:
                inside += line
        elif inside is None:
            inside, of = "", line[3:].strip()
        else:
            found += [inside] if of == language else []
            inside = None
    return found


def shape(text):
    """A text without its numbers, times and what depends on them."""
    text = re.sub(r'"time":"[^"]*"', '"time":T', text)
    text = re.sub(r'"full":\d+,', "", text)  # what the full ring refused just before may stand in the same line
    text = re.sub(r"full \d+, ", "", text)   # or the ring never was full, where the collector kept up
    text = re.sub(r"\d+ lines? in \d+ files?", "N lines in N files", text)
    return re.sub(r"\d+", "N", text)


def commands(block):
    """The commands of a shell block as words, without & and comments: by the program, or the subcommand of shmring."""
    found = [shlex.split(line.partition("#")[0].replace("&", "")) for line in block.splitlines()]
    return {words[0] if words[0] == "shmringd" else words[1]: words for words in found}


def until(condition, what):
    end = time.monotonic() + 30
    while not (result := condition()):
        if time.monotonic() > end:
            sys.exit(f"never happened: {what}")
        time.sleep(0.01)
    return result


class Place:
    """A private ring and its collector."""

    def __init__(self, folder, command):
        self.folder, self.log = folder, folder / command[command.index("--log") + 1]
        self.read, self.seen = {}, []  # bytes of each file; lines of interest
        os.environ["SHMRING_DIR"] = str(folder)
        self.collector = subprocess.Popen([SHMRINGD, *command[1:]], cwd=folder)
        until(lambda: self.lines('"kind":"start"'), "the collector's start")

    def lines(self, *parts):
        """The whole lines that hold all of the parts; of events only those of the C program."""
        for path in sorted(self.log.glob("*.jsonl")):
            with path.open(encoding="utf-8") as file:
                file.seek(self.read.get(path, 0))
                new = file.read()
                end = new.rfind("\n") + 1
                self.read[path] = self.read.get(path, 0) + len(new[:end].encode())
            self.seen += [line for line in new[:end].splitlines()
                          if '"kind":"event"' not in line or '"data":"order 17 authorised"' in line]
        return [line for line in self.seen if all(part in line for part in parts)]

    def stop(self):
        self.collector.terminate()
        if self.collector.wait(30) != 0:
            sys.exit("the collector did not end well")


def build(folder, name, source, command):
    path = folder / name
    path.write_text(source)
    program = folder / (name + ".out")
    subprocess.run([*command, path, "-o", program, "-I", INCLUDE, LIBRARY, f"-Wl,-rpath,{os.path.dirname(LIBRARY)}"],
                   check=True)
    return program


def inside_a_write(place, pid):
    """Whether the process's account word says that an attempt is under way."""
    with (place.folder / "shmring.payments").open("rb") as segment:
        segment.seek(ENTRIES)
        table = segment.read(PRODUCERS * ENTRY)
    for at in range(0, len(table), ENTRY):
        owner, account = struct.unpack_from("<QQ", table, at)
        if owner >> 42 == pid:
            return account != 0 and account & 1 == 0
    return False


def killed(place, program):
    """Runs the program, kills it once it has written, and returns its loss line of a record under way, if there is one."""
    process = subprocess.Popen([program])
    of_it = f'"pid":{process.pid},'
    until(lambda: place.lines('"kind":"attach"', of_it), "the program's attach line")
    for _ in range(STOPS):
        process.send_signal(signal.SIGSTOP)
        os.waitpid(process.pid, os.WUNTRACED)
        if inside_a_write(place, process.pid):
            break
        process.send_signal(signal.SIGCONT)
        time.sleep(0.0003)
    process.send_signal(signal.SIGKILL)
    process.wait()
    end = until(lambda: place.lines('"kind":"died"', of_it), "the program's died line")[0]
    incarnation = re.search(r'"inc":\d+', end).group()
    return place.lines('"kind":"loss"', incarnation + ",", '"causes":{"died":1}')


def reports(text, place):
    """README's lines that make a page of a log, as one types them; what is wrong with them."""
    typed = [shlex.split(line) for line in re.findall(r"`(shmring report [^`]*-o html[^`]*)`", text)]
    faults = [] if len(typed) == 2 else [f"README has not two lines that make a page: {typed}"]
    for words in typed:
        done = subprocess.run([SHMRING, *(str(place.log) if word == "DIR" else word for word in words[1:])], cwd=place.folder,
                              capture_output=True, check=False, text=True)
        page = (place.folder / words[words.index("--to") + 1]).read_text() if "--to" in words and not done.returncode else \
            done.stdout
        if done.returncode != 0 or '<p class="verdict good">whole</p>' not in page:
            faults.append(f"{shlex.join(words)}: status {done.returncode}, and no page of a log that is whole\n{done.stderr}")
    return faults


def main():
    text = pathlib.Path(README).read_text(encoding="utf-8")
    screen = text.splitlines()[:40]
    cpp, c = blocks(text, "cpp")[0], blocks(text, "c")[0]
    shell = commands(blocks("\n".join(screen) + "\n", "sh")[0])
    promised = [line for block in blocks(text, "") for line in block.splitlines() if '"kind":"loss"' in line]
    verdict = [line for block in blocks(text, "") for line in block.splitlines()
               if re.match(r"ring payments:|\d+ attempted|accounts:|not checked:", line)]
    faults = []
    if len(promised) != 1 or len(verdict) < 4:
        faults.append("README must show one loss line and the lines of verify")
    if not set(promised + verdict) <= set(screen):
        faults.append("the loss line and the verdict must stand on the first 40 lines")

    with tempfile.TemporaryDirectory(prefix="shmring-readme-") as name:
        place = Place(pathlib.Path(name), shell["shmringd"])
        program = build(place.folder, "first.cpp", cpp, ["g++", "-std=c++20", "-Wall", "-Wextra", "-O2"])
        loss = next(filter(None, (killed(place, program) for _ in range(TRIES))), [])
        wrapped = "#include <stdio.h>\n#include <shmring/shmring.h>\nint main(void) {\n" + c + "return 0;\n}\n"
        in_c = build(place.folder, "second.c", wrapped, ["gcc", "-std=c99", "-Wall", "-Wextra", "-pedantic"])
        done = subprocess.run([in_c], stdout=subprocess.PIPE, check=True)
        until(lambda: place.lines('"data":"order 17 authorised"'), "the C program's record")
        place.stop()
        said = {name: subprocess.run([SHMRING, *(word for word in shell[name][1:] if word != "-f")], cwd=place.folder,
                                     stdout=subprocess.PIPE, check=True, text=True).stdout for name in ("log", "verify")}
        proof = said["verify"]
        faults += reports(text, place)
        if not re.search(r" died +api .*\n", said["log"]) or "-f" not in shell["log"]:
            faults.append(f"{shell['log']} does not show the end of the killed program")
        if done.stdout:
            faults.append(f"the C program said {done.stdout}")
        if not loss or shape(loss[0]) != shape(promised[0]):
            faults.append(f"README shows\n  {promised}\nbut the log says\n  {loss}")
        if [shape(line) for line in proof.splitlines()] != [shape(line) for line in verdict]:
            faults.append("README shows\n  " + "\n  ".join(verdict) + "\nbut verify says\n  " + proof)
    print("\n".join(faults))
    print("REPORT README's C++ and C programs compiled and run; a killed one's loss line and verdict compared")
    sys.exit(1 if faults else 0)


main()
