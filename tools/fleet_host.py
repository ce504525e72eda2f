"""A fleet beside its cluster: hosts, each with its ring, collector, producers and forwarder, and the archive's receiver.

Invariants: a program's messages go into a file beside its folder; only processes that were started here are ended.
"""
import os
import pathlib
import signal
import subprocess

from fleet_cluster import until


class Program:
    """One process at a time, which may be killed, stopped and started again."""

    def __init__(self, said, words, env=None):
        self.said, self.words, self.env = pathlib.Path(said), list(map(str, words)), {**os.environ, **(env or {})}
        self.process = None

    def start(self, *more):
        with open(self.said, "ab") as said:
            self.process = subprocess.Popen([*self.words, *map(str, more)], stdin=subprocess.DEVNULL, stdout=said,
                                            stderr=said, env=self.env)
        return self

    def is_up(self):
        return self.process is not None and self.process.poll() is None

    def signal(self, number):
        if self.is_up():
            self.process.send_signal(number)

    def kill(self):
        if self.is_up():
            self.process.kill()
        if self.process is not None:
            self.process.wait()

    def end(self, seconds=60):
        """An orderly end; its exit status."""
        self.signal(signal.SIGCONT)
        self.signal(signal.SIGTERM)
        return self.process.wait(seconds)

    def text(self):
        return self.said.read_text(encoding="utf-8", errors="replace") if self.said.exists() else ""


class Host:
    """A host of its own directory: `ring` in `rings`, `log`, `state`."""

    def __init__(self, tools, cluster, folder, name, ring="audit", options=(), sealed=True):
        self.tools, self.name, self.ring = pathlib.Path(tools), name, ring
        self.folder = pathlib.Path(folder)
        self.folder.mkdir(parents=True)
        self.rings, self.log, self.state = self.folder / "rings", self.folder / "log", self.folder / "state"
        self.rings.mkdir()
        self.env = {"SHMRING_DIR": str(self.rings)}
        seal = ["--seal", "--seal-state", self.state] if sealed else []
        self.collector = Program(self.folder / "collector.said", [
            self.tools / "shmringd", "--ring", ring, "--log", self.log, "--durability", "interval", *seal, *options], self.env)
        self.forwarder = Program(self.folder / "forwarder.said", [
            self.tools / "shmring", "forward", self.log, "--to", cluster.urls, "--host", name, *cluster.identity(name)])

    def emit(self, text, *more):
        """Writes these bytes, a record a line; the result says how many were refused."""
        words = [str(self.tools / "shmring"), "emit", self.ring, *more]
        return subprocess.run(words, input=text, env={**os.environ, **self.env}, capture_output=True, timeout=120, check=False)

    def end(self):
        for program in (self.forwarder, self.collector):
            program.kill()

    def files(self):
        return sorted(path for path in self.log.glob("*.jsonl*") if path.suffix in (".jsonl", ".zst"))


def receiver(tools, cluster, folder, root, *more):
    pathlib.Path(root).mkdir(exist_ok=True, parents=True)
    return Program(pathlib.Path(folder) / "receiver.said", [
        pathlib.Path(tools) / "shmring", "receive", "--from", cluster.urls, "--into", root, *cluster.identity("archive"),
        *more])


def create_streams(tools, cluster):
    """A cluster that has just begun has no room for replicas until its servers know of each other: it is tried again."""
    words = [str(pathlib.Path(tools) / "shmring"), "forward", "--create-stream", "--replicas", str(min(len(cluster.nodes), 3)),
             "--max-bytes", "1 GiB", "--to", cluster.urls, *cluster.identity("archive")]
    until(lambda: subprocess.run(words, check=False, capture_output=True, timeout=60).returncode == 0, "streams")


def archive_of(root, host, ring):
    """The directories of this ring's logs in the archive; more than one if a log was begun anew."""
    folder = pathlib.Path(root) / host / ring
    return sorted(path for path in folder.iterdir() if path.is_dir()) if folder.is_dir() else []
