#!/usr/bin/env python3
"""What shmring_write is made of, and what one write costs.

From the disassembly: neither it nor anything that it calls in the library has a system call, an indirect call, or a call out of
the library but those allowed below; what locks are the compare-and-swaps of the shared lane and the count of nested calls.
Left out is where the policies wait and hybrid wait for a place: it sleeps, as it promises, and no other policy comes there.
By single steps (write_cost): instructions and locked instructions of one warm write of 64 bytes, TSC and tripwire on. The
numbers in write_cost.json hold for the compiler that they name. After a deliberate change of the write path:
    tests/process/write_code.py --update …     (the command line of the test: meson test -C BUILD --verbose "code of a write")

usage: write_code.py [--update] LIBRARY WRITE_COST COMPILER
"""
import json
import os
import re
import subprocess
import sys

ALLOWED_OUTSIDE = {"memcpy", "memset", "memmove",
                   "clock_gettime"}  # only where the segment's clock is not the TSC
STORED = os.path.join(os.path.dirname(os.path.abspath(__file__)), "write_cost.json")
WAITING = "wait_for_place"
LOCKED = {"exclusive": 0, "shared": 2}  # the claim, and the tail


def functions(library):
    """{name: [instruction]} of all code in the library"""
    text = subprocess.run(["objdump", "-d", "--no-show-raw-insn", library], capture_output=True, text=True,
                          check=True).stdout
    found, name = {}, None
    for line in text.splitlines():
        head = re.match(r"[0-9a-f]+ <(.+)>:$", line)
        if head:
            name = head.group(1)
            found[name] = []
        elif name and (instruction := re.match(r"\s+[0-9a-f]+:\t(.+)", line)):
            found[name].append(instruction.group(1).split("#")[0].strip())
    return found


def problems_of(instruction):
    if re.match(r"(syscall|sysenter|int\b|hlt|ud2)", instruction):
        yield "a system call or a trap"
    if re.match(r"(notrack )?call\s+\*|(bnd )?call\s+\*", instruction):
        yield "an indirect call"
    locks = instruction.startswith("lock ") or re.match(r"xchg\s.*\(", instruction)
    if locks and not re.match(r"lock (cmpxchg|add|inc|xadd)", instruction):
        yield "a lock that is none of the protocol's"


def examine(code, start="shmring_write"):
    """(problems, names reached, names outside, locked instructions) from `start` on"""
    problems, outside, locked = [], set(), []
    reached, waiting = {start}, [start]
    while waiting:
        name = waiting.pop()
        for instruction in code[name]:
            problems += [f"{name}: {instruction}: {problem}" for problem in problems_of(instruction)]
            if instruction.startswith("lock "):
                locked.append(instruction)
            target = re.match(r"(?:bnd )?(?:call|j\w+)\s+[0-9a-f]+ <([^>+]+)", instruction)
            if not target or target.group(1) in reached or WAITING in target.group(1):
                continue
            callee = target.group(1)
            if "@plt" in callee:
                outside.add(callee.split("@")[0])
            elif callee not in code:
                problems.append(f"{name}: {instruction}: leads nowhere")
            else:
                reached.add(callee)
                waiting.append(callee)
    problems += [f"a call out of the library: {name}" for name in sorted(outside - ALLOWED_OUTSIDE)]
    nested = [instruction for instruction in locked if "cmpxchg" not in instruction]
    if len(nested) > 1:
        problems.append(f"more locked additions than the count of nested calls: {nested}")
    return problems, reached, outside, locked


def cost(program, compiler, update):
    """problems with the cost of one write"""
    run = subprocess.run([program], capture_output=True, text=True, check=False)
    if run.returncode == 77:
        print("one write is not counted: no TSC clock, or no ptrace")
        return []
    if run.returncode != 0:
        return [f"write_cost ended with {run.returncode}: {run.stdout}{run.stderr}"]
    counted = json.loads(run.stdout)
    for lane, numbers in counted.items():
        print(f"REPORT process one write of 64 bytes, {lane} lane: {numbers['instructions']} instructions of the library, "
              f"{numbers['outside']} of libc, {numbers['locked']} locked ({compiler})")
    found = [f"{lane} lane: {counted[lane]['locked']} locked instructions, expected {LOCKED[lane]}" for lane in LOCKED
             if counted[lane]["locked"] != LOCKED[lane]]
    with open(STORED, encoding="utf-8") as file:
        stored = json.load(file)
    instructions = {lane: numbers["instructions"] for lane, numbers in counted.items()}
    if update:
        stored[compiler] = instructions
        with open(STORED, "w", encoding="utf-8") as file:
            file.write(json.dumps(stored, indent=2, sort_keys=True) + "\n")
    elif compiler not in stored:
        print(f"no numbers are stored for {compiler}: instructions are not compared")
    elif stored[compiler] != instructions:
        found.append(f"instructions of one write: {instructions}, expected {stored[compiler]}; if the change is meant, run "
                     "tests/process/write_code.py --update")
    return found


def main():
    arguments = [argument for argument in sys.argv[1:] if argument != "--update"]
    library, program, compiler = arguments
    code = functions(library)
    problems, reached, outside, locked = examine(code)
    print(f"REPORT process shmring_write is {len(reached)} functions, {sum(len(code[name]) for name in reached)} instructions "
          f"of code; no system call, calls out: {', '.join(sorted(outside)) or 'none'}; {len(locked)} locked")
    if not any("cmpxchg" in instruction for instruction in locked):
        problems.append("no compare-and-swap was found: this is not the code of shmring_write")
    problems += cost(program, compiler, "--update" in sys.argv)
    print("\n".join(problems))
    return 1 if problems else 0


sys.exit(main())
