#!/usr/bin/env python3
"""Every rule of tidy.py can fail: a small tree without fault, then one fault at a time, each found by its rule alone.

A fault is (rule, path, text that replaces or creates the file) or (rule, path, old, new).
"""
import pathlib
import sys
import tempfile

import tidy

HEAD = "// | label | access | order | partner | what it orders |\n// |---|---|---|---|---|\n"
GOOD = {
    "meson.build": "# Builds.\n",
    "lib/meson.build": "# Builds.\nfiles('os/calls.cpp', 'os/file.cpp', 'log/files/log.cpp')\n",
    "tools/meson.build": "# Builds.\nfiles('shmring/main.cpp', 'common/command_line.cpp', 'a.cpp',"
                         "'shmring/report/page.cpp')\n",
    "tests/meson.build": "# Builds.\nfiles('unit/a.cpp')\n",
    "tests/golden/a.py": "# Compiles tests/golden/b.cpp\n",
    "tests/golden/b.cpp": "// Compiled by a.py.\n",
    ".gitignore": "/build/\n",
    "lib/ring/memory.hpp": """// Labels.
enum class At : int { take, publish, fill, step, bump, show, see };
void now() { clock_gettime(0, nullptr); }
void spin(std::memory_order order) { word.load(order); }
""",
    "lib/ring/layout.hpp": "// Layout.\nstruct Page { std::atomic<u64> epoch; std::atomic<u64> lost[4]; };\n",
    "lib/ring/slot.hpp": "// The slot.\n" + HEAD + """// | take | load | acquire | publish | bytes before copy |
// | publish | store | release | take, step | bytes before READY |
// | fill | copy | - | publish | plain bytes |
#include "lib/ring/memory.hpp"
template <class M> void f(S& s) {
  M::load(At::take, s.word, std::memory_order_acquire);  // not M::load(At::lost)
  M::store(At::publish, s.word, g(1), std::memory_order::release);
  M::copy(At::fill, "M::copy(At::x)", 1'000, sizeof(s));
}
""",
    "lib/ring/lane.hpp": "// The lane.\n" + HEAD + """// | step | cas | acquire/relaxed | publish | not needed: it passes on |
void g() { M::template cas<u64>(At::step, word, a, b, std::memory_order_acquire, std::memory_order_relaxed); }
""",
    "lib/ring/account.hpp": "// The account.\n" + HEAD + """// | bump | add | seq_cst | bump | one total order |
void g() { M::add(At::bump, word, 1, std::memory_order_seq_cst); }
""",
    "lib/ring/status.hpp": "// The page.\n" + HEAD + """// | show | store | release | see | the page before its name |
// | see | load | acquire | show | the name before the page |
template <class M> void h(P& p) {
  M::store(At::show, p.name, 1, std::memory_order_release);
  M::load(At::see, p.name, std::memory_order_acquire);
}
""",
    "lib/os/calls.cpp": "// The table.\nCalls calls{.open = [](const char* path) { return ::open(path); }};\n",
    "lib/os/file.hpp": "// Files.\nint link(int fd);\n",
    "lib/os/file.cpp": """// Files.
#include <boost/interprocess/mapped_region.hpp>
int read(int fd);
int all(int fd) { return read(fd) + link(fd) + other::write(fd) + file.close() + calls.open("close(1)"); }  // open()
""",
    "tools/shmring/main.cpp": '// The command.\n#include "lib/os/file.hpp"\n#include <fmt/format.h>\n',
    "tools/common/command_line.cpp": "// Options.\n#include <CLI/CLI.hpp>\n",
    "tools/shmring/report/page.cpp": """// Page.
auto f() { return html("<b>{}"
                       "</b>", name); }  // not fmt::format("<i>")
auto g() { return fmt::format("1 < {}", 2); }
""",
    "tests/breaks/a.break": "bound: --relax take --relax publish\n",
    "tests/breaks/b.break": "bound: --relax bump\n",
    "tests/breaks/c.break": "bound: --relax show --relax see\n",
    "tests/unit/a.cpp": '// Tests.\n#include "tools/shmring/main.hpp"\nvoid f() { close(1); printf(""); }\n',
}
SLOT, LANE, STATUS = "lib/ring/slot.hpp", "lib/ring/lane.hpp", "lib/ring/status.hpp"
FILE, TOOL = "lib/os/file.cpp", "tools/shmring/main.cpp"
PAGE = "tools/shmring/report/page.cpp"
BODY = "".join(f"  step({n});\n" for n in range(60))

FAULTS = [
    ("root_names", "notes.txt", "lost\n"),
    ("atomic_orders", FILE, "int all", "int f() { return word.load(); }\nint all"),
    ("atomic_orders", "tools/a.cpp", "// A.\nvoid f() { flag->store(h(1)); }\n"),
    ("atomic_orders", "tools/a.cpp", "// A.\nvoid f() { ++page.epoch; }\n"),
    ("atomic_orders", "tools/a.cpp", "// A.\nvoid f() { page->lost[1] = 2; }\n"),
    ("shared_words", LANE, "void g() {", "void h() { lane.tail.load(); }\nvoid g() {"),
    ("shared_words", "lib/ring/reader.hpp", "// R.\nvoid f() { head->compare_exchange_strong(a, b); }\n"),
    ("system_calls", "lib/log/files/log.cpp", "// Log.\nvoid f() { ::fsync(fd); }\n"),
    ("system_calls", "lib/log/files/log.cpp", "// Log.\nint f() { return fsync(fd); }\n"),
    ("system_calls", "lib/log/files/log.cpp", "// Log.\nvoid f() { if (bad) close(fd); }\n"),
    ("system_calls", FILE, "read(fd) +", "::read(fd) +"),
    ("system_calls", FILE, "calls.open", "::open"),
    ("system_calls", FILE, " + link(fd)", " + ::link(fd)"),
    ("system_calls", TOOL, "#include <fmt", "int pid = getpid();\n#include <fmt"),
    ("quiet", FILE, "int read", 'void f() { fprintf(stderr, ""); }\nint read'),
    ("quiet", FILE, "int read", "void f() { std::terminate(); }\nint read"),
    ("includes", FILE, "// Files.\n", '// Files.\n#include "tools/shmring/main.hpp"\n'),
    ("includes", FILE, "// Files.\n", '// Files.\n#include "file.hpp"\n'),
    ("includes", FILE, "// Files.\n", "// Files.\n#include <fmt/format.h>\n"),
    ("includes", TOOL, "<fmt/format.h>", "<boost/interprocess/offset_ptr.hpp>"),
    ("includes", TOOL, "<fmt/format.h>", "<CLI/CLI.hpp>"),
    ("includes", TOOL, "<fmt/format.h>", "<toml++/toml.h>"),
    ("includes", TOOL, "<fmt/format.h>", "<nats/nats.h>"),
    ("includes", TOOL, "<fmt/format.h>", "<curses.h>"),
    ("includes", "tools/common/command_line.hpp", "// Options.\n#include <CLI/App.hpp>\n"),
    ("includes", "tests/unit/a.cpp", "// Tests.\n", "// Tests.\n#include <CLI/CLI.hpp>\n"),
    ("includes", TOOL, "lib/os/file.hpp", "tests/support/ring.hpp"),
    ("includes", "lib/log/format/line.hpp", '// Line.\n#include "lib/os/file.hpp"\n'),
    ("includes", "lib/log/files/names.hpp", '// Names.\n#include "lib/ring/layout.hpp"\n'),
    ("includes", "lib/inspect/facts.hpp", '// Facts.\n#include "lib/collect/ledger.hpp"\n'),
    ("includes", "lib/inspect/facts.hpp", "// Facts.\n#include <fmt/format.h>\n"),
    ("includes", "lib/log/format/line.hpp", "// Line.\n#include <zstd.h>\n"),
    ("includes", "lib/ring/ring.hpp", "// Ring.\n#include <boost/interprocess/offset_ptr.hpp>\n"),
    ("file_length", FILE, "// Files.\n", "// Files.\n" + "//\n" * 400),
    ("file_length", SLOT, "// The slot.\n", "// The slot.\n" + "//\n" * 345),
    ("function_length", FILE, "int read", "template <class T>\nvoid f() {\n" + BODY + "}\nint read"),
    ("function_length", FILE, "int read", "struct A {\n  A(B b = {}) : b_(b) {\n" + BODY + "  }\n};\nint read"),
    ("function_length", "tests/a.py", "# A.\ndef f():\n" + BODY.replace("  ", "    ").replace(";", "")),
    ("ordered_accesses", SLOT, HEAD, ""),
    ("ordered_accesses", SLOT, "| load | acquire", "| load | relaxed"),
    ("ordered_accesses", SLOT, "| take | load", "| take | store"),
    ("ordered_accesses", SLOT, "memory_order_acquire", "memory_order_relaxed"),
    ("ordered_accesses", SLOT, "s.word, g(1), std::memory_order::release", "s.word, g(1)"),
    ("ordered_accesses", SLOT, "| acquire | publish |", "| acquire | - |"),
    ("ordered_accesses", SLOT, "| acquire | publish |", "| acquire | nobody |"),
    ("ordered_accesses", SLOT, "| acquire | publish |", "| acquire | step |"),
    ("ordered_accesses", SLOT, "| fill | copy | - | publish | plain bytes |", "| fill | copy | - | publish |"),
    ("ordered_accesses", SLOT, "// | fill | copy | - | publish | plain bytes |\n", ""),
    ("ordered_accesses", SLOT, "  M::copy(At::fill", "  // M::copy(At::fill"),
    ("ordered_accesses", SLOT, "M::load(At::take", "M::load(label"),
    ("ordered_accesses", LANE, "acquire/relaxed", "acquire"),
    ("ordered_accesses", "lib/ring/memory.hpp", "see }", "see, unused }"),
    ("ordered_accesses", "lib/ring/memory.hpp", ", see }", " }"),
    ("broken_orders", "tests/breaks/a.break", " --relax take", ""),
    ("broken_orders", "tests/breaks/a.break", "--relax take", "--relax step --relax take"),
    ("ordered_accesses", STATUS, HEAD, ""),
    ("ordered_accesses", STATUS, "memory_order_acquire", "memory_order_relaxed"),
    ("broken_orders", LANE, "not needed: ", ""),
    ("broken_orders", "tests/breaks/c.break", " --relax see", ""),
    ("broken_orders", STATUS, "| show | the name", "| show | not needed: the name"),
    ("white_space", FILE, "// Files.\n", "// Files. \n"),
    ("white_space", FILE, "// Files.\n", "// Files.\n//\tA tab.\n"),
    ("white_space", FILE, "// Files.\n", "// Files." + "." * 120 + "\n"),
    ("white_space", "README.md", "No end"),
    ("words", FILE, "// Files.", "// Files. FIX" "ME"),
    ("words", "README.md", "See /wo" "rk/x.\n"),
    ("opening_comment", FILE, "// Files.\n", ""),
    ("opening_comment", "lib/os/a.hpp", "#pragma once\n"),
    ("pages", PAGE, "html(", "fmt::format("),
    ("pages", PAGE, 'html("<b>{}"', 'text = "<b>" + std::string("{}"'),
    ("pages", PAGE, "// Page.\n", '// Page.\nconstexpr auto form = R"(<td>{}</td>)";\n'),
    ("registered", "lib/os/new.cpp", "// New.\n"),
    ("registered", "tests/golden/c.cpp", "// New.\n"),
]


def found_in(files):
    with tempfile.TemporaryDirectory() as root:
        for path, text in files.items():
            (pathlib.Path(root) / path).parent.mkdir(parents=True, exist_ok=True)
            (pathlib.Path(root) / path).write_text(text)
        return tidy.violations(root)


def main():
    problems = [f"false alarm: {violation}" for violation in found_in(GOOD)]
    for rule, path, *change in FAULTS:
        text = change[0] if len(change) == 1 else GOOD[path].replace(*change)
        if text == GOOD.get(path):
            problems.append(f"a fault that changes nothing: {rule}, {path}, {change}")
        rules = {violation[2] for violation in found_in({**GOOD, path: text})}
        if rules != {rule}:
            problems.append(f"{rule}, {path}, {change}: found by {rules or 'no rule'}")
    without = {rule.__name__ for rule in tidy.RULES} - {fault[0] for fault in FAULTS}
    problems += [f"no fault shows that {rule} can fail" for rule in sorted(without)]
    print(*problems, sep="\n")
    print(f"REPORT {len(FAULTS)} faults, each found by its rule alone")
    return 1 if problems else 0


sys.exit(main())
