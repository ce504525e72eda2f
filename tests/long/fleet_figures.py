#!/usr/bin/env python3
"""What a fleet costs, over three NATS servers on the loopback interface: each figure with its bound, judged by medians.

Everything runs on the processors of this machine: servers, collectors, forwarders and the receiver.
usage: fleet_figures.py SHMRING SHMRINGD LIBSHMRING.SO EXAMPLES WRITE_BATCHES
"""
import os
import pathlib
import re
import signal
import statistics
import subprocess
import sys
import time
import unittest

WRITE_BATCHES = sys.argv.pop()
EXAMPLES = pathlib.Path(sys.argv.pop())
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "process"))
from command_case import OK, main  # noqa: E402
from fleet_case import CAN, TOOLS, WHY, FleetCase, Load, until  # noqa: E402
from fleet_host import archive_of  # noqa: E402
from fleet_oracle import compare, lines_of  # noqa: E402

ROUNDS = 3
WAITS = ("--on-full", "wait", "--wait-us", "10000000")


def figure(text, value, bound, unit, at_least=False):
    print(f"REPORT {text}: {value:.3g} {unit} (reach: {'≥' if at_least else '≤'} {bound} {unit})", flush=True)
    return value >= bound if at_least else value <= bound


class Figures(FleetCase):
    def index(self, host):
        return self.archived(host)["index"]

    def has_all(self, host, within=120):
        end = max(lines_of(host.log)) + 1
        self.until(lambda: self.index(host) == end, f"all of {host.name} in the archive", within)
        return end


@unittest.skipUnless(CAN, WHY)
class Fleet(Figures):
    HOSTS = [f"web-{number}" for number in range(1, 2 * ROUNDS)]

    def filled(self, payments):
        """A host with a log of the example's payments, which is not forwarded yet."""
        host = self.host(*WAITS)
        host.forwarder.kill()
        subprocess.run([str(EXAMPLES / "payments"), "audit", str(payments)], env={**os.environ, **host.env}, check=True,
                       capture_output=True, timeout=120)
        self.end_of_collector(host)
        return host

    def test_lines_a_second_and_bytes_on_the_wire(self):
        self.receiver.start()
        rates, shares = [], []
        for _ in range(ROUNDS):
            host = self.filled(300_000)
            lines, size = max(lines_of(host.log)) + 1, sum(path.stat().st_size for path in host.files())
            metrics = host.folder / "forward.prom"
            host.forwarder.words += ["--metrics", str(metrics)]
            begun = time.monotonic()
            host.forwarder.start()
            until(lambda: self.index(host) >= lines, "all lines in the archive", 120)
            rates.append(lines / (time.monotonic() - begun))
            self.assertEqual(compare(host.log, self.archive(host)), "")
            self.assertEqual(host.forwarder.end(), OK)
            sent = re.search(r"^shmring_forward_packed_bytes_total\{.*\} (\d+)$", metrics.read_text(), re.M)
            shares.append(int(sent[1]) / size)
        self.assertTrue(figure("lines to the archive, committed, a second", statistics.median(rates), 200_000, "lines",
                               at_least=True))
        self.assertTrue(figure("bytes on the wire for each of the log", statistics.median(shares), 0.15, "bytes"))

    @staticmethod
    def marks(host):
        """{record: the index of its line}."""
        texts = ((index, re.search(rb'"data":"mark (\d+)"', line)) for index, line in lines_of(host.log).items())
        return {int(text[1]): index for index, text in texts if text}

    def lags(self, host, records):
        """How long each record took from the call that wrote it to the archive's word, as the host was told."""
        words = [str(TOOLS / "shmring"), "emit", host.ring]
        written, known = [], []
        with subprocess.Popen(words, stdin=subprocess.PIPE, env={**os.environ, **host.env}, stdout=subprocess.DEVNULL) as emit:
            begun = time.monotonic()
            found = {}
            while len(found) < records or known[-1][1] <= max(found.values()):
                now = time.monotonic()
                self.assertLess(now - begun, 90, "a record is not in the archive")
                if len(written) < records and now - begun >= len(written) / 50:
                    written.append(now)
                    emit.stdin.write(b"mark %d\n" % (len(written) - 1))
                    emit.stdin.flush()
                elif len(written) == records and len(found) < records:
                    found = self.marks(host)
                known.append((time.monotonic(), self.index(host)))
                time.sleep(0.005)
            emit.stdin.close()
        return [next(when for when, end in known if end > found[mark]) - begun for mark, begun in enumerate(written)]

    def test_lag_and_a_leader_that_dies(self):
        self.receiver.start()
        host = self.host(*WAITS)
        lag = statistics.median(self.lags(host, 500))
        resumed = []
        with Load(host, lines=500):
            for _ in range(ROUNDS):
                node = until(self.cluster.leader, "a leader")
                node.kill()
                killed, had = time.monotonic(), max(lines_of(host.log))
                self.until(lambda had=had: self.index(host) > had, "a line from behind the leader's death", 60)
                resumed.append(time.monotonic() - killed)
                node.start()
                self.until(self.cluster.is_current, "replicas that are current", 120)
        self.judge()
        self.assertTrue(figure("lag, median", lag, 1, "s"))
        self.assertTrue(figure("resumed after a leader's death", statistics.median(resumed), 15, "s"))


    def test_a_write_while_logs_are_forwarded(self):
        self.receiver.start()
        host = self.host(*WAITS)
        costs = {signal.SIGSTOP: [], signal.SIGCONT: []}
        with subprocess.Popen([WRITE_BATCHES, "audit"], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                              env={**os.environ, **host.env}) as writer:
            for turn in range(24):
                state = list(costs)[turn % 2]
                host.forwarder.signal(state)
                writer.stdin.write(b"\n")
                writer.stdin.flush()
                costs[state].append(float(writer.stdout.readline()))
            writer.stdin.close()
        self.assertEqual(writer.returncode, 0)
        self.judge()
        alone, beside = map(statistics.median, costs.values())
        self.assertTrue(figure(f"a write while its log is forwarded, against {alone:.3g} ns without", beside / alone, 1.03,
                               "times"))


@unittest.skipUnless(CAN, WHY)
class Hosts(Figures):
    HOSTS = [f"host-{number}" for number in range(100)]
    LINES = 2000

    def test_a_hundred_hosts_and_one_receiver(self):
        for name in self.HOSTS:
            host = self.host("--slots", "1024", "--lanes", "1", *WAITS, name=name, sealed=False)
            self.emit(host, self.LINES)
            self.end_of_collector(host)
        self.receiver.start()
        for host in self.hosts:
            self.has_all(host)
        for host in self.hosts:
            self.assertEqual(compare(host.log, self.archive(host)), "")
            self.assertEqual(len(archive_of(self.root, host.name, host.ring)), 1)
        status = pathlib.Path(f"/proc/{self.receiver.process.pid}/status").read_text()
        peak = int(re.search(r"^VmHWM:\s+(\d+) kB", status, re.M)[1]) / 1024
        self.assertTrue(figure("memory of a receiver of 100 hosts, at most", peak, 256, "MiB"))


if __name__ == "__main__":
    main()
