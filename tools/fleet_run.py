"""The demonstration of tools/fleet: a fleet under load, whose parts are killed, and what the archive says in the end.

usage: fleet_run.py BUILD [--keep]
"""
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time

from fleet_cluster import Cluster, until
from fleet_host import Host, archive_of, create_streams, receiver

BUILD = pathlib.Path(sys.argv[1]).absolute()
TOOLS, KEEP = BUILD / "tools", "--keep" in sys.argv
HOSTS = ["web-1", "web-2", "db.example"]
PLAIN = not sys.stdout.isatty() or os.environ.get("NO_COLOR")
FILES = ("--file-bytes", "1 MiB")


def say(text):
    print(f"== {text}" if PLAIN else f"\033[1m== {text}\033[0m", flush=True)


def shmring(*words):
    done = subprocess.run([str(TOOLS / "shmring"), *map(str, words)], capture_output=True, text=True, check=False)
    return done.returncode, done.stdout + done.stderr


def show(text, colour):
    print(text.rstrip() if PLAIN else f"\033[{colour}m{text.rstrip()}\033[0m", flush=True)


class Fleet:
    def __init__(self, folder):
        self.folder = pathlib.Path(folder)
        self.root = self.folder / "archive"
        self.cluster = Cluster(self.folder / "cluster", HOSTS)
        self.receiver = receiver(TOOLS, self.cluster, self.folder, self.root)
        self.hosts = [Host(TOOLS, self.cluster, self.folder / name, name, ring="orders", options=options)
                      for name, options in zip(HOSTS, [FILES + ("--compress",), FILES + ("--compress",), FILES])]
        self.producers = []

    def end(self):
        for process in self.producers:
            process.kill()
            process.wait()
        for host in self.hosts:
            host.end()
        self.receiver.kill()
        self.cluster.end()

    def begin(self):
        say(f"start three servers with TLS, each host with rights for its own subjects alone; and the archive, {self.root}")
        self.cluster.start()
        create_streams(TOOLS, self.cluster)
        until(self.cluster.is_current, "replicas that are current")
        self.receiver.start()
        say(f"start {len(HOSTS)} hosts: {', '.join(HOSTS)}; each has a collector that seals its log, a forwarder and producers")
        for host in self.hosts:
            host.collector.start()
            until(host.files, f"a log of {host.name}")
            host.forwarder.start()
            for _ in range(2):
                self.produce(host)

    def produce(self, host, records=60000):
        words = [str(BUILD / "examples/payments"), "orders", str(records), "100"]
        self.producers.append(subprocess.Popen(words, env={**os.environ, **host.env}, stdout=subprocess.DEVNULL,
                                               stdin=subprocess.DEVNULL))

    def kill_some(self):
        leader = self.cluster.leader()
        say(f"kill {leader.name}, which leads the stream (SIGKILL)")
        leader.kill()
        say(f"kill the forwarder of {HOSTS[0]} (SIGKILL), and start another one")
        self.hosts[0].forwarder.kill()
        self.hosts[0].forwarder.start()
        say("kill the receiver (SIGKILL), and start another one")
        self.receiver.kill()
        self.receiver.start()
        say(f"kill a producer and the collector of {HOSTS[1]} (SIGKILL), and start another collector")
        self.producers[2].send_signal(signal.SIGKILL)
        self.hosts[1].collector.kill()
        self.hosts[1].collector.start()
        time.sleep(2)
        say(f"start {leader.name} again, and wait until all is written")
        leader.start()

    def drain(self):
        for process in self.producers:
            process.wait(120)
        for host in self.hosts:
            while host.collector.end() != 0:  # five seconds were not enough for what is in the ring
                host.collector.start()
        for host in self.hosts:
            last = int(shmring("verify", host.log, "-o", "json")[1].split('"last_index":')[1].split(",")[0])
            until(lambda host=host, last=last: has_all(host, last), f"all lines of {host.name} in the archive")

    def the_archive(self, host):
        (folder,) = archive_of(self.root, host.name, "orders")
        return folder


def has_all(host, last):
    path = host.log / "archived"
    return path.exists() and f'"index":{last + 1},' in path.read_text()


def compare(fleet):
    say("the hosts, as the archive has them (shmring receive --status)")
    status, text = shmring("receive", "--status", fleet.root)
    show(text, 32)
    if status != 0:
        raise AssertionError("a log of the archive has an alarm")
    for host in fleet.hosts:
        names = sorted(path.name for path in fleet.the_archive(host).glob("*.jsonl"))
        status, text = shmring("verify", fleet.the_archive(host))
        print(f"{host.name}: {len(names)} files in the archive; {text.splitlines()[1]}")
        if status != 0:
            raise AssertionError(text)


def convict(fleet):
    host = fleet.hosts[2]
    key = (host.log / "keys").read_text().splitlines()[4]
    archive = fleet.the_archive(host)
    until(lambda: shmring("verify", archive, "--key", key)[0] == 0, "the seal in the archive")
    say(f"somebody on {host.name} changes one byte of a closed file of its log")
    changed = host.files()[1]
    text = changed.read_bytes()
    at = [match.end() - 1 for match in re.finditer(rb'"amount":[1-8]', text)][10]
    os.chmod(changed, 0o600)
    changed.write_bytes(text[:at] + b"9" + text[at + 1:])
    words = ["verify", host.log, "--key", key, "--checkpoint", archive / "checkpoint", "--against", archive]
    print("shmring", *words)
    status, text = shmring(*words)
    show(text, 31)
    if status != 1 or changed.name not in text:
        raise AssertionError(f"verify did not find it: status {status}")


def main():
    folder = tempfile.mkdtemp(prefix="shmring-fleet-")
    fleet = None
    try:
        fleet = Fleet(folder)
        fleet.begin()
        until(lambda: all((host.log / "archived").exists() for host in fleet.hosts), "a first part in the archive")
        fleet.kill_some()
        fleet.drain()
        compare(fleet)
        convict(fleet)
        say("done: each line of each host once, and what was changed is named")
    except BaseException:
        for said in sorted(pathlib.Path(folder).rglob("*.said")):
            print(f"-- {said}\n{said.read_text(errors='replace')[-2000:]}")
        raise
    finally:
        if fleet is not None:
            fleet.end()
        if KEEP:
            print(f"what is left: {folder}")
        else:
            shutil.rmtree(folder)


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    main()
