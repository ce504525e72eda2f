#!/usr/bin/env python3
"""The example programs, each against a collector; one before it. What they say they wrote is in the log, byte for byte.

usage: examples.py SHMRING SHMRINGD LIBSHMRING.SO FOLDER_OF_EXAMPLES
"""
import collections
import os
import subprocess
import sys
import unittest

from command_case import CommandCase, ENTRIES, OK, SHMRINGD, main, until

EXAMPLES = os.path.abspath(sys.argv.pop(4))
ACCOUNT, WAITING, DURABLE = 8, 40, 136  # within an entry


class Examples(CommandCase):
    def example(self, name, *arguments):
        """Runs it to its end; what it printed."""
        done = subprocess.run([f"{EXAMPLES}/{name}", "r", *arguments], capture_output=True, timeout=60, text=True)
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        return done.stdout

    def collected(self, name, *arguments, records):
        """The events and the causes of losses of an example that a collector drains from its beginning."""
        daemon = self.collect()
        self.assertEqual(self.example(name, *arguments), f"{name}: {records} records, 0 refused\n")
        return self.stop(daemon)

    def collect(self, *arguments):
        daemon = self.start(SHMRINGD, "--ring", "r", "--log", f"{self.folder}/log", *arguments)
        stat = lambda: self.run_it("stat", "r", "--interval", "0", "-o", "json")
        until(lambda: os.path.exists(self.path()) and stat().lines[0]["collector"].get("pid"), "a collector")
        return daemon

    def stop(self, daemon):
        daemon.terminate()
        self.assertEqual(daemon.wait(60), OK)
        self.expect(OK, "verify", f"{self.folder}/log")
        lines = self.expect(OK, "log", f"{self.folder}/log", "-o", "json").lines
        lost = collections.Counter()
        for line in lines:
            if line["kind"] == "loss":
                lost.update(line["causes"])
        return [line for line in lines if line["kind"] == "event"], lost

    @unittest.skipUnless(os.path.exists(f"{EXAMPLES}/spdlog_payments"), "no spdlog here")
    def test_what_is_logged_through_spdlog_is_a_record_each_with_its_severity(self):
        events, lost = self.collected("spdlog_payments", "500", records=1002)
        self.assertEqual(lost, {})
        for who in ("first", "second"):
            mine = [event for event in events if event["data"]["message"].startswith(who)]
            self.assertEqual([event["data"]["message"] for event in mine],
                             [f"{who}: order {n} authorised" for n in range(1, 501)] + [f"{who}: the last one"])
            self.assertEqual([event["sev"] for event in mine], [6] * 500 + [4])
            self.assertEqual({event["data"]["logger"] for event in mine}, {"payments"})
            self.assertEqual(len({event["inc"] for event in mine}), 1)

    def test_payments_are_fields_and_a_statement_of_many_slots(self):
        events, lost = self.collected("payments", "1000", records=2000 + 1000 // 7 + 1)
        self.assertEqual(lost, {})
        steps = [event for event in events if event["type"] != "payment.statement"]
        for event in steps:
            order = event["data"]["order"]
            self.assertEqual((event["data"]["amount"], event["data"]["currency"]), (100 + order % 900, "EUR"))
            self.assertEqual(event["corr"], "c0" * 8 + f"{order:016x}")
        self.assertEqual([event["data"]["order"] for event in steps if event["type"] == "payment.refunded"],
                         list(range(7, 1001, 7)))
        (captured,) = [e["data"] for e in steps if e["type"] == "payment.captured" and e["data"]["order"] == 1000]
        self.assertEqual(captured, {"order": 1000, "amount": 200, "currency": "EUR", "rate": 1.0825, "final": True})
        text = "statement up to order 1000\n" + "".join(f"order {n} {100 + n % 900} EUR\n" for n in range(1000, 0, -1))
        (statement,) = [event["data"] for event in events if event["type"] == "payment.statement"]
        self.assertEqual(statement, text[:10240])

    def test_the_ledger_is_text(self):
        events, lost = self.collected("ledger", "50", records=50)
        self.assertEqual((len(events), lost), (50, {}))
        self.assertEqual(events[0]["data"], "book 1: debit account 1001, credit account 2001, 1.01 EUR")

    def test_records_in_place_are_whole_or_counted_as_aborted(self):
        events, lost = self.collected("inplace", "300", records=300)
        self.assertEqual((len(events), lost), (297, {"aborted": 3}))
        self.assertEqual(events[0]["data"], {"sensor": 1, "millikelvin": 293000 + 7919 % 5000})

    def test_what_a_service_writes_before_its_collector_waits_in_the_ring(self):
        self.assertEqual(self.example("early", "20"), "early: 21 records, 0 refused\n")
        events, lost = self.stop(self.collect())
        self.assertEqual((len(events), lost), (21, {}))
        self.assertEqual(events[0]["data"], "up, with or without a collector")
        self.assertEqual(events[3]["data"], {"request": 3, "status": 200, "cached": True})

    def word(self, at):
        with open(self.path(), "rb") as file:
            file.seek(at)
            return int.from_bytes(file.read(8), "little")

    def pay(self, *arguments):
        return self.start(f"{EXAMPLES}/payment_durable", "r", *arguments, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          text=True)

    def test_a_payment_is_answered_when_its_record_is_on_disk_and_not_before(self):
        self.create()
        payments = self.pay("2", "60")
        for order in (1, 2):  # what a collector would say, which syncs its log
            until(lambda: self.word(ENTRIES + WAITING) == 1 and self.word(ENTRIES + ACCOUNT) == order << 1 | 1, "a wait")
            self.poke(ENTRIES + DURABLE, "Q", order)
            self.assertEqual(payments.stdout.readline(), f"order {order} paid\n")
        self.assertEqual((payments.wait(60), payments.stdout.read(), payments.stderr.read()), (0, "", ""))

    def test_a_payment_without_a_collector_is_not_answered(self):
        self.create()
        payments = self.pay("1")
        self.assertEqual((payments.wait(60), payments.stdout.read()), (1, ""))
        self.assertRegex(payments.stderr.read(), "order 1 is not answered: its record is written.*not durable yet")

    def are_answered_at(self, level):
        daemon = self.collect("--durability", level)
        payments = self.pay("20", "60")
        told = payments.stdout.read()
        self.assertEqual((payments.wait(60), payments.stderr.read()), (0, ""))
        self.assertEqual(told.splitlines(), [f"order {order} paid" for order in range(1, 21)])
        events, lost = self.stop(daemon)
        self.assertEqual(([event["data"] for event in events], lost), (told.splitlines(), {}))

    def test_payments_are_answered_by_a_collector_that_syncs_at_intervals(self):
        self.are_answered_at("interval")

    def test_payments_are_answered_by_a_collector_that_syncs_at_once(self):
        self.are_answered_at("every")

    def test_a_payment_is_not_answered_by_a_collector_that_does_not_sync(self):
        daemon = self.collect()
        payments = self.pay("1", "60")
        self.assertEqual((payments.wait(60), payments.stdout.read()), (1, ""))
        self.assertRegex(payments.stderr.read(), "order 1 is not answered: its record is written.*level write")
        events, lost = self.stop(daemon)
        self.assertEqual(([event["data"] for event in events], lost), (["order 1 paid"], {}))


if __name__ == "__main__":
    main()
