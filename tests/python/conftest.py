"""A ring directory, a log, and a collector for each test; and an oracle that knows the log's rules by itself."""
import json
import os
import pathlib
import signal
import subprocess
import time

import pytest

TOOLS = pathlib.Path(os.environ["SHMRING_TOOLS"])


def until(condition, what, seconds=30):
    end = time.monotonic() + seconds
    while not (result := condition()):
        assert time.monotonic() < end, "never happened: " + what
        time.sleep(0.005)
    return result


class Collector:
    def __init__(self, folder, *options):
        self.log, self.options, self.errors = folder / "log", options, folder / "errors"
        self.start()

    def start(self):
        with open(self.errors, "ab") as errors:
            self.process = subprocess.Popen(
                [TOOLS / "shmringd", "--ring", "r", "--log", self.log, *self.options], stderr=errors)
        until(self.runs, "the collector runs")

    def runs(self):
        assert self.process.poll() is None, self.errors.read_text()
        done = subprocess.run([TOOLS / "shmring", "stat", "r", "-o", "json"], capture_output=True, text=True)
        if done.returncode != 0:
            return False
        collector = json.loads(done.stdout)["collector"]
        return collector["running"] and collector["pid"] == self.process.pid and collector["state"] == "collecting"

    def kill(self):
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def stop(self):
        if self.process.poll() is None:
            self.process.terminate()
            assert self.process.wait(30) == 0, self.errors.read_text()

    def lines(self, kind=None):
        """The lines of the log in order, read without the package."""
        found = {}
        for file in sorted(self.log.glob("*.jsonl")):
            for text in file.read_text().splitlines():
                line = json.loads(text)
                found[line["index"]] = line
        assert list(found) == list(range(len(found)))
        return [line for line in found.values() if kind is None or line["kind"] == kind]

    def verify(self):
        done = subprocess.run([TOOLS / "shmring", "verify", self.log], capture_output=True, text=True)
        assert done.returncode == 0, done.stdout + done.stderr


@pytest.fixture
def ring_dir(tmp_path, monkeypatch):
    rings = tmp_path / "rings"
    rings.mkdir(mode=0o755)
    monkeypatch.setenv("SHMRING_DIR", str(rings))
    return tmp_path


@pytest.fixture
def collect(ring_dir):
    """Starts a collector with these options, and ends it behind the test."""
    started = []

    def start(*options):
        started.append(Collector(ring_dir, *options))
        return started[-1]

    yield start
    for collector in started:
        if collector.process.poll() is None:
            collector.kill()
