#!/usr/bin/env python3
"""`shmring log` on big logs, and on logs that are replaced while it follows.

usage: command_log.py SHMRING SHMRINGD LIBSHMRING.SO
"""
import datetime
import json
import os
import pathlib
import re
import signal
import subprocess

from command_case import OK, SHMRING, USAGE, CommandCase, main, until

LINES, FILES, EVERY = 6000, 8, 1000  # lines of a file, files, lines from one accounts line to the next
START = datetime.datetime(2026, 1, 31, 12, tzinfo=datetime.timezone.utc)
SECONDS = 2  # between two lines, so that a file lasts more than three hours


def at(index):
    return (START + datetime.timedelta(seconds=SECONDS * index)).strftime("%Y-%m-%dT%H:%M:%S.000000000Z")


def line(index, text="x" * 300):
    head = f'{{"v":1,"kind":"%s","index":{index},"time":"{at(index)}","ring":"r",'
    events = index - 1 - index // EVERY if index > 0 else 0  # so far, without the attach line
    if index % EVERY == 0:
        accounts = '{"producer":"p","inc":7,"through":%d,"open":true,"causes":{}}' % max(events, 0) if index > 0 else ""
        return head % "accounts" + f'"accounts":[{accounts}]}}\n'
    if index == 1:
        return head % "attach" + '"producer":"p","inc":7,"pid":1,"uid":0,"lane":1,"exe":"/bin/p"}\n'
    return head % "event" + (f'"producer":"p","inc":7,"seq":{events},"lane":1,"pos":{index},"type":{index % 200},"sev":6,'
                             f'"data":"{text}"}}\n')


def name(index):
    return (START + datetime.timedelta(seconds=SECONDS * index)).strftime("%Y%m%dT%H%M%SZ-") + f"{index:020}.jsonl"


class Log(CommandCase):
    def setUp(self):
        super().setUp()
        self.log = pathlib.Path(self.folder, "log")
        self.log.mkdir()

    def put(self, first, end, folder=None, more=""):
        (folder or self.log).joinpath(name(first)).write_text("".join(map(line, range(first, end))) + more)

    def big(self):
        for file in range(FILES):
            self.put(file * LINES, (file + 1) * LINES)
        self.expect(OK, "verify", str(self.log))

    def indexes(self, *arguments):
        return [found["index"] for found in self.expect(OK, "log", str(self.log), "-o", "json", *arguments).lines]

    def bytes_read(self, *arguments):
        trace = f"{self.folder}/trace"
        done = subprocess.run(["strace", "-f", "-e", "trace=pread64", "-o", trace, SHMRING, "log", str(self.log), *arguments],
                              capture_output=True, check=True)
        return sum(map(int, re.findall(r"pread64.* = (\d+)$", pathlib.Path(trace).read_text(), re.M))), done.stdout

    # ------------------------------------------------------------------------------------------------ fast answers

    def test_a_small_answer_reads_little_of_a_big_log(self):
        self.big()
        size = sum(file.stat().st_size for file in self.log.iterdir())
        last = LINES * FILES
        middle = 3 * LINES + 2345
        for arguments, count in [(["-n", "5"], 5), (["-n", "5", "--type", "77"], 5),
                                 (["--after-index", str(last - 4)], 3),
                                 (["--after-index", str(middle), "--until", at(middle + 3)], 3),
                                 (["--since", at(middle), "--until", at(middle + 9)], 10),
                                 (["-n", "3", "--until", at(middle)], 3), (["--since", at(last - 2)], 2)]:
            read, out = self.bytes_read(*arguments)
            self.assertEqual(len(out.splitlines()), count, arguments)
            self.assertLess(read, size / 4, arguments)
        read, out = self.bytes_read()
        self.assertGreaterEqual(read, size)  # that is how much all of it is

    def test_each_range_is_what_reading_all_gives(self):
        for file in range(3):
            self.put(file * LINES, (file + 1) * LINES)
        last = 3 * LINES
        for edge in (0, 1, 999, 1000, 1001, LINES - 1, LINES, LINES + 1, 2 * LINES + 500, last - 2, last - 1):
            self.assertEqual(self.indexes("--after-index", str(edge)), list(range(edge + 1, last)))
            self.assertEqual(self.indexes("--since", at(edge)), list(range(edge, last)))
            self.assertEqual(self.indexes("--until", at(edge)), list(range(edge + 1)))
            self.assertEqual(self.indexes("--until", at(edge), "-n", "2"), list(range(max(0, edge - 1), edge + 1)))
            self.assertEqual(self.indexes("--kind", "accounts", "-n", "3", "--until", at(edge)),
                             list(range(0, edge + 1, EVERY))[-3:])
            self.assertEqual(self.indexes("-n", str(edge)), list(range(last - edge, last)))
        self.assertEqual(self.indexes("--after-index", str(last)), [])
        self.assertEqual(self.indexes("--since", at(last)), [])
        self.expect(USAGE, "log", str(self.log), "--after-index", "-1", err="'-1' is not a whole number of 0 or more")

    def test_a_late_event_is_found_up_to_an_hour_behind_its_time(self):
        late = line(1500).replace(at(1500), at(10))
        self.put(0, 1500, more=late)
        self.assertEqual(self.indexes("--until", at(10)), [*range(11), 1500])
        self.assertEqual(self.indexes("--since", at(9), "--until", at(10)), [9, 10, 1500])

    def test_of_a_log_whose_beginning_is_gone_the_rest_is_found_and_who_goes_on_before_it_is_told(self):
        for first in range(0, 60, 20):
            self.put(first, first + 20)
        (self.log / name(0)).unlink()
        for arguments, found in [([], range(20, 60)), (["-n", "3"], range(57, 60)), (["-n", "99"], range(20, 60)),
                                 (["--since", at(0)], range(20, 60)), (["--since", at(30)], range(30, 60)),
                                 (["--until", at(30)], range(20, 31)), (["--after-index", "19"], range(20, 60))]:
            self.assertEqual(self.indexes(*arguments), list(found), arguments)
        done = self.run_it("log", str(self.log), "-o", "json", "--after-index", "4")
        self.assertEqual((done.status, [found["index"] for found in done.lines]), (OK, list(range(20, 60))))
        self.assertIn("the lines with the indexes 5 to 19 are not there", done.err)

    # -------------------------------------------------------------------------------------------------- following

    def test_who_follows_is_told_which_lines_were_removed_before_he_could_read_them(self):
        self.put(0, 20)
        seen, said = self.follow()
        until(lambda: len(seen()) == 20, "all lines")
        self.follower.send_signal(signal.SIGSTOP)
        for first in (20, 40, 60):
            self.put(first, first + 20)
        for first in (0, 20):
            (self.log / name(first)).unlink()
        self.follower.send_signal(signal.SIGCONT)
        until(lambda: len(seen()) == 60, "what is left")
        self.assertEqual(seen(), [*range(20), *range(40, 80)])
        self.assertEqual(said(), f"shmring: log {self.log}: the lines with the indexes 20 to 39 are not there: they were "
                                 f"removed before they could be read, or a file is missing; `shmring verify {self.log}` "
                                 "says which\n")

    def follow(self, *arguments):
        """Starts it. Returns what gives the indexes of the whole lines so far, and what it said."""
        out, err = pathlib.Path(self.folder, "out"), pathlib.Path(self.folder, "err")
        with open(out, "wb") as to, open(err, "wb") as errors:
            self.follower = self.start(SHMRING, "log", str(self.log), "-f", "-o", "json", *arguments, stdout=to, stderr=errors)
        return (lambda: [json.loads(text)["index"] for text in out.read_text().split("\n")[:-1]]), err.read_text

    def test_following_skips_what_a_replacement_repeats(self):
        self.put(0, 1800)
        seen, said = self.follow()
        until(lambda: len(seen()) == 1800, "all lines")
        self.put(1000, 1900)
        self.put(1900, 1901)
        until(lambda: 1900 in seen(), "the lines behind it")
        self.assertEqual((seen(), said()), (list(range(1901)), ""))

    def test_following_goes_on_in_a_log_that_was_begun_anew(self):
        self.put(0, 20)
        seen, said = self.follow("-n", "2")
        until(lambda: len(seen()) == 2, "the last lines")
        os.rename(self.log, self.folder + "/moved")
        self.put(20, 25, pathlib.Path(self.folder, "moved"))
        until(lambda: len(seen()) == 7, "lines in the log that was moved")
        self.log.mkdir()
        self.put(0, 3)
        until(lambda: len(seen()) == 10, "the new log")
        self.assertEqual(seen(), [18, 19, *range(20, 25), 0, 1, 2])
        self.assertEqual(said(), f"shmring: log {self.log}: it was begun anew in the same place; what follows is the new log "
                                 "from its beginning\n")
        self.assertIsNone(self.follower.poll())

    def test_following_notices_files_that_begin_anew_in_the_same_directory(self):
        self.put(0, 20)
        self.put(20, 22)
        seen, said = self.follow("-n", "1")
        until(lambda: len(seen()) == 1, "the last line")
        for file in self.log.iterdir():
            file.unlink()
        self.put(0, 3)
        until(lambda: len(seen()) == 4, "the new log")
        self.assertEqual(seen(), [21, 0, 1, 2])
        self.assertIn("begun anew", said())


if __name__ == "__main__":
    main()
