#!/usr/bin/env python3
"""`shmring report` over real logs: its numbers are those of verify and of what this test has counted itself, hostile texts stay
text, and a page is replaced as a whole.

usage: report.py SHMRING SHMRINGD LIBSHMRING.SO
"""
import collections
import hashlib
import html.parser
import json
import os
import pathlib
import re
import shutil
import subprocess

from command_case import ABSENT, DAMAGED, IO, NEGATIVE, OK, SHMRING, USAGE, main
from report_case import HOSTILE, ReportCase

VOID = {"meta", "br", "rect", "path"}


def checksum(text):
    """FNV-1a, as the file `committed` has it."""
    value = 0xcbf29ce484222325
    for byte in text.encode():
        value = (value ^ byte) * 0x100000001b3 % (1 << 64)
    return value


class Page(html.parser.HTMLParser):
    """A page as a browser has it: its elements, which must be closed, and its text."""

    def __init__(self, text):
        super().__init__(convert_charrefs=True)
        self.open, self.tags, self.cells, self.attributes = [], collections.Counter(), [], []
        self.feed(text)
        self.close()
        self.cells = [cell.strip() for cell in self.cells]
        assert not self.open, self.open

    def handle_starttag(self, tag, attrs):
        self.tags[tag] += 1
        self.attributes += [name for name, _ in attrs]
        if tag not in VOID:
            self.open.append(tag)
        if tag not in ("code", "br", "a", "span"):
            self.cells.append("")

    def handle_endtag(self, tag):
        if tag not in VOID:
            assert self.open.pop() == tag, (tag, self.open)

    def handle_data(self, data):
        if self.cells:
            self.cells[-1] += data

    def logs(self):
        """Of an index: its logs, in order."""
        return [cell for cell in self.cells if re.fullmatch("[0-9a-f]{16}", cell)]


class Report(ReportCase):
    def report(self, *arguments, status=OK):
        (report,) = self.expect(status, "report", self.log, "-o", "json", *arguments).lines
        return report

    # ------------------------------------------------------------------------------------------------ one log

    def count(self):
        """The oracle: what the lines say, by producer."""
        sums = {}
        for line in self.lines():
            if line["kind"] in ("event", "loss"):
                row = sums.setdefault(line["producer"], {"logged": 0, "causes": collections.Counter()})
                row["logged"] += line["kind"] == "event"
                row["causes"].update(line.get("causes", {}))
        return sums

    def test_its_numbers_are_those_of_verify_and_of_the_lines(self):
        self.make()
        report, verdict = self.report(), self.expect(OK, "verify", self.log, "-o", "json").lines[0]
        self.assertEqual(report["verify"], verdict)
        self.assertTrue(report["holds"])
        self.assertGreater(verdict["lost"], 100)
        sums = self.count()
        rows = {row["name"]: row for row in report["producers"]}
        self.assertEqual(set(rows), set(sums))
        self.assertEqual(set(sums), {"steady", "losing", "killed", "mild"})
        for name, row in rows.items():
            self.assertEqual((row["logged"], row["causes"]), (sums[name]["logged"], dict(sums[name]["causes"])), name)
            self.assertEqual(row["attempted"], row["logged"] + row["lost"])
        for key in ("attempted", "logged", "lost"):
            self.assertEqual(sum(row[key] for row in rows.values()), verdict[key], key)
        self.assertEqual(report["producers"][0]["name"], "losing")  # with most losses
        self.assertEqual(rows["killed"]["died"], 1)
        bars = report["timeline"]["bars"]
        self.assertEqual([sum(bar[i] for bar in bars) for i in (0, 1)], [verdict["logged"], verdict["lost"]])
        incidents = [line for line in self.lines() if line["kind"] == "incident"]
        self.assertEqual(report["incidents"]["count"], len(incidents))
        self.assertEqual(report["incidents"]["outages"], sum("from" in line and "to" in line for line in incidents))
        self.assertGreater(report["incidents"]["outages"], 0)
        codes = collections.Counter(line.get("code", "") for line in incidents)
        self.assertEqual(report["incidents"]["codes"], dict(codes))
        kinds = collections.Counter(line["kind"] for line in self.lines())
        runs = ("start", "stop", "recovery", "config", "clock", "retain")
        self.assertEqual(report["runs"]["count"], sum(kinds[kind] for kind in runs))
        self.assertEqual(kinds["start"], 2)

    def test_its_files_have_the_hashes_that_anybody_computes(self):
        self.make()
        files = self.report()["files"]
        self.assertGreater(len(files), 2)
        self.assertEqual([file["name"] for file in files], [path.name for path in self.files()])
        for file, path in zip(files, self.files()):
            data = path.read_bytes()
            self.assertEqual((file["sha256"], file["bytes"]), (hashlib.sha256(data).hexdigest(), len(data)))
        self.assertEqual(sum(file["lines"] for file in files), self.report()["verify"]["lines"])
        self.assertEqual([file["final"] for file in files], [os.stat(path).st_mode & 0o222 == 0 for path in self.files()])

    def test_a_page_has_it_all_without_script_and_hostile_texts_are_text(self):
        self.make()
        text = self.expect(OK, "report", self.log, "-o", "html").out.decode()
        page = Page(text)
        self.assertEqual(page.tags["script"] + page.tags["link"] + page.tags["img"], 0)
        self.assertFalse([name for name in page.attributes if name.startswith("on") or name == "src"])
        self.assertEqual(page.tags["svg"], 1)
        self.assertIn("whole", page.cells)
        in_log = json.dumps(HOSTILE)[1:-1]
        self.assertTrue(any(cell.startswith(in_log) for cell in page.cells))
        self.assertNotIn("<script", text)
        report = self.report()
        self.assertTrue(any(f"{report['verify']['attempted']} attempted = " in cell for cell in page.cells))
        for file in report["files"]:
            self.assertIn(file["sha256"], page.cells)
        self.assertTrue(any("errno 27 (File too large)" in cell for cell in page.cells))

    def test_what_it_says_repeats_the_verdict(self):
        self.make()
        log = f"{self.folder}/it's the log"
        os.rename(self.log, log)
        self.log = log
        command = self.report()["command"]
        done = subprocess.run(["sh", "-c", command], capture_output=True, text=True,
                              env={**os.environ, "PATH": f"{os.path.dirname(SHMRING)}:{os.environ['PATH']}"})
        self.assertEqual(done.returncode, OK, done.stderr)
        self.assertIn("without a hole", done.stdout)

    def test_a_log_that_deviates_is_said_to_in_each_form_with_the_status_of_verify(self):
        self.make()
        path = self.files()[1]
        lines = path.read_bytes().splitlines(True)
        at = next(i for i, line in enumerate(lines) if b'"kind":"event"' in line)
        path.chmod(0o600)
        path.write_bytes(b"".join(lines[:at] + lines[at + 1:]))
        verdict = self.expect(NEGATIVE, "verify", self.log, "-o", "json").lines[0]
        self.assertEqual(self.report(status=NEGATIVE)["verify"], verdict)
        for form in ("html", "text"):
            out = self.expect(NEGATIVE, "report", self.log, "-o", form).out.decode()
            self.assertIn("not whole", out)
            self.assertIn(f"{path.name}: line {at + 1} ", out)
        self.expect(ABSENT, "report", f"{self.folder}/absent", err="absent")
        other = pathlib.Path(self.folder, "other")
        other.mkdir()
        (other / self.files()[0].name).write_text("no line\n")
        self.expect(DAMAGED, "report", str(other))

    def test_a_file_is_replaced_when_all_of_it_is_there(self):
        daemon = self.collect()
        self.end(daemon)
        to = pathlib.Path(self.folder, "page.html")
        to.write_text("before")
        self.expect(OK, "report", self.log, "-o", "html", "--to", str(to))
        self.assertTrue(to.read_text().endswith("</html>\n"))
        self.assertEqual([path.name for path in to.parent.glob("page*")], ["page.html"])
        os.umask(0o077)
        self.addCleanup(os.umask, 0o022)
        self.expect(OK, "report", self.log, "--to", f"{self.folder}/private")
        self.assertEqual(os.stat(f"{self.folder}/private").st_mode & 0o777, 0o600)
        self.expect(ABSENT, "report", self.log, "--to", f"{self.folder}/absent/page", err="cannot write")
        self.assertEqual(to.read_text().count("<h1>"), 1)
        with open("/dev/full", "wb") as full:
            done = subprocess.run([SHMRING, "report", self.log, "-o", "html"], stdout=full, stderr=subprocess.PIPE)
        self.assertEqual(done.returncode, IO, done.stderr)

    def test_options_that_do_not_go_together(self):
        for arguments, text in [(["--checkpoint", "x"], "with --key"), (["--archive"], "-o html"),
                                (["--archive", "-o", "html"], "--to"),
                                (["--archive", "-o", "html", "--to", "x", "--key", "k"], "no --key"),
                                (["-o", "pdf"], "pdf")]:
            self.expect(USAGE, "report", self.folder, *arguments, err=text)

    def test_a_sealed_log_has_its_epochs_and_its_checkpoint_and_a_key_proves_it(self):
        state = f"{self.folder}/state"
        daemon = self.collect("--seal", "--seal-state", state, "--durability", "interval")
        keys = pathlib.Path(self.folder, "keys")
        keys.write_bytes(self.expect(OK, "keygen", "--show", state).out)
        self.emit(100, "p", "--wait")
        self.end(daemon)
        report = self.report("--key", str(keys))
        self.assertTrue(report["verify"]["seal"]["holds"])
        self.assertEqual(report["checkpoint"], (pathlib.Path(self.log) / "checkpoint").read_text())
        self.assertIn(f"--key {keys}", report["command"])
        page = Page(self.expect(OK, "report", self.log, "-o", "html", "--key", str(keys)).out.decode())
        self.assertIn("whole, and what was signed", page.cells)
        self.assertTrue(any("without --key it was not checked" in cell for cell in
                            Page(self.expect(OK, "report", self.log, "-o", "html").out.decode()).cells))
        path = self.files()[-1]
        path.chmod(0o600)
        path.write_bytes(path.read_bytes().replace(b'"data":"5"', b'"data":"6"'))
        done = self.expect(NEGATIVE, "report", self.log, "-o", "html", "--key", str(keys)).out.decode()
        self.assertIn("not what was signed", Page(done).cells)
        self.assertIn("is not what was signed", self.expect(NEGATIVE, "report", self.log, "--key", str(keys)).out.decode())
        self.expect(OK, "report", self.log)

    # ------------------------------------------------------------------------------------------------ an archive

    def archive(self, *names):
        """What a receiver leaves: a directory a log, of which all is committed. It is a copy of the log."""
        root = pathlib.Path(self.folder, "archive")
        root.mkdir(exist_ok=True)
        for name in names:
            place = root.joinpath(*name)
            shutil.copytree(self.log, place)
            newest, lines = self.files()[-1], self.lines()
            body = (f'{{"v":1,"generation":1,"file":"{newest.name}","bytes":{newest.stat().st_size},"index":{len(lines)},'
                    '"wanted":false,"replace":false')
            (place / "committed").write_text(f'{body},"sum":"{checksum(body):016x}"}}'.ljust(255) + "\n")
        return root

    def test_an_archive_has_an_index_and_a_page_a_log(self):
        self.make()
        names = [("web-1", "payments", "0123456789abcdef"), (HOSTILE.replace("/", "|"), "r", "0123456789abcdee"),
                 ("web-1", "payments", "0123456789abcded")]
        root, out = self.archive(*names), pathlib.Path(self.folder, "out")
        arguments = ["report", "--archive", str(root), "-o", "html", "--to", str(out)]
        self.expect(OK, *arguments)
        index = (out / "index.html").read_text()
        links = re.findall(r'<a href="([0-9a-f]{32}[.]html)">', index)
        self.assertEqual(sorted([*links, "index.html"]), sorted(path.name for path in out.iterdir()))
        self.assertEqual(len(set(links)), 3)
        self.assertIn("all 3 logs hold", Page(index).cells)
        self.assertNotIn("<script", index)
        verdict = self.expect(OK, "verify", self.log, "-o", "json").lines[0]
        self.assertIn(f"{3 * verdict['attempted']} attempted = {3 * verdict['logged']} logged + {3 * verdict['lost']} lost",
                      Page(index).cells)
        for link in links:
            self.assertIn("whole", Page((out / link).read_text()).cells)

        # The lines of one hold, but some are missing before what has come: that needs a person, too.
        committed = root.joinpath(*names[0], "committed")
        whole = committed.read_text()
        body = whole.partition(',"sum"')[0].replace('"wanted":false', '"wanted":true')
        committed.write_text(f'{body},"sum":"{checksum(body):016x}"}}'.ljust(255) + "\n")
        self.expect(NEGATIVE, *arguments)
        page = Page((out / "index.html").read_text())
        self.assertIn("1 of 3 logs needs a person", page.cells)
        self.assertTrue(any("lines are missing before what has come" in cell for cell in page.cells))
        committed.write_text(whole)

        # One comes to deviate, one loses what the archive knows of it: both come first, and the others' pages stay.
        path = sorted(root.joinpath(*names[2]).glob("*.jsonl"))[0]
        path.chmod(0o600)
        path.write_bytes(path.read_bytes().replace(b'"seq":7', b'"seq":8', 1))
        root.joinpath(*names[1], "committed").write_text("torn")
        self.expect(NEGATIVE, *arguments)
        page = Page((out / "index.html").read_text())
        self.assertIn("2 of 3 logs need a person", page.cells)
        self.assertTrue(any("neither of its records can be read" in cell for cell in page.cells))
        self.assertTrue(any("not whole" in cell and "expected" in cell for cell in page.cells))
        self.assertEqual(page.logs(), [names[1][2], names[2][2], names[0][2]])

    def test_an_archive_without_a_log_has_an_index_and_what_is_none_is_refused(self):
        out = pathlib.Path(self.folder, "out")
        root = pathlib.Path(self.folder, "empty")
        root.mkdir()
        self.expect(OK, "report", "--archive", str(root), "-o", "html", "--to", str(out))
        self.assertEqual([path.name for path in out.iterdir()], ["index.html"])
        self.expect(ABSENT, "report", "--archive", f"{root}/absent", "-o", "html", "--to", str(out), err="cannot open it")


if __name__ == "__main__":
    main()
