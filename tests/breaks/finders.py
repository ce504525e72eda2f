"""What must find a break: the explorer within bounds, or a test.

Each has find(build, copy, folder): (found, a line that says how, all that was said). Then `files` are those that it was made
of.
"""
import functools
import os
import pathlib
import re
import shutil
import signal
import subprocess

from built import ROOT

EXPLORER_SECONDS = 600
TEST_SECONDS = 180
SANITIZED = "thread-sanitizer:"
DOCTEST = ["tests/support/doctest.cpp", "tests/support/doctest_main.cpp"]
RING = "tests/support/collector_bench.cpp"  # has the code of the ring that the tests share


class Explorer:
    program = "tests/test_every_interleaving"

    def __init__(self, bound):
        self.bound, self.files = bound, set()

    def needs(self, build):
        return {self.program, *(build.objects[source] for source in DOCTEST)}

    def find(self, build, copy, folder):
        program = build.folder / self.program
        own = sorted(source for source in build.sources.values()
                     if re.match(r"tests/explore/(?!self_test|weak_test)", source))
        if copy.edited:
            program = folder / "explorer"
            # What tests share is compiled with the header of doctest.
            linked = copy.link(program, [*own, DOCTEST[0]], "-O1")
        else:
            linked = set(own) | {source for source in build.deps if source.startswith("lib/")}
        self.files = set().union(*(build.deps[source] for source in linked))
        run = subprocess.run([program, *self.bound, "--seconds", str(EXPLORER_SECONDS)], stdout=subprocess.PIPE,
                             stderr=subprocess.DEVNULL, text=True, check=False)
        failure = re.search(r"FAILED: (.*)", run.stdout)
        if run.returncode != 1 or not failure:
            return False, run.stdout, run.stdout
        executions = re.search(r": (\d+) executions", run.stdout)
        return True, f"after {int(executions[1]):,} executions: {failure[1]}", run.stdout


class Test:
    """A source below tests/, linked alone; and the collector, where it starts one."""

    def __init__(self, name):
        self.name, self.files = name, set()
        self.source = "tests/" + name.removeprefix(SANITIZED)
        self.sanitized = name.startswith(SANITIZED)
        if not (ROOT / self.source).exists():
            raise ValueError(f"no such test: {name}")

    def _programs(self, build):
        """{program: (its sources, those of them that are sanitized)}"""
        programs = {"test": ([self.source, *DOCTEST], [self.source, RING] if self.sanitized else [])}
        if self.source.startswith("tests/process/"):
            programs["shmringd"] = ([source for source in build.objects
                                     if source.startswith(("tools/common/", "tools/shmringd/"))], [])
        return programs

    def needs(self, build):
        return {build.objects[source] for sources, _ in self._programs(build).values() for source in sources}

    def find(self, build, copy, folder):
        for name, (sources, sanitized) in self._programs(build).items():
            for source in copy.link(folder / name, sources, "-O0", sanitized):
                self.files |= build.deps[source]
        passed, text = self._run(folder)
        return not passed, f"by {self.name}: {self._reason(text)}" if not passed else f"it survives {self.name}", text or ""

    def _run(self, folder):
        """(passed, what it said). Quick, and always from the same seed, so that what is remembered is true again."""
        environment = {**os.environ, "SHMRING_TEST_MODE": "quick", "SHMRING_TEST_SEED": "1", "SHMRING_TEST_PART": "1/1",
                       "SHMRING_TOOLS": str(folder), "SHMRING_FIXTURES": str(ROOT / "tests/fixtures"),
                       "TSAN_OPTIONS": "halt_on_error=1"}
        command = [*(fixed_addresses() if self.sanitized else []), folder / "test", "--abort-after=1"]
        with open(folder / "said", "w+", encoding="utf-8", errors="replace") as said:  # what is left could hold a pipe open
            program = subprocess.Popen(command, env=environment, stdout=said, stderr=subprocess.STDOUT,
                                       stdin=subprocess.DEVNULL, start_new_session=True)
            try:
                status = program.wait(timeout=TEST_SECONDS)
            except subprocess.TimeoutExpired:
                status = None
            try:
                os.killpg(program.pid, signal.SIGKILL)  # its own group: what a failed test has left
            except ProcessLookupError:
                pass
            program.wait()
            said.seek(0)
            return status == 0, said.read() if status is not None else None

    @staticmethod
    def _reason(text):
        """The test case that failed."""
        if text is None:
            return f"it did not end within {TEST_SECONDS} s"
        case = re.search(r"^TEST CASE:  (.*)", text, re.M)
        race = "a data race" if "WARNING: ThreadSanitizer: data race" in text else ""
        return case[1] if case else race or "it ended: " + " ".join(text.split()[-12:])


@functools.cache
def fixed_addresses():
    """The thread sanitizer's address ranges collide with much address randomization."""
    command = ["setarch", "-R"]
    works = shutil.which("setarch") and subprocess.run([*command, "true"], capture_output=True, check=False).returncode == 0
    return command if works else []
