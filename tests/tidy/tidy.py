#!/usr/bin/env python3
"""The rules of this code base that no compiler holds. Each is one function; selftest.py shows that each can fail.

usage: tidy.py ROOT     prints `path:line: rule: what is wrong` for each violation; exit 1 if there is one
"""
import ast
import os
import pathlib
import re
import sys

import access
import cxx

ROOT_NAMES = {"meson.build", "meson_options.txt", "README.md", "LICENSE", "lib", "tools", "tests", "examples"}
ORDERED = ["lib/ring/slot.hpp", "lib/ring/lane.hpp", "lib/ring/account.hpp", "lib/ring/status.hpp"]
MEMORY = "lib/ring/memory.hpp"
CALLS = ["lib/os/calls.hpp", "lib/os/calls.cpp"]
BENCH = "tools/bench/"
PAGES = "tools/shmring/report/"
BENCH_CALLS = [BENCH + "process.cpp", BENCH + "channel.cpp"]  # its own processes, and channels that it compares with
LIMITS = {"file": 400, "function": 60, "columns": 128, "lib/ring/slot.hpp": 350}

# What each folder may include of this tree; the first that fits decides. Quoted includes are written from the root. Each may
# include the public headers, too. No arrow goes back up: ring, os, log, fleet, inspect, collect, tools.
DIRECTIONS = [
    ("lib/ring/", ("lib/ring/",)),
    ("lib/os/", ("lib/ring/", "lib/os/")),
    ("lib/log/format/", ("lib/log/format/",)),
    ("lib/log/files/", ("lib/os/", "lib/log/format/", "lib/log/files/")),
    ("lib/log/seal/", ("lib/os/", "lib/log/")),
    ("lib/fleet/", ("lib/os/", "lib/log/", "lib/fleet/")),
    ("lib/inspect/", ("lib/ring/", "lib/os/", "lib/log/", "lib/inspect/")),
    ("lib/collect/", ("lib/ring/", "lib/os/", "lib/log/", "lib/inspect/", "lib/collect/")),
    ("lib/include/", ("shmring/",)),
    ("lib/python/", ("_shmring.h",)),  # a project of its own
    ("lib/", ("lib/ring/", "lib/os/")),
    ("tools/", ("lib/", "tools/")),
    ("tests/", ("lib/", "tools/", "tests/")),
    ("examples/", ("shmring/", "examples/"))]
PUBLIC = "lib/include/shmring/"
NOT_IN_LIB = re.compile(r"(fmt|CLI|openssl|toml\+\+|doctest)/|zstd\.h|iostream|mutex|condition_variable")
# Each is included by one source alone: the parsers because they take longer to compile than all else in the tools, and the
# terminal's library because all that is shown is tested without a terminal.
HOMES = {"CLI/": ("CLI11", "tools/common/command_line.cpp"), "toml++/": ("toml++", "tools/shmringd/config_file.cpp"),
         "curses.h": ("ncurses", "tools/shmring/top/screen.cpp")}
# What the collector says is text like that of the programs; and three threads of a log's own wait for the disk, or hash.
THREADS = ["lib/os/job_thread.hpp", "lib/log/files/keeper.hpp", "lib/log/files/directory_sync.hpp"]
YET_IN_LIB = [("lib/collect/", "fmt/"), ("lib/log/files/", "zstd.h"), ("lib/log/seal/", "openssl/"),
              ("lib/fleet/", "zstd.h"), (PUBLIC + "format.hpp", "fmt/"),
              *((file, header) for file in THREADS for header in ("mutex", "condition_variable"))]

SYSTEM_CALLS = set("""
    accept access bind chmod chown clock_gettime clock_nanosleep close closedir connect copy_file_range dup dup2 dup3
    epoll_create1 epoll_ctl epoll_wait eventfd execl execlp execv execve execvp fallocate fchmod fchown fcntl fdatasync
    fdopendir flock fork fstat fstatat fstatfs fstatvfs fsync ftruncate futex getegid geteuid getgid getgrnam getgrnam_r
    getgroups getpid getppid getpwuid getpwuid_r getrandom getrlimit gettid getuid inotify_add_watch inotify_init1 ioctl
    isatty kill link linkat listen lseek lstat madvise memfd_create mkdir mkdirat mkdtemp mlock mmap mprotect mremap
    msync munmap nanosleep open openat opendir pidfd_open pidfd_send_signal pipe pipe2 poll posix_fallocate ppoll prctl
    pread preadv process_vm_readv pthread_create pthread_kill pthread_sigmask pwrite pwritev raise read readdir readlink
    readlinkat readv recv recvmsg rename renameat renameat2 rmdir sched_setaffinity sched_yield select send sendmsg sendto
    setrlimit shm_open shm_unlink sigaction signal signalfd sigprocmask sleep socket stat statfs statvfs statx symlink
    sync_file_range syscall tgkill timerfd_create timerfd_settime umask uname unlink unlinkat unshare usleep vfork wait
    wait4 waitid waitpid write writev""".split())
PRINTS_OR_ENDS = set("printf fprintf puts putchar fputs perror abort exit _exit quick_exit assert".split())

# Split, so that this file does not hold them.
FORBIDDEN = re.compile("|".join([
    r"\bTO" r"DO\b", r"\bFIX" r"ME\b", r"\bXX" r"X\b", r"\bHA" r"CK\b",  # unfinished
    "/wo" "rk/", "/ro" "ot/", r"\b(DESIGN|TRACES)(\.md| §)", r"(?<!tests/)\bFAULTS(\.md| §)",  # what a reader does not have
    r"(?i:\bll" r"m\b)", r"(?i:\bcla" r"ude)"]))


class Tree:
    """The files below a root: {path: text}, without what is ignored (build folders, caches)."""

    def __init__(self, root):
        self.root = pathlib.Path(root)
        self.names = sorted(set(os.listdir(root)) - {".git", "build"})
        self.text = {}
        for folder, folders, names in os.walk(root):
            here = pathlib.Path(folder).relative_to(root)
            folders[:] = [name for name in folders if not self._ignored(here / name)]
            for name in names:
                try:
                    self.text[str(here / name)] = (pathlib.Path(folder) / name).read_text(encoding="utf-8")
                except UnicodeDecodeError:
                    pass  # binary: a fixture
        self.code = {path: cxx.code(text) for path, text in self.text.items() if re.search(r"\.(c|h|cpp|hpp|ipp)$", path)}

    @staticmethod
    def _ignored(folder):
        return folder.name in {".git", "__pycache__"} or str(folder) in {"build", "tests/fuzz/corpus"}

    def sources(self, *folders):
        return ((path, code) for path, code in self.code.items() if path.startswith(folders))


def root_names(tree):
    for name in tree.names:
        if name not in ROOT_NAMES and not name.startswith("."):
            yield name, 1, "does not belong into the root of the tree"


def atomic_orders(tree):
    """Each atomic access says its order. Of the segment's words, whose names layout.hpp has, also an assignment is one."""
    words = set(re.findall(r"std::atomic<[^<>]*>\s+(\w+)", tree.code.get("lib/ring/layout.hpp", "")))
    holder = r"\b(?:header|entry|page|(?:entries|lanes)\[[^\]]*\])(?:\.|->)"
    name = holder + "(?:" + "|".join(sorted(words)) + r")\b" if words else r"(?!)"
    implicit = re.compile(name + r"(?:\[[^\]]*\])?\s*(?:=(?!=)|\+\+|--|[-+|&^]=)|(?:\+\+|--)(?:\w+(?:\.|->))*" + name)
    for path, code in tree.sources("lib/", "tools/"):
        for call, _, order, line in access.atomic_calls(code):
            # In lib/ring no such call may stand at all; the pool of a PerThread is seq_cst throughout, as its header says.
            if order == "-" and not path.startswith(("lib/ring/", PUBLIC)):
                yield path, line, f"{call} without an order: it would be seq_cst, and no table would say why"
        for match in implicit.finditer(code):
            yield path, cxx.line_of(code, match.start()), f"{match.group(0).strip()}: a shared word is stored with an order"


def shared_words(tree):
    for path, code in tree.sources("lib/ring/"):
        for match in re.finditer(r"(?:\.|->)(load|store|exchange|compare_exchange_\w+|fetch_\w+)\s*\(", code):
            if path != MEMORY:
                yield path, cxx.line_of(code, match.start()), f"{match.group(1)} on a word: accesses go through Memory"


def system_calls(tree):
    for path, code in tree.sources("lib/", "tools/"):
        if path in CALLS + BENCH_CALLS:
            continue
        for name, at in cxx.calls(code, SYSTEM_CALLS, tree.code.get(path.replace(".cpp", ".hpp"), "")):
            if (path, name) != (MEMORY, "clock_gettime"):  # the vDSO's: a timestamp takes no indirection
                yield path, cxx.line_of(code, at), f"{name} is called through os::calls"


def quiet(tree):
    for path, code in tree.sources("lib/"):
        for name, at in cxx.calls(code, PRINTS_OR_ENDS):
            if (path, name) == ("lib/os/signals.cpp", "_exit"):  # the collector's handler of SIGBUS; no producer has it
                continue
            yield path, cxx.line_of(code, at), f"{name}: the library never prints and never ends the process"
        for match in re.finditer(r"std::(cout|cerr|clog|terminate|abort|exit)\b", code):
            yield path, cxx.line_of(code, match.start()), f"{match.group(0)}: the library never prints nor ends"


def includes(tree):
    for path in tree.code:
        allowed = next((names for folder, names in DIRECTIONS if path.startswith(folder)), ())
        for match in re.finditer(r'^[ \t]*#[ \t]*include[ \t]*(["<])([^">]+)', tree.text[path], re.M):
            line, name = cxx.line_of(tree.text[path], match.start()), match.group(2)
            outside = not path.startswith("lib/include/") and not name.startswith((*allowed, PUBLIC, "shmring/"))
            if match.group(1) == '"' and outside:
                yield path, line, f"{name}: {path.rsplit('/', 1)[0]} includes only {', '.join(allowed)}, by path from the root"
            if path.startswith("lib/") and NOT_IN_LIB.match(name):
                if not any(path.startswith(folder) and name.startswith(there) for folder, there in YET_IN_LIB):
                    yield path, line, f"{name} does not belong into lib/"
            for prefix, (library, home) in HOMES.items():
                if name.startswith(prefix) and not path.startswith("lib/") and path != home:
                    yield path, line, f"{library} stands only in {home}: use its header"
            if name.startswith("nats/") and not path.startswith("tools/forward/nats_"):
                yield path, line, "the client library of NATS stands only in tools/forward/nats_*: use nats.hpp"
            # The alternatives that the benchmark compares with are Boost's own.
            boost_here = path.startswith(("lib/os/", "tests/", BENCH)) or path == "lib/ring/layout.hpp"
            if name.startswith("boost/") and not boost_here:
                yield path, line, "Boost stands only in lib/os and lib/ring/layout.hpp"


def file_length(tree):
    for path, text in tree.text.items():
        limit = LIMITS.get(path, LIMITS["file"])
        if is_source(path) and text.count("\n") > limit:
            yield path, limit + 1, f"{text.count(chr(10))} lines; at most {limit}"


def function_length(tree):
    for path, text in tree.text.items():
        if path in tree.code:
            found = ((first, lines) for first, lines, _ in cxx.functions(tree.code[path]))
        elif path.endswith(".py"):
            found = ((node.lineno, node.end_lineno - node.lineno + 1) for node in ast.walk(ast.parse(text))
                     if isinstance(node, ast.FunctionDef))
        else:
            continue
        for first, lines in found:
            if lines > LIMITS["function"]:
                yield path, first, f"a function of {lines} lines; at most {LIMITS['function']}"


def ordered_accesses(tree):
    labels = access.enumerators(tree.code.get(MEMORY, ""))
    for path in ORDERED:
        if path not in tree.text:
            yield path, 1, "is missing"
    files = {path: tree.text[path] for path in ORDERED if path in tree.text}
    for path, line, problem in access.check(files, labels):
        yield path or MEMORY, line, problem


def broken_orders(tree):
    files = {path: tree.text[path] for path in ORDERED if path in tree.text}
    yield from access.check_breaks(files, {path: text for path, text in tree.text.items() if path.endswith(".break")})


def white_space(tree):
    for path, text in tree.text.items():
        if text and not text.endswith("\n"):
            yield path, text.count("\n") + 1, "no newline at the end"
        for number, line in enumerate(text.splitlines(), 1):
            if line != line.rstrip():
                yield path, number, "space at the end of the line"
            if "\t" in line and not path.endswith((".go", ".scd", "/rules")):  # gofmt's, scdoc's, make's
                yield path, number, "a tab"
            wide = len(line) > LIMITS["columns"] and not line.startswith("// |")  # a table's row cannot be broken
            if wide and is_source(path):
                yield path, number, f"{len(line)} columns; at most {LIMITS['columns']}"


def words(tree):
    for path, text in tree.text.items():
        for match in FORBIDDEN.finditer(text):
            yield path, cxx.line_of(text, match.start()), f"the word {match.group(0)}"


def opening_comment(tree):
    for path, text in tree.text.items():
        if not is_source(path):
            continue
        first = ([line for line in text.splitlines() if not line.startswith("#!")] or [""])[0]
        if not first.startswith(("//", "/*", "#", '"""')) or first.startswith(("#pragma", "#include")):
            yield path, 1, "a file opens with a comment: what it is for, its invariants"


def registered(tree):
    """A source that no meson.build names is never compiled; a test's script may compile what lies beside it."""
    for path in tree.code:
        if not path.endswith((".c", ".cpp")):
            continue
        top, name = next((str(folder), str(pathlib.PurePath(path).relative_to(folder)))
                         for folder in pathlib.PurePath(path).parents
                         if f"{folder}/meson.build" in tree.text or folder.parent == folder.parent.parent)
        builds = tree.text.get(f"{top}/meson.build", "")
        beside = (text for other, text in tree.text.items() if other.endswith(".py") and other.startswith(
            path.rsplit("/", 1)[0] + "/"))
        if f"'{name}'" not in builds and not any(path in text for text in beside):
            yield path, 1, f"{top}/meson.build does not name it"


def pages(tree):
    """Of a page each template is html()'s, which escapes what is filled in; so no other literal there has a tag."""
    for path, text in tree.text.items():
        if not path.startswith(PAGES) or path not in tree.code:
            continue
        for at, literal in cxx.literals(text):
            # Of literals that stand side by side, what is before the first.
            before = re.sub(r'(?:"(?:\\.|[^"\\\n])*"\s*)+$', "", text[:at]).rstrip()
            if re.search(r"<[A-Za-z/!]", literal) and not re.search(r"\bhtml\($", before):
                yield path, cxx.line_of(text, at), "a tag outside a template of html(): nothing would escape what is filled in"


def is_source(path):
    """Code in whatever language; a name without a dot is a script. What Debian prescribes the form of is none."""
    name = path.split("/")[-1]
    if path.startswith("tools/debian/") and name not in ("rules", "programs"):
        return False
    return bool(re.search(r"\.(c|h|cpp|hpp|py|build|map)$", name)) or "." not in name and name != "LICENSE"


RULES = [root_names, atomic_orders, shared_words, system_calls, quiet, includes, file_length, function_length,
         ordered_accesses, broken_orders, white_space, words, opening_comment, registered, pages]


def violations(root):
    tree = Tree(root)
    return [(path, line, rule.__name__, problem) for rule in RULES for path, line, problem in rule(tree)]


def main():
    found = violations(sys.argv[1])
    for path, line, rule, problem in found:
        print(f"{path}:{line}: {rule}: {problem}")
    print(f"REPORT {len(RULES)} rules over {len(Tree(sys.argv[1]).text)} files, {len(found)} violations")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
