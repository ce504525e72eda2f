#!/usr/bin/env python3
"""What a host may do in the cluster: send its own lines and read its own position. With another host's certificate nothing of
ours can be written or read, tried for each subject and each call of JetStream's interface.

usage: fleet_rights.py SHMRING SHMRINGD LIBSHMRING.SO
"""
import pathlib
import subprocess
import sys
import unittest

from command_case import CommandCase, HAS_FORWARD, OK, PERMISSION, main

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "tools"))
from fleet_cluster import ARCHIVED_STREAM, LOG_STREAM, Cluster, is_there, token  # noqa: E402
from fleet_client import Refused, client_of  # noqa: E402

# Names that a careless match takes for each other.
HOSTS = ["web", "web-1", "web.1", "web.1.x", "we", "web%2E1", "*", ">"]
LOG = "0123456789abcdef"
STREAMS = [LOG_STREAM, ARCHIVED_STREAM]
STREAM_CALLS = ["INFO", "DELETE", "UPDATE", "PURGE", "MSG.GET", "MSG.DELETE", "SNAPSHOT", "RESTORE", "LEADER.STEPDOWN",
                "PEER.REMOVE", "CREATE"]
CONSUMER_CALLS = ["CONSUMER.CREATE.{stream}", "CONSUMER.CREATE.{stream}.spy", "CONSUMER.DURABLE.CREATE.{stream}.spy",
                  "CONSUMER.NAMES.{stream}", "CONSUMER.LIST.{stream}", "CONSUMER.INFO.{stream}.archive",
                  "CONSUMER.DELETE.{stream}.archive", "CONSUMER.MSG.NEXT.{stream}.archive",
                  "CONSUMER.LEADER.STEPDOWN.{stream}.archive"]
ACCOUNT_CALLS = ["INFO", "STREAM.NAMES", "STREAM.LIST", "ACCOUNT.PURGE.FLEET", "META.LEADER.STEPDOWN", "SERVER.REMOVE",
                 "STREAM.TEMPLATE.NAMES"]


def log_subject(host):
    return f"shmring.log.{token(host)}.r.{LOG}"


def archived_subject(host):
    return f"shmring.archived.{token(host)}.r.{LOG}"


@unittest.skipUnless(is_there() and HAS_FORWARD, "nats-server is not installed, or shmring was built without libnats")
class Rights(CommandCase):
    def setUp(self):
        super().setUp()
        self.cluster = Cluster(f"{self.folder}/cluster", HOSTS, nodes=1)
        self.addCleanup(self.cluster.end)
        self.cluster.start()
        self.expect(OK, "forward", "--create-stream", "--replicas", "1", "--to", self.cluster.urls,
                    *self.cluster.identity("archive"))
        self.archive = self.client("archive", "_INBOX_ARCHIVE")
        for host in HOSTS:
            own = self.client(host)
            self.assertIn(b'"seq"', own.request(log_subject(host), f"of {host}".encode())[1])
            self.assertIn(b'"seq"', self.archive.request(archived_subject(host), f"has of {host}".encode())[1])

    def client(self, host, inbox=""):
        client = client_of(self.cluster, host, inbox or f"_INBOX.{token(host)}")
        self.addCleanup(client.close)
        return client

    def refused(self, act, *arguments, **more):
        with self.assertRaises(Refused, msg=f"{act.__name__} {arguments}") as refusal:
            act(*arguments, **more)
        self.assertIn("Permissions Violation", str(refusal.exception))

    # ------------------------------------------------------------------------------------------------ what is permitted

    def test_each_host_reads_its_own_position_and_what_the_archive_has(self):
        for host in HOSTS:
            own = self.client(host)
            for stream, subject, data in ((LOG_STREAM, log_subject(host), f"of {host}"),
                                          (ARCHIVED_STREAM, archived_subject(host), f"has of {host}")):
                head, found = own.request(f"$JS.API.DIRECT.GET.{stream}.{subject}")
                self.assertEqual(found.decode(), data)
                self.assertIn("Nats-Sequence: ", head)

    # ------------------------------------------------------------------------------------------------ what is not

    def test_no_host_writes_or_reads_what_another_one_has(self):
        for host in HOSTS:
            thief = self.client(host)
            for other in HOSTS:
                if other == host:
                    continue
                self.refused(thief.request, log_subject(other), b"forged")
                self.refused(thief.request, log_subject(other) + ".keys", b"forged")
                self.refused(thief.request, f"$JS.API.DIRECT.GET.{LOG_STREAM}.{log_subject(other)}")
                self.refused(thief.request, f"$JS.API.DIRECT.GET.{ARCHIVED_STREAM}.{archived_subject(other)}")
        self.nothing_has_changed()

    def test_no_host_tells_itself_or_another_one_that_it_was_archived(self):
        thief = self.client("web")
        for host in HOSTS:
            self.refused(thief.request, archived_subject(host), b"forged")
        self.nothing_has_changed()

    def test_no_host_listens_to_lines_acknowledgements_or_others_answers(self):
        thief = self.client("web")
        for subject in ("shmring.log.>", "shmring.>", log_subject("web"), log_subject("web-1"), archived_subject("web-1"), ">",
                        "_INBOX.>", "_INBOX.*.>", f"_INBOX.{token('web-1')}.>", "_INBOX_ARCHIVE.>", "$JS.>", "$JS.ACK.>",
                        "$JS.EVENT.ADVISORY.>", "$SYS.>"):
            self.refused(thief.subscribe, subject)

    def test_no_host_may_use_the_interface_beyond_its_own_position(self):
        thief = self.client("web")
        for stream in STREAMS:
            for call in STREAM_CALLS:
                # Of its own subject, too: who may purge that may also remove what no archive has.
                self.refused(thief.api, f"STREAM.{call}.{stream}", name=stream, filter=log_subject("web"), seq=1,
                             last_by_subj=log_subject("web"))
            for call in CONSUMER_CALLS:
                self.refused(thief.api, call.format(stream=stream), stream_name=stream,
                             config={"filter_subject": log_subject("web"), "ack_policy": "none",
                                     "deliver_subject": "_INBOX.web.x"})
            self.refused(thief.api, f"DIRECT.GET.{stream}", last_by_subj=log_subject("web-1"))
            self.refused(thief.request, f"$JS.ACK.{stream}.archive.1.1.1.1.0", b"+ACK")
            self.refused(thief.request, f"$JS.SNAPSHOT.ACK.{stream}.x", b"")
        for call in ACCOUNT_CALLS:
            self.refused(thief.api, call)
        self.refused(thief.api, "STREAM.CREATE.SPY", name="SPY", subjects=["shmring.log.>"])
        self.nothing_has_changed()

    def test_whoever_has_no_certificate_of_the_fleet_is_turned_away(self):
        cert, key = self.cluster.authority.issue("stranger")
        done = self.run_it("forward", "--check", "--to", self.cluster.urls, "--cert", str(cert), "--key", str(key), "--ca",
                           str(self.cluster.authority.ca))
        self.assertEqual(done.status, PERMISSION, done.err)
        done = self.run_it("forward", "--check", "--to", self.cluster.urls, "--ca", str(self.cluster.authority.ca))
        self.assertNotEqual(done.status, OK)

    def test_a_server_that_another_authority_vouches_for_is_not_talked_to(self):
        other = Cluster(f"{self.folder}/other", ["web"], nodes=1)
        self.addCleanup(other.end)
        other.start()
        cert, key = other.authority.issue("archive")
        done = self.run_it("forward", "--check", "--replicas", "1", "--to", other.urls, "--cert", str(cert), "--key", str(key),
                           "--ca", str(self.cluster.authority.ca))
        self.assertNotEqual(done.status, OK)
        self.assertIn("no server can be reached", done.err)

    def test_the_programs_of_a_host_are_told_what_they_lack(self):
        done = self.run_it("forward", "--check", "--replicas", "1", "--to", self.cluster.urls, *self.cluster.identity("web"))
        self.assertEqual(done.status, PERMISSION)
        # The servers tell of a subscription and of a request that they refuse, in either order.
        self.assertRegex(done.err, "stream SHMRING: .*(STREAM.INFO|Permissions Violation)")

    def test_a_single_server_that_is_asked_for_three_replicas_is_told_which_option_it_needs(self):
        for stream in STREAMS:
            self.archive.api(f"STREAM.DELETE.{stream}")
        done = self.run_it("forward", "--create-stream", "--to", self.cluster.urls, *self.cluster.identity("archive"))
        self.assertNotEqual(done.status, OK)
        self.assertIn("fewer than 3 servers can hold it: add servers, or give --replicas 1: then one disk", done.err)

    def nothing_has_changed(self):
        for host in HOSTS:
            for stream, subject, data in ((LOG_STREAM, log_subject(host), f"of {host}"),
                                          (ARCHIVED_STREAM, archived_subject(host), f"has of {host}")):
                answer = self.archive.request(f"$JS.API.DIRECT.GET.{stream}.{subject}")
                self.assertEqual(answer[1].decode(), data)
        facts = self.archive.api(f"STREAM.INFO.{LOG_STREAM}", subjects_filter=">")
        self.assertEqual(set(facts["state"]["subjects"]), {log_subject(host) for host in HOSTS})
        self.assertEqual(facts["state"]["messages"], len(HOSTS))

    def test_a_server_whose_certificate_has_another_name_is_not_talked_to(self):
        ask = ["forward", "--check", "--replicas", "1", "--to", self.cluster.urls, *self.cluster.identity("archive")]
        self.expect(OK, *ask)
        self.cluster.end()
        self.cluster.server_files = self.cluster.authority.issue("other", "DNS:other.example,IP:127.0.0.9")
        self.cluster.start()
        done = self.run_it(*ask)
        self.assertEqual(done.status, PERMISSION)
        self.assertIn("no server can be reached", done.err)


if __name__ == "__main__":
    main()
