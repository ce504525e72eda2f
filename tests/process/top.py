#!/usr/bin/env python3
"""shmring top on a terminal of tmux, and in a pipe: what it shows while the collector is killed, the size changes, and a
producer goes; its keys; and that the terminal is given back however it ends.

usage: top.py SHMRING SHMRINGD LIBSHMRING.SO
"""
import os
import pathlib
import re
import shutil
import signal
import subprocess
import unittest

from command_case import (ABSENT, CONFIGURATION, CommandCase, DAMAGED, LANE_0, LANE_TAIL, OK, SHMRING, SHMRINGD, USAGE,
                          main, until)

AFTER = "the shell is back"
TOP = f"{SHMRING} top --interval 0.2"


class Terminal:
    """A terminal of tmux, in which this command runs."""

    number = 0

    def __init__(self, folder, columns, rows, command):
        Terminal.number += 1
        self.tmux = ["tmux", "-S", f"{folder}/tmux-{Terminal.number}", "-f", "/dev/null"]
        self.run("new-session", "-d", "-x", str(columns), "-y", str(rows), command)

    def run(self, *words):
        return subprocess.run([*self.tmux, *words], check=True, capture_output=True, text=True, timeout=60).stdout

    def lines(self):
        return self.run("capture-pane", "-p").splitlines()

    def shows(self, pattern):
        """Waits until a line matches, and returns the match."""
        found = lambda: next(filter(None, (re.search(pattern, line) for line in self.lines())), None)
        try:
            return until(found, pattern)
        except AssertionError as error:
            raise AssertionError(f"{error}; the screen:\n" + "\n".join(self.lines())) from None

    def keys(self, *names):
        self.run("send-keys", *names)

    def resize(self, columns, rows):
        self.run("resize-window", "-x", str(columns), "-y", str(rows))

    def pid(self):
        shell = int(self.run("display-message", "-p", "#{pane_pid}"))
        children = lambda: pathlib.Path(f"/proc/{shell}/task/{shell}/children").read_text().split()
        return int(until(children, "a child of the shell")[0])

    def close(self):
        subprocess.run([*self.tmux, "kill-server"], capture_output=True, timeout=60)


class Top(CommandCase):
    def tearDown(self):
        """The terminals end first: the folder, which goes, has tmux's socket."""
        self.doCleanups()
        super().tearDown()

    def terminal(self, columns, rows, *arguments, command=f"echo before; {TOP} {{}}; echo {AFTER}: $?; sleep 100"):
        """What stood on it before, the program, and what stands there when it has ended."""
        if shutil.which("tmux") is None:
            print("SKIPPED no tmux here")
            self.skipTest("no tmux")
        terminal = Terminal(self.folder, columns, rows, command.format(" ".join(arguments)))
        self.addCleanup(terminal.close)
        return terminal

    def collector(self, ring="r"):
        daemon = self.start(SHMRINGD, "--ring", ring, "--log", f"{self.folder}/log-{ring}", stderr=subprocess.DEVNULL)
        until(lambda: b'"state":"collecting"' in self.run_it("stat", ring, "--interval", "0", "-o", "json").out, "a collector")
        return daemon

    def emit(self, producer, ring="r"):
        emit = self.start(SHMRING, "emit", ring, "--producer", producer, stdin=subprocess.PIPE)
        emit.stdin.write(b"line\n")
        emit.stdin.flush()
        return emit

    # -------------------------------------------------------------------------------------------------- on a terminal

    def test_the_collector_is_killed_while_the_size_changes(self):
        daemon, emit = self.collector(), self.emit("api")
        terminal = self.terminal(80, 24)
        terminal.shows(r"^r +collecting .* 0 +0 no sync$")  # rates are known
        terminal.shows(r"^api +%d alive " % emit.pid)
        self.assertIn("q quit", terminal.lines()[23])
        terminal.resize(132, 50)
        daemon.kill()
        daemon.wait()
        terminal.shows(r"^r +died .* old +1$")  # what it has logged a second is not known any more
        terminal.shows(r"^collector +died: pid %d did not say that it ended" % daemon.pid)
        terminal.shows(r"^r: no collector: records stay in the ring until it is full")
        until(lambda: "q quit" in terminal.lines()[49], "the last line of a larger screen")
        self.assertIn("LOST BY CAUSE", "\n".join(terminal.lines()))
        terminal.resize(40, 8)
        until(lambda: "died" in "".join(terminal.lines()[:3]) and "LOST BY" not in "".join(terminal.lines()), "a small screen")
        terminal.resize(80, 24)
        self.collector()
        terminal.shows(r"^r +collecting ")
        terminal.shows(r"^collector +collecting, pid \d+, epoch 2")

    def test_a_producer_that_goes_lingers_and_one_that_is_killed_says_so(self):
        self.create()
        leaves, dies = self.emit("leaves"), self.emit("dies")
        terminal = self.terminal(80, 24)
        terminal.shows(r"^leaves +\d+ alive ")
        dies.kill()
        dies.wait()
        leaves.communicate(b"")
        terminal.shows(r"^dies +%d died " % dies.pid)  # without a collector both keep their places
        terminal.shows(r"^leaves +\d+ left ")
        self.collector()
        until(lambda: not self.run_it("stat", "r", "--interval", "0", "-o", "json").lines[0]["producers"], "free places")
        later = self.emit("later")
        terminal.shows(r"^later +%d alive " % later.pid)  # a screen of what was seen since then
        terminal.shows(r"^dies +%d died " % dies.pid)
        terminal.shows(r"^leaves +\d+ left ")

    def test_keys(self):
        self.create("a")
        self.create("b")
        emits = [self.emit(name, "b") for name in ("one", "two")]
        terminal = self.terminal(100, 40)
        terminal.shows(r"^ring +a: open")
        terminal.keys("Right")
        terminal.shows(r"^ring +b: open")
        terminal.shows(r"^cursor +one, ")
        terminal.keys("Down")
        terminal.shows(r"^cursor +two, ")
        terminal.keys("g")
        terminal.shows(r"^cursor +one, ")
        terminal.keys("s")
        terminal.shows("s order: rate")
        terminal.keys("v")
        terminal.shows("start one: shmringd --ring a")
        terminal.keys("+")
        terminal.shows("every 500 ms")
        terminal.keys("h")
        terminal.shows("^shmring top: keys$")
        terminal.shows("^q +Quit")
        terminal.keys("h")
        terminal.shows(r"^ring +b: open")
        self.expect(OK, "rm", "a")
        terminal.keys("r")
        terminal.shows("^a +removed ")
        terminal.keys("z")  # no key
        terminal.keys("q")
        terminal.shows(f"^{AFTER}: 0$")
        self.assertEqual(terminal.lines()[0], "before")  # what stood there is there again
        for emit in emits:
            emit.communicate(b"")

    def test_the_terminal_is_given_back_at_each_signal(self):
        for one, status in [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 0)]:
            terminal = self.terminal(80, 24)
            terminal.shows("^no rings yet")
            os.kill(terminal.pid(), one)
            terminal.shows(f"^{AFTER}: {status}$")
            self.assertEqual(terminal.lines()[0], "before")
            terminal.close()

    def test_it_can_be_stopped_and_goes_on(self):
        terminal = self.terminal(80, 24, command="PS1='ready> ' bash --norc --noprofile -i")
        terminal.shows("^ready>")
        terminal.keys(TOP, "Enter")
        terminal.shows("^no rings yet")
        terminal.keys("C-z")
        terminal.shows("Stopped")
        terminal.shows("^ready> *$")
        self.create()
        terminal.keys("fg", "Enter")
        terminal.shows("^r +none ")
        terminal.keys("q")
        terminal.shows("^ready> *$")

    def test_a_terminal_that_is_gone_ends_it(self):
        terminal = self.terminal(80, 24)
        terminal.shows("^no rings yet")
        pid = terminal.pid()
        terminal.close()
        until(lambda: not os.path.exists(f"/proc/{pid}"), "the end of the program")

    def test_so_many_looks_and_a_terminal_that_is_not_known(self):
        terminal = self.terminal(80, 24, "-n", "2")
        terminal.shows(f"^{AFTER}: 0$")
        terminal.close()
        os.environ["TERM"], before = "no-such-terminal", os.environ.get("TERM", "")
        self.addCleanup(os.environ.__setitem__, "TERM", before)
        done = subprocess.run(["script", "-qec", f"{SHMRING} top", "/dev/null"], capture_output=True, text=True,
                              stdin=subprocess.DEVNULL, timeout=60)
        self.assertEqual(done.returncode, CONFIGURATION, done.stdout)
        self.assertIn("this terminal ($TERM) is not known to ncurses", done.stdout)

    # ------------------------------------------------------------------------------------------------------- as text

    def text(self, *arguments, status=OK, err=""):
        return self.expect(status, "top", "--interval", "0.1", *arguments, err=err).out.decode()

    def test_in_a_pipe_it_is_text_once_or_as_often_as_is_wanted(self):
        self.create()
        emit = self.emit("api")
        until(lambda: "api" in self.text(), "a producer")
        text = self.text()
        self.assertNotIn("\033", text)
        self.assertRegex(text, r"(?m)^r +none +\[\|+ +\] +1% +0 +0 +unknown ")
        self.assertRegex(text, r"(?m)^api +%d alive +1 +0 +0 +0 +1$" % emit.pid)
        self.assertIn("start one: shmringd --ring r", text)
        self.assertEqual(text.count("shmring top  "), 1)
        self.assertEqual(self.text("-n", "3").count("shmring top  "), 3)
        os.environ["SHMRING_DIR"] = self.folder
        self.assertIn("no rings yet", self.text())

    def test_a_terminal_on_one_side_alone_is_no_screen(self):
        ends = os.openpty()
        self.addCleanup(lambda: [os.close(end) for end in ends])
        with open(os.devnull, "rb") as nothing:
            for given in ({"stdin": ends[1], "stdout": subprocess.PIPE}, {"stdin": nothing, "stdout": ends[1]}):
                done = subprocess.run([SHMRING, "top", "--interval", "0.1"], stderr=subprocess.PIPE, timeout=20, **given)
                self.assertEqual(done.returncode, OK, done.stderr)
                text = done.stdout if done.stdout is not None else os.read(ends[0], 1 << 16)
                self.assertIn(b"no rings yet", text)
                self.assertNotIn(b"\033", text)

    def test_a_ring_that_cannot_be_shown_is_a_row_and_a_status_if_it_was_named(self):
        self.create("good")
        pathlib.Path(self.path("bad")).write_bytes(b"x" * 10_000)
        text = self.text()
        self.assertRegex(text, r"(?m)^bad +unreadable ")
        self.assertRegex(text, r"(?m)^good +none ")
        self.text("bad", "good", status=DAMAGED, err="ring bad: ")
        self.assertRegex(self.text("nope", "good", status=ABSENT, err="there is no"), r"(?m)^nope +absent ")
        self.poke(LANE_0 + LANE_TAIL, "Q", 1 << 40, ring="good")
        self.assertRegex(self.text("good", status=DAMAGED, err="lane 0: "), r"(?m)^good +damaged ")
        self.assertRegex(self.text(), r"(?m)^good: lane 0: tail is ")

    def test_misuse(self):
        for arguments, text in [(["--interval", "0"], "'0' is not a number of seconds from 0.1 to 3600"),
                                (["-n", "x"], "x"), (["a/b"], "'a/b' cannot name a ring")]:
            self.expect(USAGE, "top", *arguments, err=text)
        os.environ["SHMRING_DIR"] = "relative"
        self.assertIn("no rings: ", self.text(status=CONFIGURATION, err="SHMRING_DIR"))


if __name__ == "__main__":
    main()
