"""What the tests of the commands share: a directory of rings, a small ring in it, `shmring` run and its result checked.

Invariant: each test has its own directory; every process that it started is gone when it ends.
"""
import ctypes
import json
import os
import pathlib
import shutil
import struct
import subprocess
import sys
import tempfile
import time
import unittest
import zlib

SHMRING, SHMRINGD, LIBRARY = map(os.path.abspath, sys.argv[1:4])
OK, NEGATIVE, USAGE, ABSENT, PERMISSION, DAMAGED, CONFIGURATION, IO, BUSY = range(9)
SLOTS, SLOT_BYTES, LANES, PRODUCERS = 64, 128, 2, 256
PAYLOAD = SLOT_BYTES - 64
# --quick, and a part of a long run in which nothing else needs it, do not build the benchmark.
HAS_BENCH = (os.environ.get("SHMRING_TEST_MODE") != "quick" and
             os.path.exists(os.path.join(os.path.dirname(SHMRING), "shmring-bench")))
HAS_FORWARD = os.path.exists(os.path.join(os.path.dirname(SHMRING), "shmring-forward-nats"))  # built where libnats is
# Offsets in the segment, as lib/LAYOUT.md has them.
VERSION, FINGERPRINT, BOOT_ID, PID_NAMESPACE = 8, 16, 24, 40
GEOMETRY_SLOTS, CREATOR_PID, STATE, RING_NAME = 72, 176, 192, 448
STATUS, TYPES, STATUS_MORE = 320, 512, 512 + 64 * 64
ENTRIES, ENTRY = STATUS_MORE + 256, 320
ENTRIES_1 = STATUS_MORE  # in version 1, which has no second part of the status page
LANE_0 = ENTRIES + PRODUCERS * ENTRY
LANE_TAIL = 64
FIRST_SLOT = (LANE_0 + LANES * 256 + 4095) // 4096 * 4096
NOBODY = 65534


class Create(ctypes.Structure):
    _fields_ = [*((name, ctypes.c_uint32) for name in (
        "struct_size", "slots", "slot_bytes", "lanes", "on_full", "wait_us", "max_record", "mode")),
                ("group", ctypes.c_char_p), ("flags", ctypes.c_uint32), ("producers", ctypes.c_uint32)]


class Done:
    def __init__(self, run):
        self.status, self.out, self.err = run.returncode, run.stdout, run.stderr.decode("utf-8", "replace")

    @property
    def lines(self):
        return [json.loads(line) for line in self.out.decode().splitlines()]


def until(condition, what):
    end = time.monotonic() + 30
    while not (result := condition()):
        if time.monotonic() > end:
            raise AssertionError("never happened: " + what)
        time.sleep(0.01)
    return result


def a_dead_pid():
    child = subprocess.Popen(["true"])
    child.wait()
    return child.pid


def start_time_of(pid):
    return int(pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[19])


def version_1(like, producer=0, creator=0):
    """The ring of fixtures/README.md, of the boot and the namespaces of the image `like`. `producer`: the pid of the one that
    is attached, `creator`: the ring's; 0: dead."""
    image = bytearray(zlib.decompress((pathlib.Path(__file__).parents[1] / "fixtures/ring-version-1.zlib").read_bytes()))
    image[BOOT_ID:BOOT_ID + 32] = like[BOOT_ID:BOOT_ID + 32]
    struct.pack_into("<I", image, CREATOR_PID, creator or a_dead_pid())
    struct.pack_into("64s", image, RING_NAME, b"r")
    for entry, pid, state in [(0, 0, 3), (1, producer, 2)]:  # left, attached
        start = start_time_of(pid) if pid else 1
        struct.pack_into("<Q", image, ENTRIES_1 + entry * ENTRY, (pid or a_dead_pid()) << 42 | start << 2 | state)
    return bytes(image)


def as_user(user, group, role):
    """Runs it in a child that is this user."""
    child = os.fork()
    if child == 0:
        status = 1
        try:
            os.setgroups([])
            os.setgid(group)
            os.setuid(user)
            role()
            status = 0
        finally:
            os._exit(status)
    if os.waitpid(child, 0)[1] != 0:
        raise AssertionError(f"as user {user}: it failed")


class CommandCase(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="shmring-test-")
        os.chmod(self.folder, 0o755)
        self.rings = os.path.join(self.folder, "rings")
        os.mkdir(self.rings)
        os.environ["SHMRING_DIR"] = self.rings
        self.lib = ctypes.CDLL(LIBRARY)
        self.children = []

    def tearDown(self):
        for child in self.children:
            child.kill()
            child.communicate()
        shutil.rmtree(self.folder)

    def path(self, ring="r"):
        return f"{self.rings}/shmring.{ring}"

    def create(self, ring="r", max_record=0):
        options = Create(ctypes.sizeof(Create), SLOTS, SLOT_BYTES, LANES, max_record=max_record)
        self.assertEqual(self.lib.shmring_create(ring.encode(), ctypes.byref(options)), 0)

    def run_it(self, *arguments, data=b"", **more):
        return Done(subprocess.run([SHMRING, *arguments], input=data, capture_output=True, timeout=60, **more))

    def copy_programs(self):
        """For other users, to whom the build folder may be closed."""
        for program in [SHMRING, SHMRINGD]:
            shutil.copy(program, self.folder)

    def command_of(self, program, arguments, env):
        return ([os.path.join(self.folder, os.path.basename(program)), *arguments],
                {"env": {**os.environ, **env}, "extra_groups": [], "cwd": self.folder})

    def run_as(self, user, group, program, *arguments, data=b"", env={}, **more):
        words, settings = self.command_of(program, arguments, env)
        return Done(subprocess.run(words, input=data, capture_output=True, user=user, group=group, **{"timeout": 60, **more},
                                   **settings))

    def start_as(self, user, group, program, *arguments, env={}, **more):
        words, settings = self.command_of(program, arguments, env)
        return self.start(*words, user=user, group=group, **settings, **more)

    def log(self, user):
        """A folder for this user's log."""
        folder = f"{self.folder}/home-{user}"
        if not os.path.isdir(folder):
            os.mkdir(folder)
            os.chown(folder, user, user)
        return folder + "/log"

    def start(self, *arguments, **more):
        self.children.append(subprocess.Popen(arguments, **more))
        return self.children[-1]

    def expect(self, status, *arguments, err="", data=b"", **more):
        """Runs it and checks status and message; a failure says nothing on stdout."""
        done = self.run_it(*arguments, data=data, **more)
        self.assertEqual(done.status, status, f"{arguments}: {done.err}")
        self.assertIn(err, done.err)
        if err == "":
            self.assertEqual(done.err, "")
        return done

    def poke(self, at, form, *values, ring="r"):
        with open(self.path(ring), "r+b") as file:
            file.seek(at)
            file.write(struct.pack("<" + form, *values))

    def slots(self, *arguments, **more):
        lines = self.run_it("dump", "r", "-o", "json", *arguments, **more).lines
        return [line for line in lines if line["what"] == "slot"]


def main():
    """Runs the tests of the script that is the program; arguments: SHMRING SHMRINGD LIBSHMRING.SO [unittest's own]"""
    result = unittest.main(argv=sys.argv[:1] + sys.argv[4:], exit=False).result
    print(f"REPORT {result.testsRun} rules of the commands, each with its message and exit status")
    sys.exit(not result.wasSuccessful())
