#!/usr/bin/env python3
"""What people and programs see of a fleet: figures for Prometheus and the alerts over them, the service manager, the table.

usage: fleet_watch.py SHMRING SHMRINGD LIBSHMRING.SO
"""
import json
import os
import pathlib
import re
import shutil
import socket
import subprocess
import unittest

from command_case import NEGATIVE, OK, USAGE, main
from fleet_case import CAN, WHY, FleetCase

HERE = pathlib.Path(__file__).resolve().parent
ALERTS = HERE.parents[1] / "tools/forward/fleet_alerts.yml"
HAS_PROMTOOL = shutil.which("promtool") is not None
MINUTES = 6


@unittest.skipUnless(CAN, WHY)
class Watch(FleetCase):
    NODES = 1

    def names_of(self, text):
        if HAS_PROMTOOL:
            done = subprocess.run(["promtool", "check", "metrics"], input=text, capture_output=True, text=True, check=False)
            self.assertEqual((done.returncode, done.stdout + done.stderr), (0, ""))
        return set(re.findall(r"^(shmring_\w+)", text, re.M))

    def manager(self):
        """The socket of a service manager."""
        end = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.addCleanup(end.close)
        end.bind(f"{self.folder}/notify")
        end.settimeout(30)
        return f"{self.folder}/notify", lambda: end.recv(8192).decode().splitlines()

    def test_figures_alerts_and_the_service_manager(self):
        receiving, sending = (pathlib.Path(f"{self.folder}/{name}.prom") for name in ("receive", "forward"))
        name, told = self.manager()
        self.receiver.words += ["--metrics", str(receiving)]
        self.receiver.env["NOTIFY_SOCKET"] = name
        self.receiver.start()
        lines = []
        while not any(line.startswith("STATUS=") for line in lines):
            lines += told()
        self.assertEqual(lines[0], "READY=1")
        self.assertIn("WATCHDOG=1", lines)
        host = self.host()
        host.forwarder.kill()
        host.forwarder.words += ["--metrics", str(sending)]
        host.forwarder.start()
        self.emit(host)
        self.judge()
        self.assertEqual((host.forwarder.end(), self.receiver.end()), (OK, OK))
        while "STOPPING=1" not in lines:
            lines += told()
        names = self.names_of(sending.read_text()) | self.names_of(receiving.read_text())
        wanted = set(re.findall(r"shmring_\w+", re.sub(r"description: .*", "", ALERTS.read_text(encoding="utf-8"))))
        self.assertEqual(wanted - names, set())
        self.assertRegex(sending.read_text(), r'shmring_forward_lag_lines\{host="web-1",ring="audit",dir=".*"\} 0\n')
        lines = r'shmring_archive_lines\{host="web-1",ring="audit",log="[0-9a-f]{16}"\} 100\d\n'
        self.assertRegex(receiving.read_text(), lines)

    @unittest.skipUnless(HAS_PROMTOOL, "promtool is not installed")
    def test_each_alert_fires_when_it_should(self):
        for words in (["check", "rules", ALERTS], ["test", "rules", HERE / "fleet_alerts_test.yml"]):
            done = subprocess.run(["promtool", *words], capture_output=True, text=True, check=False)
            self.assertEqual(done.returncode, 0, done.stdout + done.stderr)

    def test_the_table_names_each_host_and_a_silent_one_is_an_alarm(self):
        self.receiver.start()
        first, second = self.host(), self.host(sealed=False)
        for host in (first, second):
            self.emit(host, 100)
        self.judge()
        cluster = ["--from", self.cluster.urls, *self.cluster.identity("archive")]
        done = self.run_it("receive", "--status", str(self.root), "-o", "json", *cluster)
        rows = {row["host"]: row for row in done.lines}
        self.assertEqual(done.status, OK, done.out)
        self.assertEqual({name: (row["lag"], row["holds"], row["lost"]) for name, row in rows.items()},
                         {"web-1": (0, True, 0), "web.2": (0, True, 0)})
        self.assertEqual(rows["web.2"]["index"], json.loads((second.log / "archived").read_text())["index"])
        for program in (first.forwarder, second.forwarder, self.receiver):
            program.end()
        committed = self.archive(second) / "committed"
        before = committed.stat().st_mtime - MINUTES * 60
        os.utime(committed, (before, before))
        done = self.run_it("receive", "--status", str(self.root), "--no-verdict")
        self.assertEqual(done.status, NEGATIVE)
        self.assertRegex(done.out.decode(), r"web\.2/audit/[0-9a-f]{16}: silent for \d")
        self.assertNotRegex(done.out.decode(), r"web-1/audit/[0-9a-f]{16}: ")

    def test_what_is_misused_is_status_2_and_says_what_is_missing(self):
        for words, text in [(["forward"], "--to is required"), (["forward", "--to", "a:1"], "DIR is required"),
                            (["forward", "/x", "--to", "a:1"], "--host is required"),
                            (["forward", "/x", "--to", "a:1", "--host", "a/b"], "expected a name"),
                            (["forward", "/x", "--to", "http://a", "--host", "a"], "expected an address"),
                            (["forward", "/x", "/y", "--to", "a:1", "--host", "a", "--from", "1"], "--from is for one DIR"),
                            (["forward", "/x", "--to", "a:1", "--check"], "leave DIR out"),
                            (["receive"], "--into is required"), (["receive", "--into", "/x"], "--from is required"),
                            (["receive", "--into", "/x", "--status", "/x"], "leave --into out"),
                            (["forward", "--to", "a:1", "--cert", "/x", "--check"], "--cert and --key belong together")]:
            self.assertEqual(self.expect(USAGE, *words, err=text).out, b"")


if __name__ == "__main__":
    main()
