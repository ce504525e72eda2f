"""What Meson built, as the breaks use it: its objects stand for every source that a break does not touch.

Invariants:
  - a source is compiled again, with Meson's own flags but -O0 or -O1, only where a file that it includes is edited;
  - of the build folder only what the wanted breaks need is made, by one process at a time;
  - a program is linked from its own objects and from the libraries; of those it takes what it needs, and where one of these
    objects includes an edited file, that source is compiled, too, and linked in front of the libraries.
"""
import fcntl
import json
import pathlib
import re
import shlex
import shutil
import subprocess

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
LIBRARIES = ["tests/libwhole_test_support.a", "tests/libfleet_test_support.a", "tests/libtest_support.a",
             "tools/libbench_parts.a", "tools/libtop_parts.a", "tools/libreport_parts.a", "tools/libcommon_parts.a",
             "lib/libshmring_collect.a", "lib/libshmring_fleet.a", "lib/libshmring_core.a", "lib/libshmring.a"]
SHARED = ["tests/unit/log/support.cpp", "tests/io/scenario.cpp", *(f"tests/sim/{name}.cpp" for name in (
    "calls", "collector", "disk", "fleet/engine", "fleet/files", "fleet/history", "fleet/host", "history", "machine", "reader",
    "turns"))]  # members of a library, too
OTHERS = ["-lcrypto", "-lfmt", "-lzstd", "-lrapidcheck", "-pthread"]
SANITIZER = "-fsanitize=thread"
DROPPED = {"-MD", "-c", "-fpch-preprocess"}
INCLUDED = {"-include", "-include-pch"}  # what was compiled beforehand: gcc's and clang's way
DROPPED_WITH_VALUE = {"-MQ", "-MF", "-o"}


class Build:
    """A build folder of Meson's."""

    def __init__(self, folder):
        self.folder = pathlib.Path(folder).resolve()
        self.commands, self.objects, self.sources, self.deps = {}, {}, {}, {}
        for entry in json.loads((self.folder / "compile_commands.json").read_text(encoding="utf-8")):
            path = (self.folder / entry["file"]).resolve()
            if not path.is_relative_to(ROOT) or entry["output"] in self.sources:
                continue
            source = str(path.relative_to(ROOT))
            self.commands[source], self.objects[source] = shlex.split(entry["command"]), entry["output"]
            self.sources[entry["output"]] = source
        self.members = {output.split("/")[-1]: source for output, source in self.sources.items()
                        if source.startswith(("lib/", "tools/", "tests/support/")) or source in SHARED}
        words = self.commands["lib/shmring.cpp"]
        self.compiler = words[:next(n for n, word in enumerate(words) if word.startswith("-"))]
        self.version = subprocess.run([*self.compiler, "--version"], check=True, capture_output=True, text=True).stdout

    def make(self, needed):
        """The libraries, and these objects and programs."""
        with open(self.folder / ".breaks.lock", "w", encoding="utf-8") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            subprocess.run(["ninja", "-C", self.folder, "--quiet", *LIBRARIES, *sorted(needed)], check=True,
                           stdout=subprocess.DEVNULL)
            self.deps = self._read_deps()

    def _read_deps(self):
        """{source: the files that its object is made of}: below the root from there, others as they are."""
        text = subprocess.run(["ninja", "-C", self.folder, "-t", "deps"], check=True, capture_output=True, text=True).stdout
        deps, resolved = {}, {}
        for block in text.split("\n\n"):
            first, *lines = block.strip("\n").split("\n")
            source = self.sources.get(first.split(": #deps")[0].removeprefix("ninja: Entering directory\n"))
            if source is None:
                continue
            deps[source] = set()
            for line in map(str.strip, lines):
                if line not in resolved:
                    path = (self.folder / line).resolve()
                    own = path.is_relative_to(ROOT) and not path.is_relative_to(self.folder)
                    resolved[line] = str(path.relative_to(ROOT) if own else path)
                deps[source].add(resolved[line])
        return deps

    def object(self, source):
        return str(self.folder / self.objects[source])

    def touched(self, source, edited):
        return bool(edited & self.deps[source])

    def flags(self, source, root, optimization):
        """Meson's, for a copy of the tree at root. What was compiled beforehand fits only if the optimization is the same."""
        words, out = iter(self.commands[source][len(self.compiler):]), []
        fits = optimization in self.commands[source]
        for word in words:
            if word in DROPPED_WITH_VALUE or (not fits and word in INCLUDED):
                next(words)
            elif word.startswith("-I"):
                path = (self.folder / word[2:]).resolve()
                own = path.is_relative_to(ROOT) and not path.is_relative_to(self.folder)
                out.append(f"-I{root / path.relative_to(ROOT) if own else path}")
            elif word not in DROPPED and (word.startswith("-") or out[-1:] and out[-1] in INCLUDED):
                out.append(word)
        # What was compiled beforehand may not fit here: then the header itself is read.
        out += [f"-I{root}/{folder}/pch" for folder in ("tools", "tests")]
        return out


class Copy:
    """A copy of the tree, where sources are edited and compiled; made when something is."""

    def __init__(self, build, folder):
        self.build, self.root, self.edited, self.made = build, pathlib.Path(folder).resolve(), set(), {}

    def _fill(self):
        for name in ("lib", "tools", "tests"):
            if not (self.root / name).exists():
                shutil.copytree(ROOT / name, self.root / name,
                                ignore=lambda folder, names: {"corpus", "breaks", "__pycache__"} & set(names))

    def edit(self, mutation):
        self._fill()
        mutation.apply(self.root)
        self.edited = mutation.files()

    def compile(self, source, optimization, sanitized=False):
        """The object of an edited source, or of one that is sanitized."""
        if (source, sanitized) not in self.made:
            self._fill()
            target = self.root / (source.replace("/", "_") + (".tsan.o" if sanitized else ".o"))
            flags = self.build.flags(source, self.root, SANITIZER if sanitized else optimization)
            command = [*self.build.compiler, *flags, *([SANITIZER, "-O1"] if sanitized else [optimization]), "-w", "-c",
                       self.root / source, "-o", target]
            done = subprocess.run(command, cwd=self.build.folder, capture_output=True, text=True)
            if done.returncode != 0:
                raise ValueError(f"{source} does not compile:\n{done.stderr}")
            self.made[source, sanitized] = str(target)
        return self.made[source, sanitized]

    def link(self, target, own, optimization, sanitized=()):
        """A program of these sources and of what it needs of the libraries: the sources of its objects."""
        taken = set()
        while True:
            objects = [self.compile(source, optimization, True) for source in sanitized]
            objects += [self.compile(source, optimization) if self.build.touched(source, self.edited) else
                        self.build.object(source) for source in [*own, *sorted(taken)] if source not in sanitized]
            libraries = [str(self.build.folder / name) for name in LIBRARIES]
            command = [*self.build.compiler, *([SANITIZER] if sanitized else []), *objects, "-Wl,--start-group", *libraries,
                       "-Wl,--end-group", *OTHERS, "-Wl,--trace,--trace", "-o", target]
            done = subprocess.run(command, cwd=self.build.folder, capture_output=True, text=True)
            if done.returncode != 0:
                raise ValueError(f"{pathlib.Path(target).name} of {own[0]} does not link:\n{done.stderr}")
            used = self._members(done.stdout)
            more = {source for source in used - taken if self.build.touched(source, self.edited)}
            if not more:
                return set(own) | set(sanitized) | taken | used
            taken |= more

    def _members(self, trace):
        """The sources of those objects of the libraries that a trace of the linker names."""
        names = (re.sub(r".*[/()]([^/()]+\.o)\)?$", r"\1", line.strip()) for line in trace.splitlines())
        return {self.build.members[name] for name in names if name in self.build.members}
