"""What the tests of reports share: a log with losses, a killed producer, a killed collector, an outage, and a hostile text."""
import contextlib
import json
import os
import pathlib
import resource
import signal
import subprocess

from command_case import NEGATIVE, OK, SHMRING, SHMRINGD, CommandCase, until

HOSTILE = "a<script>document.title='ran'</script><img src=x onerror=\"document.title='ran'\">&b"


class ReportCase(CommandCase):
    def setUp(self):
        super().setUp()
        self.log = f"{self.folder}/log"
        self.said = pathlib.Path(f"{self.folder}/said")

    def collect(self, *options):
        with open(self.said, "ab") as said:
            daemon = self.start(SHMRINGD, "--ring", "r", "--log", self.log, *options, stderr=said)
        until(lambda: os.path.exists(self.path()) and self.facts().get("pid") == daemon.pid and
              self.facts()["state"] == "collecting", "a pass")
        return daemon

    def facts(self):
        return self.run_it("stat", "r", "--interval", "0", "-o", "json").lines[0]["collector"]

    def end(self, daemon):
        daemon.terminate()
        self.assertEqual(daemon.wait(30), OK, self.said.read_text())

    def emit(self, lines, producer, *options):
        done = self.run_it("emit", "r", "--producer", producer, *options, data=b"".join(b"%d\n" % i for i in range(lines)))
        self.assertIn(done.status, (OK, NEGATIVE), done.err)

    def make(self):
        """A log with losses, a killed producer, a killed collector, an outage, and several files."""
        daemon = self.collect("--slots", "64", "--file-bytes", "64 KiB")
        self.emit(3000, "steady", "--wait")
        self.emit(5, "mild", "--wait")
        daemon.send_signal(signal.SIGSTOP)
        self.emit(500, "losing")  # most do not fit
        daemon.kill()
        daemon.wait()
        daemon = self.collect("--file-bytes", "64 KiB")
        killed = self.start(SHMRING, "emit", "r", "--producer", "killed", stdin=subprocess.PIPE)
        killed.stdin.write(b"one\n")
        killed.stdin.flush()
        until(lambda: any(line.get("producer") == "killed" and line["kind"] == "event" for line in self.lines()), "its event")
        killed.kill()
        until(lambda: any(line["kind"] == "died" for line in self.lines()), "its end")
        limit = resource.prlimit(daemon.pid, resource.RLIMIT_FSIZE)
        resource.prlimit(daemon.pid, resource.RLIMIT_FSIZE, (1, limit[1]))
        self.emit(3, "steady")
        until(lambda: self.facts()["state"] == "log_failing", "an outage")
        resource.prlimit(daemon.pid, resource.RLIMIT_FSIZE, limit)
        until(lambda: any(line["kind"] == "incident" and "to" in line for line in self.lines()), "its account")
        self.end(daemon)
        for path in self.files():  # a producer cannot have such a name, but whoever writes a file can do this
            mode = path.stat().st_mode
            path.chmod(0o600)
            path.write_bytes(path.read_bytes().replace(b"the log could not be written", json.dumps(HOSTILE)[1:-1].encode()))
            path.chmod(mode)

    def lines(self):
        """All lines, in order; a file that replaces another one has some of them once more."""
        found = {}
        for file in self.files():
            with contextlib.suppress(FileNotFoundError):  # it was replaced a moment ago
                found |= {line["index"]: line for text in file.read_bytes().splitlines(True) if text.endswith(b"\n")
                          for line in [json.loads(text)]}
        return [found[index] for index in sorted(found)]

    def files(self):
        return sorted(pathlib.Path(self.log).glob("*.jsonl"), key=lambda path: path.name.split("-")[1])
