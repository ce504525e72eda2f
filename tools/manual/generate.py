#!/usr/bin/env python3
"""Makes the manual pages and the completions, from the help of the programs that were just built.

usage: generate.py ROOT OUT SCDOC COMMANDS SHMRING SHMRINGD
       COMMANDS: the subcommands that are built, separated by commas, each of which has a page
       SCDOC: the program, or "" to make no pages
"""
import pathlib
import subprocess
import sys

import completions
import help
import pages

MAY_BE_LEFT_OUT = {"forward", "receive"}


def read_all(commands, shmring, shmringd):
    program = help.read("shmring", shmring)
    listed = [command.names[0] for command in program.commands]
    if set(commands) - set(listed) or set(listed) - set(commands) - MAY_BE_LEFT_OUT:
        sys.exit(f"tools/meson.build names the commands {' '.join(sorted(commands))}; shmring has {' '.join(sorted(listed))}")
    return [program, *(help.read("shmring", shmring, command) for command in listed if command in commands),
            help.read("shmringd", shmringd)]


def sources(root, found):
    """{name of the page: its text}"""
    out = {"shmring-log.5": (root / "tools/manual/shmring-log.5.scd").read_text()}
    for page in found:
        section = 8 if page.program == "shmringd" else 1
        others = [("shmring", 1)] if page.command else [("shmringd", 8)] if page.program == "shmring" else [("shmring", 1)]
        out[f"{page.name}.{section}"] = pages.command_page(page, section, [*others, ("shmring-log", 5)])
    out["shmringd.toml.5"] = pages.settings_page((root / "tools/shmringd/shmringd.toml").read_text())
    out["libshmring.3"] = pages.header_page((root / "lib/include/shmring/shmring.h").read_text())
    return out


def main():
    root, out, scdoc, commands, shmring, shmringd = sys.argv[1:]
    root, out = pathlib.Path(root), pathlib.Path(out)
    found = read_all(commands.split(","), shmring, shmringd)
    if scdoc:
        for name, text in sources(root, found).items():
            done = subprocess.run([scdoc], input=text, capture_output=True, text=True)
            if done.returncode != 0:
                sys.exit(f"{name}: {done.stderr}\n{text}")
            (out / name).write_text(done.stdout)
    (out / "_shmring").write_text(completions.zsh(found))
    for program in ("shmring", "shmringd"):
        own = [page for page in found if page.program == program]
        (out / f"{program}.bash").write_text(completions.bash(program, own))
        (out / f"{program}.fish").write_text(completions.fish(program, own))


main()
