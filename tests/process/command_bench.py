#!/usr/bin/env python3
"""`bench` as a command: what it prints in each form, what it refuses, and that it leaves nothing behind. No time is judged.

usage: command_bench.py SHMRING SHMRINGD LIBSHMRING.SO
"""
import json
import os
import resource
import shutil
import signal
import subprocess
import tempfile
import unittest
import xml.etree.ElementTree as ElementTree

from command_case import CommandCase, IO, NEGATIVE, OK, SHMRING, USAGE, main, until

TMPFS = os.access("/dev/shm", os.W_OK)
FEW = ("--quick", "--rounds", "1", "--only", "floor,exclusive,shared")
FIGURE = set("transport role measure unit reader bytes writers crowded best median spread rounds attempted delivered "
             "dropped left_out".split())
SVG = "{http://www.w3.org/2000/svg}"


class Bench(CommandCase):
    def setUp(self):
        super().setUp()
        self.logs = os.environ["TMPDIR"] = os.path.join(self.folder, "logs")
        os.mkdir(self.logs)
        if TMPFS:
            self.rings = os.environ["SHMRING_DIR"] = tempfile.mkdtemp(prefix="shmring-test-", dir="/dev/shm")

    def tearDown(self):
        left = os.listdir(self.rings) + os.listdir(self.logs)
        del os.environ["TMPDIR"]
        shutil.rmtree(self.rings)
        os.makedirs(os.path.join(self.folder, "rings"), exist_ok=True)
        super().tearDown()
        self.assertEqual(left, [])

    def document(self, *arguments):
        done = self.run_it("bench", "-o", "json", *arguments)
        self.assertEqual(done.err, "")
        self.assertEqual(len(done.lines), 1)
        return done.status, done.lines[0]

    # ---------------------------------------------------------------------------------------------- what it prints

    def test_the_text_has_a_section_for_each_kind_of_figure_and_the_picture_its_curves(self):
        path = os.path.join(self.folder, "picture.svg")
        text = self.expect(OK, "bench", "--quick", "--svg", path).out.decode()
        for part in ["processor ", "kernel ", "compiler ", "commit ", "distance ", "× FLOOR", "64 B QUIET", "64 B LIVE POLITE",
                     "Nanoseconds a write: best / median", "Nanoseconds a write into a full ring",
                     "Nanoseconds of single calls, 64 B", "Million records a second", "memory ", "µs\nCOLLECTOR ",
                     "What a collector does with a record", "\nlogged ", "\nencoded ", "\nwritten ", "\nidle "]:
            self.assertIn(part, text)
        for transport in ["floor", "exclusive", "shared", "boost-mq", "robust-mutex", "rwlock", "boost-lockfree", "pipe"]:
            self.assertRegex(text, rf"(?m)^{transport} ")
        self.examine(path, ["floor", "exclusive", "shared", "boost-mq", "pipe"], 2)

    def test_of_several_sizes_the_picture_shows_the_cost_of_each(self):
        path = os.path.join(self.folder, "picture.svg")
        self.expect(OK, "bench", *FEW, "--bytes", "64,16,256", "--svg", path)
        texts, titles = self.examine(path, ["floor", "exclusive", "shared"], 4)
        at = texts.index("A write by its size, that nobody drains")
        self.assertEqual([text for text in texts[at:] if text in {"16", "64", "256"}], ["16", "64", "256"])
        self.assertIn("A write by its size, drained live", texts)
        self.assertEqual(titles.count("floor"), 4)

    def examine(self, path, transports, panels):
        """A picture: well-formed, with colours for light and dark, and a curve and a name in the legend for each transport."""
        root = ElementTree.parse(path).getroot()
        self.assertEqual(root.tag, SVG + "svg")
        self.assertTrue(root.find(SVG + "title").text)
        light, dark = root.find(SVG + "style").text.split("@media (prefers-color-scheme: dark)")
        for scheme, background in (light, "#ffffff"), (dark, "#0d1117"):
            self.assertIn(f".back {{ fill: {background} }}", scheme)
            self.assertIn(".c0 {", scheme)
        texts = [element.text for element in root.iter(SVG + "text")]
        curves = [element.text for element in root.iterfind(f".//{SVG}g/{SVG}title")]
        for transport in transports:
            self.assertIn(transport, texts)
            self.assertEqual(curves.count(transport), panels)
        self.assertNotIn("collector", texts)
        return texts, curves

    def test_the_document_has_its_keys_and_every_record_is_accounted_for(self):
        status, document = self.document(*FEW)
        self.assertEqual(status, OK)
        self.assertEqual(set(document), set("machine rounds took_ns slots batch memory notes figures".split()))
        self.assertEqual(document["rounds"], 1)
        self.assertGreaterEqual(set(document["machine"]), set("processor processors kernel compiler commit time_source "
                                                             "timer_ns distance round_trip_ns far".split()))
        self.assertEqual({figure["measure"] for figure in document["figures"]},
                         {"quiet", "live", "calls", "full", "overwrite", "wait", "hybrid", "rate"})
        for figure in document["figures"]:
            self.assertEqual(set(figure) - {"calls"}, FIGURE)
            self.assertEqual(figure["delivered"], figure["attempted"] - figure["dropped"])
            self.assertGreater(figure["attempted"], 0)
            self.assertEqual(len(figure["rounds"]), 1)
            self.assertEqual(figure["unit"], "records/s" if figure["measure"] == "rate" else "ns")
            if figure["measure"] in ("full", "wait", "hybrid"):
                self.assertGreater(figure["dropped"], 0)
            if figure["measure"] in ("wait", "hybrid") and figure["best"] is not None:
                self.assertGreater(figure["best"], 50_000, "its deadline")
            if figure["measure"] == "quiet":
                self.assertEqual(figure["dropped"], 0)
            if figure["measure"] == "calls":
                self.assertEqual(set(figure["calls"]), {"count", "min", "p50", "p99", "p99.9", "p99.99", "max"})

    def test_a_collector_s_figures_are_of_all_that_it_was_given(self):
        status, document = self.document("--quick", "--rounds", "1", "--measure", "collector")
        self.assertEqual(status, OK)
        self.assertEqual(set(document["memory"]), {"slot_header", "producer", "lane"})
        found = {(figure["transport"], figure["measure"]): figure for figure in document["figures"]}
        self.assertEqual({name: figure["unit"] for name, figure in found.items()}, {
            ("collector", "handoff"): "ns", ("collector-busy", "handoff"): "ns",
            ("floor-polled", "handoff"): "ns", ("collector", "logged"): "records/s",
            ("encoder", "encode"): "lines/s", ("file-writes", "written"): "lines/s",
            ("encoded-writes", "logged"): "records/s", ("collector", "stages"): "ns", ("collector", "idle"): "wake-ups/s"})
        for figure in found.values():
            self.assertGreater(figure["median"], 0)
            self.assertEqual(figure["delivered"], figure["attempted"] - figure["dropped"])
            self.assertEqual(set(figure) - {"calls", "parts"}, FIGURE)
        for transport in "collector", "collector-busy", "floor-polled":
            figure = found[transport, "handoff"]
            self.assertEqual(figure["calls"]["count"], figure["attempted"])
        for name in ("collector", "logged"), ("collector", "stages"), ("encoder", "encode"), ("file-writes", "written"), \
                ("encoded-writes", "logged"):
            self.assertGreater(found[name]["attempted"], 0)
        stages = found["collector", "stages"]
        self.assertEqual(list(stages["parts"]), ["walk", "order", "encode", "write", "release"])
        self.assertAlmostEqual(sum(stages["parts"].values()), stages["median"], places=1)
        self.assertEqual(list(found["collector", "idle"]["parts"]), ["cpu_percent"])

    def test_sizes_measures_and_transports_can_be_chosen(self):
        _, document = self.document("--quick", "--rounds", "2", "--only", "exclusive-bare,floor", "--measure", "quiet",
                                    "--bytes", "16,2048")
        found = [(figure["transport"], figure["bytes"], len(figure["rounds"])) for figure in document["figures"]]
        self.assertEqual(sorted(found), [(name, size, 2) for name in ("exclusive-bare", "floor") for size in (16, 2048)])

    # ------------------------------------------------------------------------------------------------------ --check

    def test_a_check_says_of_each_row_what_it_is_and_ends_accordingly(self):
        status, document = self.document("--check", "--quick", "--rounds", "1")
        rows = document["check"]
        self.assertEqual(len({(row["what"], row["cores"]) for row in rows}), len(rows))
        for row in rows:
            self.assertEqual(set(row), set("what cores unit figure bound_is bound of_bound verdict reason".split()))
            # One round is too few for a verdict. Only a crowd makes rounds of its own.
            judged = {"ok", "FAIL"} if "8190" in row["what"] else {"not seen", "crowded", "not measured"}
            self.assertIn(row["verdict"], judged)
            self.assertIn(row["bound_is"], {"least", "most"})
            if row["verdict"] in ("ok", "FAIL"):
                self.assertEqual(row["verdict"] == "ok",
                                 row["of_bound"] >= 1 if row["bound_is"] == "least" else row["of_bound"] <= 1)
            self.assertEqual(bool(row["reason"]), row["verdict"] in ("not seen", "crowded"))
        for what in {row["what"] for row in rows}:
            self.assertIn({row["cores"] for row in rows if row["what"] == what}, ({"any"}, {"near", "far"}))
        self.assertEqual(status, NEGATIVE)
        measured = {figure["measure"] for figure in document["figures"]}
        self.assertLess({"beside", "finished", "hashed"}, measured)
        self.assertEqual(measured & {"restart", "reboot", "verified", "crash", "proved", "checked", "proof"}, set(), "big logs")

    # -------------------------------------------------------------------------------------------------- what it refuses

    def test_misuse_is_status_2_and_says_what_is_possible(self):
        for arguments, text in [(["--bytes", "0"], "0 is not a multiple of 8 from 16 to 8192"),
                                (["--bytes", "20"], "20 is not a multiple of 8"),
                                (["--bytes", "8200"], "8200 is not a multiple"),
                                (["--rounds", "0"], "--rounds"), (["--only", "nothing"], "'nothing' is not one of floor,"),
                                (["--measure", "noise"], "'noise' is not one of quiet,"), (["--reader", "rude"], "rude"),
                                (["-o", "xml"], "xml"), (["--frob"], "'--frob' is not a known option or argument"),
                                (["--check", "--only", "floor"], "excludes"),
                                (["--only", "pipe", "--measure", "full"], "none of these transports can do any")]:
            self.assertEqual(self.expect(USAGE, "bench", *arguments, err=text).out, b"")

    def test_a_picture_that_cannot_be_written_is_said_before_anything_is_measured(self):
        path = os.path.join(self.folder, "absent", "picture.svg")
        done = self.expect(IO, "bench", *FEW, "--svg", path, err=f"cannot open {path}: No such file or directory")
        self.assertEqual(done.out, b"")
        self.expect(IO, "bench", *FEW, "--measure", "calls", "--svg", "/dev/full",
                    err="cannot write /dev/full: No space left on device")

    def test_memory_that_cannot_be_had_is_status_7_and_says_whose(self):
        def low():
            signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
            resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, 1 << 20))

        for transport in ["floor", "exclusive", "robust-mutex", "boost-mq"]:
            done = subprocess.run([SHMRING, "bench", "--quick", "--only", transport], capture_output=True, preexec_fn=low,
                                  restore_signals=False, timeout=60, text=True, check=False)
            self.assertEqual(done.returncode, IO)
            self.assertIn(f"shmring: bench: {transport}: ", done.stderr)
            self.assertRegex(done.stderr, "File too large|the limit for a file's size is 1048576")
            self.assertEqual(done.stdout, "")

    def test_no_folder_for_a_log_is_status_7_and_says_which(self):
        os.environ["TMPDIR"] = absent = os.path.join(self.folder, "absent")
        self.expect(IO, "bench", "--quick", "--measure", "collector",
                    err=f"collector: no folder for a log: TMPDIR is {absent}: No such file or directory")

    @unittest.skipUnless(os.geteuid() == 0, "needs root, to mount a small tmpfs")
    def test_a_full_shared_memory_is_status_7_and_says_how_much_is_needed(self):
        done = self.on_a_small_file_system("SHMRING_DIR", "--quick", "--only", "exclusive")
        self.assertEqual(done.returncode, IO)
        self.assertRegex(done.stderr, r"cannot hold it \(No space left on device\): \d+ bytes needed, 1048576 free")

    @unittest.skipUnless(os.geteuid() == 0, "needs root, to mount a small tmpfs")
    def test_a_disk_without_room_for_a_sealed_log_is_said_and_nothing_is_measured_of_it(self):
        done = self.on_a_small_file_system("TMPDIR", "--rounds", "1", "--measure", "seal",
                                           "--only", "sha256,verify-key,log-10m")
        self.assertEqual(done.stderr, "")
        self.assertEqual(done.returncode, OK)
        for text in ["sha256: no log was made, since its disk has no room", "verify-key: no log was made",
                     "a log of 10 million lines was not made: its disk has no room"]:
            self.assertIn(text, done.stdout)

    def on_a_small_file_system(self, variable, *arguments):
        small = os.path.join(self.folder, "small")
        os.mkdir(small)
        script = f'mount -t tmpfs -o size=1m none "$0" || exit 77; {variable}=$0 exec "$@"'
        done = subprocess.run(["unshare", "-m", "sh", "-c", script, small, SHMRING, "bench", *arguments],
                              capture_output=True, timeout=60, text=True, check=False)
        if done.returncode in (1, 77) and "shmring" not in done.stderr:
            self.skipTest("no mounts here: " + done.stderr)
        return done

    # --------------------------------------------------------------------------------------------------- interrupted

    def test_interrupted_it_ends_by_the_signal_and_removes_its_memory(self):
        for number in signal.SIGINT, signal.SIGTERM:
            child = self.start(SHMRING, "bench", stdout=subprocess.PIPE)
            until(lambda: os.listdir(self.rings), "something is measured")
            child.send_signal(number)
            self.assertEqual(child.wait(30), -number)
            self.assertEqual(child.stdout.read(), b"")
            self.assertEqual(os.listdir(self.rings), [])


if __name__ == "__main__":
    main()
