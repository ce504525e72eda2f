"""A client of NATS in a few lines, so that a test can do what no program of ours does: try everything as another host.

Invariant: a request that the server refuses is Refused, with the server's words. What has no answer in time is no answer.
"""
import json
import pathlib
import socket
import ssl
import time

WAIT = 3  # seconds: a server that refuses says so at once, and one that answers, too


class Refused(Exception):
    """The server does not permit it."""


class Client:
    def __init__(self, port, cert, key, ca, inbox):
        self.inbox, self.next_id = inbox, 0
        plain = socket.create_connection(("127.0.0.1", port), timeout=WAIT)
        info = self._line_of(plain)
        assert info.startswith(b"INFO "), info
        context = ssl.create_default_context(cafile=str(ca))
        context.load_cert_chain(str(cert), str(key))
        self.socket = context.wrap_socket(plain, server_hostname="127.0.0.1")
        self.buffer = b""
        self._send('CONNECT {"verbose":false,"pedantic":false,"headers":true,"no_responders":true,"lang":"test","version":"0"}')
        self._send("PING")
        self.until(lambda kind, _: kind == "PONG")

    @staticmethod
    def _line_of(plain):
        line = b""
        while not line.endswith(b"\r\n"):
            line += plain.recv(1)
        return line

    def close(self):
        self.socket.close()

    def _send(self, line, payload=None):
        self.socket.sendall(line.encode() + b"\r\n" + (b"" if payload is None else payload + b"\r\n"))

    def _fill(self):
        more = self.socket.recv(1 << 16)
        if not more:
            raise ConnectionError("the server has closed the connection")
        self.buffer += more

    def _take_line(self):
        while b"\r\n" not in self.buffer:
            self._fill()
        line, self.buffer = self.buffer.split(b"\r\n", 1)
        return line.decode()

    def _take(self, count):
        while len(self.buffer) < count + 2:
            self._fill()
        data, self.buffer = self.buffer[:count], self.buffer[count + 2:]
        return data

    def next(self):
        """(kind, facts): PONG, or MSG with (subject, headers, data)."""
        line = self._take_line()
        kind, _, rest = line.partition(" ")
        if kind == "PING":
            self._send("PONG")
            return self.next()
        if kind == "-ERR":
            raise Refused(rest)
        if kind == "MSG":
            subject, _, *_, size = rest.split()
            return kind, (subject, "", self._take(int(size)))
        if kind == "HMSG":
            subject, _, *_, head, size = rest.split()
            data = self._take(int(size))
            return "MSG", (subject, data[:int(head)].decode(), data[int(head):])
        return kind, rest

    def until(self, wanted):
        end = time.monotonic() + WAIT
        while time.monotonic() < end:
            self.socket.settimeout(max(end - time.monotonic(), 0.01))
            try:
                kind, facts = self.next()
            except TimeoutError:
                return None
            if wanted(kind, facts):
                return facts
        return None

    def subscribe(self, subject):
        """Returns when the server has taken it, or Refused."""
        self.next_id += 1
        self._send(f"SUB {subject} {self.next_id}")
        self._send("PING")
        try:
            self.until(lambda kind, _: kind == "PONG")
        except Refused:
            self.until(lambda kind, _: kind == "PONG")
            raise

    def publish(self, subject, data=b"", headers=None, reply=""):
        to = f"{subject} {reply}".rstrip()
        if headers is None:
            self._send(f"PUB {to} {len(data)}", data)
        else:
            head = ("NATS/1.0\r\n" + "".join(f"{key}: {value}\r\n" for key, value in headers.items()) + "\r\n").encode()
            self._send(f"HPUB {to} {len(head)} {len(head) + len(data)}", head + data)

    def request(self, subject, data=b"", headers=None):
        """The answer's (headers, data), or None if there is none in time."""
        self.next_id += 1
        reply = f"{self.inbox}.{self.next_id}"
        self._send(f"SUB {reply} {self.next_id}")
        self.publish(subject, data, headers, reply)
        answer = self.until(lambda kind, facts: kind == "MSG" and facts[0] == reply)
        self._send(f"UNSUB {self.next_id}")
        return answer and answer[1:]

    def api(self, call, **what):
        """A request of JetStream's interface, and its answer as a document."""
        answer = self.request(f"$JS.API.{call}", json.dumps(what).encode() if what else b"")
        return answer and json.loads(answer[1] or b"{}")


def client_of(cluster, name, inbox, node=0):
    cert, key = cluster.authority.issue(name)
    return Client(cluster.nodes[node].port, pathlib.Path(cert), pathlib.Path(key), cluster.authority.ca, inbox)
