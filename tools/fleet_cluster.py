"""A cluster of NATS servers on this machine, for tools/fleet and the tests: certificates, rights, and each server as a process.

Invariants: ports are free ones of the loopback interface; every file is below one folder; only processes that were started here
are ended, each by its own handle.
"""
import json
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import time
import urllib.request

SERVER = shutil.which("nats-server") or "/usr/sbin/nats-server"
LOG_STREAM, ARCHIVED_STREAM = "SHMRING", "SHMRING_ARCHIVED"
PLAIN = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-"


def is_there():
    return os.access(SERVER, os.X_OK) and shutil.which("openssl") is not None


def token(name):
    """A name as one token of a subject, as lib/fleet/log_name.hpp has it."""
    return "".join(chr(byte) if chr(byte) in PLAIN else f"%{byte:02X}" for byte in name.encode())


def host_rights(host):
    """What a host may do: publish below its own subjects, and read the last message of each. Nothing else."""
    own = token(host)
    return {"publish": [f"shmring.log.{own}.>", f"$JS.API.DIRECT.GET.{LOG_STREAM}.shmring.log.{own}.>",
                        f"$JS.API.DIRECT.GET.{ARCHIVED_STREAM}.shmring.archived.{own}.>"],
            "subscribe": [f"_INBOX.{own}.>"]}


ARCHIVE_RIGHTS = {"publish": ["$JS.API.>", "$JS.ACK.>", "shmring.archived.>"], "subscribe": ["_INBOX_ARCHIVE.>"]}


def until(condition, what, seconds=60):
    end = time.monotonic() + seconds
    while not (result := condition()):
        if time.monotonic() > end:
            raise AssertionError("never happened: " + what)
        time.sleep(0.05)
    return result


class Authority:
    """Certificates, each with its key, for a day."""

    def __init__(self, folder):
        self.folder = pathlib.Path(folder)
        self.folder.mkdir()
        self.ca = self.folder / "ca.pem"
        self._openssl("req", "-x509", *self._new_key("ca"), "-out", self.ca, "-subj", "/CN=fleet", "-days", "1")

    def issue(self, name, addresses=""):
        """The files of a certificate and its key."""
        file = token(name)
        request, cert, more = (self.folder / f"{file}.{end}" for end in ("csr", "pem", "ext"))
        if not cert.exists():
            escaped = name.replace("\\", "\\\\").replace("/", "\\/")
            self._openssl("req", *self._new_key(file), "-out", request, "-subj", f"/CN={escaped}")
            more.write_text(f"subjectAltName={addresses}\n" if addresses else "basicConstraints=CA:FALSE\n", encoding="ascii")
            self._openssl("x509", "-req", "-in", request, "-CA", self.ca, "-CAkey", self.folder / "ca.key", "-CAcreateserial",
                          "-out", cert, "-days", "1", "-extfile", more)
        return cert, self.folder / f"{file}.key"

    def _new_key(self, file):
        return ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-keyout", self.folder / f"{file}.key"]

    @staticmethod
    def _openssl(*arguments):
        subprocess.run(["openssl", *map(str, arguments)], check=True, capture_output=True, stdin=subprocess.DEVNULL)


def free_ports(count):
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [one.getsockname()[1] for one in sockets]
    for one in sockets:
        one.close()
    return ports


class Node:
    """One server."""

    def __init__(self, cluster, name, ports):
        self.cluster, self.name = cluster, name
        self.port, self.route, self.monitor = ports
        self.store = cluster.folder / name
        self.process = None
        self.stopped = False

    def start(self):
        config = self.cluster.folder / f"{self.name}.conf"
        config.write_text(json.dumps(self.cluster.config(self), indent=1), encoding="utf-8")
        with open(self.cluster.folder / f"{self.name}.log", "ab") as said:
            self.process = subprocess.Popen([SERVER, "-c", str(config)], stdin=subprocess.DEVNULL, stdout=said, stderr=said)
        self.stopped = False

    def is_up(self):
        return self.process is not None and self.process.poll() is None

    def kill(self):
        if self.is_up():
            self.process.kill()
        if self.process is not None:
            self.process.wait()

    def stop(self):
        self.process.send_signal(signal.SIGSTOP)
        self.stopped = True

    def go_on(self):
        self.process.send_signal(signal.SIGCONT)
        self.stopped = False

    def wipe(self):
        """What a disk that was replaced has: nothing."""
        assert not self.is_up()
        shutil.rmtree(self.store, ignore_errors=True)

    def facts(self, what):
        """A page of the server's monitoring, or {} while it does not answer."""
        if not self.is_up() or self.stopped:
            return {}
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.monitor}/{what}", timeout=5) as page:
                return json.load(page)
        except (OSError, ValueError):
            return {}


class Cluster:
    """Servers that know the certificates of these hosts, and of the archive."""

    def __init__(self, folder, hosts, nodes=3, max_payload=8 << 20):
        self.folder = pathlib.Path(folder)
        self.folder.mkdir()
        self.authority = Authority(self.folder / "certificates")
        self.hosts, self.max_payload = list(hosts), max_payload
        self.server_files = self.authority.issue("server", "IP:127.0.0.1,DNS:localhost")
        ports = free_ports(3 * nodes)
        self.nodes = [Node(self, f"n{i + 1}", ports[3 * i:3 * i + 3]) for i in range(nodes)]

    def config(self, node):
        cert, key = map(str, self.server_files)
        tls = {"cert_file": cert, "key_file": key, "ca_file": str(self.authority.ca), "verify": True}
        users = [{"user": f"CN={host}", "permissions": host_rights(host)} for host in self.hosts]
        users.append({"user": "CN=archive", "permissions": ARCHIVE_RIGHTS})
        config = {"server_name": node.name, "listen": f"127.0.0.1:{node.port}", "http": f"127.0.0.1:{node.monitor}",
                  "max_payload": self.max_payload, "tls": {**tls, "verify_and_map": True},
                  "jetstream": {"store_dir": str(node.store)},
                  "accounts": {"FLEET": {"jetstream": "enabled", "users": users}, "SYS": {}}, "system_account": "SYS"}
        if len(self.nodes) > 1:
            config["cluster"] = {"name": "fleet", "listen": f"127.0.0.1:{node.route}", "tls": tls, "no_advertise": True,
                                 "routes": [f"nats://127.0.0.1:{other.route}" for other in self.nodes if other is not node]}
        return config

    def start(self):
        for node in self.nodes:
            node.start()
        until(self.has_leader, "a cluster with a leader")

    def has_leader(self):
        if len(self.nodes) == 1:
            return bool(self.nodes[0].facts("jsz"))
        return any(node.facts("jsz").get("meta_cluster", {}).get("leader") for node in self.nodes)

    def end(self):
        for node in self.nodes:
            if node.is_up():
                node.process.kill()
        for node in self.nodes:
            if node.process is not None:
                node.process.wait()

    @property
    def urls(self):
        return ",".join(f"tls://127.0.0.1:{node.port}" for node in self.nodes)

    def identity(self, name):
        """The options by which a program is this host, or the archive."""
        cert, key = self.authority.issue(name)
        return ["--cert", str(cert), "--key", str(key), "--ca", str(self.authority.ca)]

    def streams(self):
        """{(node, stream): its facts}, as each server sees its own replica."""
        found = {}
        for node in self.nodes:
            for account in node.facts("jsz?streams=1&consumers=1&config=1&accounts=1").get("account_details") or []:
                for stream in account.get("stream_detail") or []:
                    found[node.name, stream["name"]] = stream
        return found

    def leader(self, stream=LOG_STREAM):
        """The node that leads the stream, or None."""
        for (_, name), facts in self.streams().items():
            leader = facts.get("cluster", {}).get("leader")
            if name == stream and leader:
                return next(node for node in self.nodes if node.name == leader)
        return None

    def is_current(self, stream=LOG_STREAM):
        """Each server has its replica of the stream, of its consumers, and of what the servers know of both, and in the
        leaders' eyes none lags behind."""
        mine = {node: facts for (node, name), facts in self.streams().items() if name == stream}
        consumers = [(node, one) for node, facts in mine.items() for one in facts.get("consumer_detail") or []]
        # A server that only just restores its replica tells of no group that it belongs to: it is not current.
        groups = [{node: facts.get("cluster", {}) for node, facts in mine.items()}]
        groups += [{node: one.get("cluster", {}) for node, one in consumers if one["name"] == name}
                   for name in {one["name"] for _, one in consumers}]
        known = {node.name: node.facts("jsz").get("meta_cluster") for node in self.nodes}
        if any(known.values()):  # a server alone has none
            groups.append({node: facts for node, facts in known.items() if facts})
        return all(self._is_whole(group) for group in groups)

    def _is_whole(self, replicas):
        """{node: what it says of its replica}"""
        leaders = [facts for node, facts in replicas.items() if facts.get("leader") == node]
        return len(replicas) == len(self.nodes) and len(leaders) == 1 and all(
            peer.get("current") for peer in leaders[0].get("replicas") or [])
