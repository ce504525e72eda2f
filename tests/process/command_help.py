#!/usr/bin/env python3
"""All help that shmring and shmringd print: it is read, and what it says is tried.

usage: command_help.py SHMRING SHMRINGD LIBSHMRING.SO
"""
import pathlib
import re
import subprocess

from command_case import (ABSENT, CONFIGURATION, CommandCase, Done, HAS_BENCH, HAS_FORWARD, NEGATIVE, OK, SHMRING, SHMRINGD,
                          USAGE, main, until)

EXIT = pathlib.Path(__file__).resolve().parents[2] / "tools/common/exit.hpp"
COLUMNS = 100
TEXT_COLUMN = 30
ENTRY = re.compile(r"  (-\S.*?)(?:  +(\S.*))?$")  # of an option: names and form, text
FORM = re.compile(r"\S+(\|\S+)+$")  # the words that an option takes


class Entry:
    """One option: its names, the form of its value, its text."""

    def __init__(self, left, text):
        names, _, form = left.replace(", ", ",").partition(" ")
        self.name, self.form, self.text = names.split(",")[-1], form, text


def entries(text):
    """The options of a help text."""
    found = []
    for line in text.partition("Options:\n")[2].split("\n\n")[0].splitlines():
        match = ENTRY.match(line)
        if match:
            found.append(Entry(match[1], match[2] or ""))
        elif found:
            found[-1].text = f"{found[-1].text} {line[TEXT_COLUMN:]}".strip()
    return found


class Help(CommandCase):
    def setUp(self):
        super().setUp()
        self.pages = {(): self.page(SHMRING), (SHMRINGD,): self.page(SHMRINGD)}
        listed = self.pages[()].partition("Subcommands:\n")[2].split("\n\n")[0].splitlines()
        for command in [line.split()[0] for line in listed if line[2] != " "]:
            if {"bench": HAS_BENCH, "forward": HAS_FORWARD, "receive": HAS_FORWARD}.get(command, True):
                self.pages[command,] = self.page(SHMRING, command)

    def page(self, *command):
        done = Done(subprocess.run([*command, "--help"], capture_output=True, timeout=60))
        self.assertEqual((done.status, done.err), (OK, ""), command)
        return done.out.decode()

    def test_pages_name_the_older_versions_that_help_names(self):
        versions = re.search("one of libshmring (.*?) when", " ".join(self.pages[SHMRINGD,].split()))[1]
        self.assertRegex(versions, r"^0\.1, .* or 0\.\d+$")
        for page in ["README.md", "tools/shmringd/RUNNING.md"]:
            self.assertIn(f"rom {versions}", (EXIT.parents[2] / page).read_text(), page)

    def test_it_is_for_people(self):
        self.assertGreaterEqual(len(self.pages), 12 + HAS_BENCH)
        for command, page in self.pages.items():
            for line in page.splitlines():
                self.assertLessEqual(len(line), COLUMNS, f"{command}: {line}")
                self.assertEqual(line, line.rstrip(), command)
                self.assertNotRegex(line, r"->|[{}]|Excludes:|Needs:|\b(TEXT|INT|UINT|FLOAT)\b", command)
            self.assertNotIn("\n\n\n", page, command)
            self.assertGreaterEqual(len(entries(page)), 1, command)
            for entry in entries(page):
                self.assertRegex(entry.text, r"\w+ \w+", f"{command} {entry.name}")

    def test_each_status_in_it_is_one(self):
        known = set(map(int, re.findall(r"^  \w+ = (\d+),", EXIT.read_text(encoding="utf-8"), re.M)))
        self.assertIn(8, known)
        for command, page in self.pages.items():
            (said,) = re.findall(r"Exit status: (.*?)(?:\n\n|\Z)", page, re.S)
            numbers = [int(number) for number in re.findall(r"(?:^|[,;] |\band )(\d+) ", said.replace("\n", " "))]
            self.assertEqual(numbers[0], OK, command)
            self.assertLessEqual(set(numbers), known, command)

    def test_help_of_a_command_is_what_its_option_prints(self):
        for command, page in self.pages.items():
            if command != (SHMRINGD,):
                self.assertEqual(self.expect(OK, "help", *command).out.decode(), page)
        self.expect(USAGE, "help", "emti", err="'emti' is not a command; did you mean emit?")
        self.expect(USAGE, "help", "xyzzy", err="'xyzzy' is not a command\n")
        self.expect(USAGE, "help", "dump", "emit", err="'emit' is not a known option or argument")

    def test_the_version_has_a_short_name(self):
        for program in (SHMRING, SHMRINGD):
            short, long = (subprocess.run([program, option], capture_output=True) for option in ("-V", "--version"))
            self.assertEqual((short.stdout, short.stderr, short.returncode), (long.stdout, b"", OK))
            self.assertRegex(short.stdout, rb"^shmringd? \d+\.\d+")

    def test_each_word_that_an_option_takes_is_taken(self):
        self.create()
        log = f"{self.folder}/log"
        daemon = self.start(SHMRINGD, "--ring", "r", "--log", log)
        until(lambda: self.run_it("log", log).status == OK, "a log")
        bench = ["--quick", "--rounds", "1", "--only", "floor", "--measure", "live"]
        arguments = {"dump": ["r"], "emit": ["r"], "log": [log], "verify": [log], "report": [log], "stat": ["r"],
                     "rm": ["absent"], "receive": ["--status", self.rings, "--no-verdict"], "bench": bench,
                     SHMRINGD: ["--ring", "absent", "--log", "/proc/none"]}
        tried = 0
        pages = [(key, page) for key, page in self.pages.items() if key and key != ("forward",)]  # which needs a cluster
        for (command, *_), page in pages:
            for entry in entries(page):
                words = entry.form.split("|") if FORM.match(entry.form) else []
                for word in ["write"] if entry.name == "--durability" else words:
                    call = [SHMRINGD] if command == SHMRINGD else [SHMRING, command]
                    call += [part for part in arguments.get(command, [])] + [entry.name, word]
                    done = Done(subprocess.run(call, stdin=subprocess.DEVNULL, capture_output=True, timeout=60))
                    self.assertIn(done.status, (OK, NEGATIVE, ABSENT), f"{call}: {done.err}")
                    tried += 1
        self.assertGreaterEqual(tried, 30 if HAS_BENCH else 25)
        daemon.terminate()
        self.assertEqual(daemon.wait(30), OK)

    def test_a_level_that_is_not_in_this_version_is_refused_and_listed_nowhere(self):
        (entry,) = [one for one in entries(self.pages[SHMRINGD,]) if one.name == "--durability"]
        for level in ["none", "x"]:
            self.assertNotRegex(entry.text, rf"\b{level}\b")
            done = Done(subprocess.run([SHMRINGD, "--ring", "r", "--log", "/proc/none", "--durability", level],
                                       capture_output=True))
            self.assertEqual(done.status, USAGE, done.err)
            self.assertIn(f"'{level}'", done.err)


if __name__ == "__main__":
    main()
