#!/usr/bin/env python3
"""A page of `shmring report` in a browser: its text is there, nothing of a log ran as a script, and it prints with its colours.

Chromium opens it, and the same page without its escapes: there the script of the log runs, so that it would have been seen.
usage: report.py SHMRING SHMRINGD LIBSHMRING.SO
"""
import collections
import html
import json
import pathlib
import re
import shutil
import subprocess
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "process"))
from command_case import OK, main  # noqa: E402
from report_case import HOSTILE, ReportCase  # noqa: E402

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
POPPLER = shutil.which("pdftotext") and shutil.which("pdftoppm")


@unittest.skipUnless(CHROMIUM and POPPLER, "chromium or poppler-utils is not installed")
class Browser(ReportCase):
    def chromium(self, page, *options):
        done = subprocess.run([CHROMIUM, "--headless", "--no-sandbox", "--disable-gpu", *options,
                               f"--user-data-dir={self.folder}/browser", f"file://{page}"], capture_output=True, timeout=120)
        self.assertEqual(done.returncode, 0, done.stderr.decode(errors="replace"))
        return done.stdout.decode()

    def pages_of(self, pdf):
        """The colours of each page of it, with how many dots have each."""
        subprocess.run(["pdftoppm", "-r", "40", pdf, f"{self.folder}/page"], check=True)
        for path in sorted(pathlib.Path(self.folder).glob("page-*.ppm")):
            _, _, _, data = path.read_bytes().split(b"\n", 3)
            yield collections.Counter(zip(data[0::3], data[1::3], data[2::3]))

    def test_a_browser_shows_it_runs_nothing_and_prints_it(self):
        self.make()
        page = pathlib.Path(self.folder, "report.html")
        self.expect(OK, "report", self.log, "-o", "html", "--to", str(page))
        text = page.read_text()
        in_log = html.escape(json.dumps(HOSTILE)[1:-1]).replace("&#x27;", "&#39;")
        self.assertIn(in_log, text)
        dom = self.chromium(page, "--dump-dom")
        (title,) = re.findall("<title>(.*?)</title>", dom.partition("<body>")[0], re.S)
        self.assertEqual(title, "Audit log r: whole")
        self.assertNotIn("<script", dom)
        self.assertIn('<p class="verdict good">whole</p>', dom)
        self.assertIn("&lt;script&gt;", dom)

        careless = pathlib.Path(self.folder, "careless.html")
        careless.write_text(re.sub("<meta http-equiv[^>]*>", "", text).replace(in_log, HOSTILE))
        self.assertIn("<title>ran</title>", self.chromium(careless, "--dump-dom"))

        pdf = f"{self.folder}/report.pdf"
        self.chromium(page, f"--print-to-pdf={pdf}")
        printed = subprocess.run(["pdftotext", "-layout", pdf, "-"], check=True, stdout=subprocess.PIPE, text=True).stdout
        for line in self.expect(OK, "verify", self.log).out.decode().splitlines():
            self.assertIn(" ".join(line.removeprefix("not checked: ").split()), " ".join(printed.split()))
        pages = list(self.pages_of(pdf))
        self.assertEqual(len(pages), printed.count("\f"))
        red = sum(count for (r, g, b), count in pages[0].items() if r > 150 and g < 60 and b < 60)
        self.assertGreater(red, 20)  # the losses of the timeline
        self.assertGreater(pages[0][255, 255, 255], sum(pages[0].values()) / 2)


if __name__ == "__main__":
    main()
