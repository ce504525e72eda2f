"""What the tests of a fleet share: a cluster, hosts, a receiver, and the judgement of an archive.

Invariants: ports and folders are each test's own; every process that was started is gone when the test ends.
"""
import json
import pathlib
import shutil
import sys
import threading

from command_case import CommandCase, HAS_FORWARD, OK, SHMRING
from fleet_oracle import compare, lines_of

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "tools"))
from fleet_cluster import ARCHIVED_STREAM, LOG_STREAM, Cluster, is_there, until  # noqa: E402
from fleet_host import Host, archive_of, create_streams, receiver  # noqa: E402

TOOLS = pathlib.Path(SHMRING).parent
CAN = is_there() and HAS_FORWARD and shutil.which("zstd") is not None
WHY = "nats-server, openssl or zstd is not installed, or shmring was built without libnats"
__all__ = ["FleetCase", "CAN", "WHY", "ARCHIVED_STREAM", "LOG_STREAM", "Load"]


class Load:
    """Producers that write into a host's ring until they are told to stop."""

    def __init__(self, host, lines=2000, size=120):
        self.host, self.lines, self.size = host, lines, size
        self.stopped, self.written = threading.Event(), 0
        self.thread = threading.Thread(target=self._run)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.stopped.set()
        self.thread.join()

    def _run(self):
        while not self.stopped.wait(0.05):
            text = b"".join(b"%d %s\n" % (i, b"x" * self.size) for i in range(self.lines))
            self.host.emit(text, "--wait")
            self.written += self.lines


class FleetCase(CommandCase):
    HOSTS = ["web-1", "web.2"]
    NODES = 3

    def setUp(self):
        super().setUp()
        self.hosts = []
        self.root = pathlib.Path(self.folder) / "archive"
        self.cluster = Cluster(f"{self.folder}/cluster", self.HOSTS, nodes=self.NODES)
        self.cluster.start()
        self.create_streams()
        self.receiver = receiver(TOOLS, self.cluster, self.folder, self.root)
        self.others = []

    def tearDown(self):
        for host in self.hosts:
            host.end()
        for program in [self.receiver, *self.others]:
            program.kill()
        self.cluster.end()
        super().tearDown()

    def until(self, condition, what, seconds=60):
        """Waits for it. If it never happens, what all programs have said is in the error."""
        try:
            until(condition, what, seconds)
        except AssertionError as error:
            programs = [self.receiver, *(program for host in self.hosts for program in (host.collector, host.forwarder))]
            raise AssertionError("\n".join([str(error), *(program.text()[-2000:] for program in programs)])) from error

    def create_streams(self):
        create_streams(TOOLS, self.cluster)
        until(self.cluster.is_current, "replicas that are current")

    def host(self, *options, name=None, **more):
        """A host whose collector and forwarder run."""
        name = name or self.HOSTS[len(self.hosts)]
        host = Host(TOOLS, self.cluster, f"{self.folder}/{name}", name, options=options, **more)
        self.hosts.append(host)
        self.collect(host)
        host.forwarder.start()
        return host

    @staticmethod
    def collect(host, *more):
        host.collector.start(*more)
        until(lambda: host.files() or not host.collector.is_up(), "a log")

    def emit(self, host, lines=1000, text=b"y" * 100):
        done = host.emit(b"".join(b"%d %s\n" % (i, text) for i in range(lines)), "--wait")
        self.assertEqual(done.returncode, 0, done.stderr)

    @staticmethod
    def archived(host):
        """What the host knows that the archive has."""
        path = host.log / "archived"
        return json.loads(path.read_text()) if path.exists() else {"index": 0, "file": "", "bytes": 0}

    def archive(self, host):
        """The one directory of the host's log in the archive."""
        (folder,) = archive_of(self.root, host.name, host.ring)
        return folder

    def end_of_collector(self, host):
        """It writes all that is in the ring. On a slow machine its five seconds for that are not enough each time."""
        for _ in range(5):
            if not host.collector.is_up() or host.collector.end() == OK:
                return
            self.collect(host)
        self.fail(host.collector.text())

    def drained(self, host, seconds=90):
        """The collector ends; then all of its log comes into the archive."""
        self.end_of_collector(host)
        self.until(lambda: archive_of(self.root, host.name, host.ring) and compare(host.log, self.archive(host)) == "",
                   f"the whole log of {host.name} in the archive", seconds)
        self.until(lambda: self.archived(host)["index"] == max(lines_of(host.log)) + 1, "the archive's word for it", seconds)

    def judge(self, *hosts):
        """All of it is there, once, and the archive's own verdict agrees."""
        for host in hosts or self.hosts:
            self.drained(host)
            done = self.run_it("verify", str(self.archive(host)))
            self.assertEqual((done.status, done.err), (0, ""), done.out)
            self.assertEqual(list(self.archive(host).glob("*.conflict*")), [])
