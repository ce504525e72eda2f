"""The tables of ordered accesses at the top of slot.hpp, lane.hpp, account.hpp and status.hpp, compared with the code below
them.

A row is `// | label | access | order | partner | what it orders |`; order is `-` for a copy, `success/failure` for a
compare-and-swap; partner is `-` or a list of labels. Code says `M::load(At::label, word, std::memory_order_…)`.

An order is needed if the explorer finds it missing: a break relaxes its label (tests/breaks). Of one that nobody needs
"what it orders" begins with `not needed:` and says why it is kept.
"""
import re

import cxx

ACCESSES = ("load", "store", "cas", "add", "copy", "sleep")
ACQUIRES, RELEASES = {"acquire", "acq_rel", "seq_cst"}, {"release", "acq_rel", "seq_cst"}
_CALL = re.compile(r"\bM::(?:template\s+)?(" + "|".join(ACCESSES) + r")\b(?:<[^<>]*>)?\s*\(\s*(?:At::(\w+))?")
_ORDER = re.compile(r"\bmemory_order(?:_|::)(\w+)")
_MEMBER = re.compile(r"(?:\.|->)(?:load|store|exchange|compare_exchange_\w+|fetch_\w+|test_and_set)\s*\(")
_RELAX = re.compile(r"--relax (\w+)")
_HEADER = ["label", "access", "order", "partner", "what it orders"]


def table(text):
    """{label: (access, order, [partner], line, what it orders)}, None without a table; and the lines that are no row of five
    cells."""
    rows, wrong, inside = {}, [], False
    for number, line in enumerate(text.splitlines(), 1):
        if not line.startswith("// |"):
            continue
        cells = [cell.strip() for cell in line[2:].strip().strip("|").split("|")]
        if cells == _HEADER:
            inside = True
        elif inside and not set(cells[0]) <= set("-:"):
            if len(cells) != len(_HEADER) or cells[0] in rows:
                wrong.append(number)
                continue
            partners = [] if cells[3] == "-" else [word.strip() for word in cells[3].split(",")]
            rows[cells[0]] = (cells[1], cells[2], partners, number, cells[4])
    return (rows if inside else None), wrong


def accesses(stripped):
    """(label, access, order, line) of each access that the code makes; label None: not written as At::label."""
    for match in _CALL.finditer(stripped):
        depth, end = 0, stripped.index("(", match.start())
        for end in range(end, len(stripped)):
            depth += {"(": 1, ")": -1}.get(stripped[end], 0)
            if depth == 0:
                break
        orders = _ORDER.findall(stripped[match.start():end])
        yield match.group(2), match.group(1), "/".join(orders) or "-", cxx.line_of(stripped, match.start())


def atomic_calls(stripped):
    """(call, label, order, line) of each call of an atomic's own members."""
    for match in _MEMBER.finditer(stripped):
        depth, end = 0, match.end() - 1
        for end in range(end, len(stripped)):
            depth += {"(": 1, ")": -1}.get(stripped[end], 0)
            if depth == 0:
                break
        given = stripped[match.end():end]
        ordered = _ORDER.search(given) or re.search(r"\b(order|success|relaxed)\b", given)
        yield match.group(0) + ")", None, "given" if ordered else "-", cxx.line_of(stripped, match.start())


def enumerators(stripped):
    """Of `enum class At`."""
    match = re.search(r"\benum\s+class\s+At\b[^{]*\{([^}]*)\}", stripped)
    return set(re.findall(r"\w+", match.group(1))) if match else set()


def pairs(order, partner):
    """Whether two orders make a pair: one side releases, the other acquires."""
    mine, other = set(order.split("/")), set(partner.split("/"))
    return bool(mine & ACQUIRES and other & RELEASES or mine & RELEASES and other & ACQUIRES)


def is_ordered(order):
    return bool(set(order.split("/")) & (ACQUIRES | RELEASES))


def check_breaks(files, breaks):
    """Each order is missed by the explorer, or said to be not needed. breaks: {path: text}; yields as check does."""
    relaxed = {label: path for path, text in breaks.items() for label in _RELAX.findall(text)}
    for path, text in files.items():
        for label, (_, order, _, line, what) in (table(text)[0] or {}).items():
            needed = not what.startswith("not needed:")
            if needed and is_ordered(order) and label not in relaxed:
                yield path, line, f"{label} is {order}: no break relaxes it, and its row does not say `not needed: why`"
            elif not needed and label in relaxed:
                yield relaxed[label], 1, f"{label} is relaxed, and its row says that its order is not needed"


def check(files, labels):
    """files: {path: text} of the four; labels: the enumerators. Yields (path, line, what is wrong)."""
    tables = {}
    for path, text in files.items():
        rows, wrong = table(text)
        yield from ((path, line, "a row of the access table needs five cells and a label of its own") for line in wrong)
        if rows is None:
            yield path, 1, "no table of ordered accesses: // | " + " | ".join(_HEADER) + " |"
        tables[path] = rows or {}
        yield from _compare(path, tables[path], list(accesses(cxx.code(text))))
    every = {label: row for rows in tables.values() for label, row in rows.items()}
    for path, rows in tables.items():
        for label, row in rows.items():
            yield from ((path, row[3], problem) for problem in _partners(label, row, every))
            if label not in labels:
                yield path, row[3], f"{label} is no enumerator of At"
    for label in sorted(labels - set(every)):
        yield None, 1, f"At::{label} stands in no table of ordered accesses"


def _compare(path, rows, found):
    used = set()
    for label, access, order, line in found:
        used.add(label)
        if label is None:
            yield path, line, f"M::{access} without a label: its first argument is to be At::label"
        elif label not in rows:
            yield path, line, f"At::{label} is not in this file's table"
        elif (access, order) != rows[label][:2]:
            yield path, line, f"At::{label} is {access} {order}, its table says {rows[label][0]} {rows[label][1]}"
    yield from ((path, row[3], f"no access is labelled {label}") for label, row in rows.items() if label not in used)


def _partners(label, row, every):
    _, order, partners, _, _ = row
    ordered = is_ordered(order)
    if ordered and not partners:
        yield f"{label} is {order} and names no partner"
    for partner in partners:
        if partner not in every:
            yield f"{label}'s partner {partner} stands in no table"
        elif ordered and not pairs(order, every[partner][1]):
            yield f"{label} ({order}) and its partner {partner} ({every[partner][1]}) are no release and acquire"
