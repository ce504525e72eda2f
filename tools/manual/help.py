"""What a program's --help says, as values. All manual pages and completions are made from these, and from nothing else."""
import re
import subprocess
from typing import NamedTuple

TEXT_COLUMN = 30
_ENTRY = re.compile(r"  (\S.*?)(?:  +(\S.*))?")


class Entry(NamedTuple):
    """An option, a positional argument or a subcommand."""

    names: list[str]  # of an option: short and long, with their dashes
    form: str  # of its value; "": it has none; "[=FORM]": it may have one, behind its name
    text: str

    @property
    def takes_a_word(self):
        return self.form != "" and not self.form.startswith("[")

    @property
    def words(self):
        """The words that the value may be, or none if it may be any."""
        return self.form.split("|") if re.fullmatch(r"[\w-]+(\|[\w-]+)+", self.form) else []


class Page(NamedTuple):
    program: str
    command: str  # "": the program itself
    description: str
    usage: str
    positionals: list[Entry]
    options: list[Entry]
    commands: list[Entry]
    footer: list[str]  # paragraphs; one that begins with a space stays as it is

    @property
    def name(self):
        return f"{self.program}-{self.command}" if self.command else self.program

    @property
    def called(self):
        return f"{self.program} {self.command}".strip()


def read(program, path, command=""):
    """Asks the program of this name, at this path."""
    arguments = [path, *([command] if command else []), "--help"]
    text = subprocess.run(arguments, check=True, stdout=subprocess.PIPE, text=True).stdout
    return parse(program, command, text)


def parse(program, command, text):
    description, _, rest = text.partition("Usage: ")
    usage, _, rest = rest.partition("\n")
    sections = {"Positionals": [], "Options": [], "Subcommands": []}
    lines = rest.split("\n")
    while lines and (title := lines[0].removesuffix(":")) in sections or lines and lines[0] == "":
        lines.pop(0)
        if title in sections:
            while lines and lines[0].startswith("  "):
                _add(sections[title], lines.pop(0))
    return Page(program, command, _joined(description), usage.strip(), sections["Positionals"], sections["Options"],
                sections["Subcommands"], _paragraphs(lines))


def _add(entries, line):
    """A line begins an entry, or goes on with the text of the last one."""
    match = _ENTRY.fullmatch(line)
    if match is None or line.startswith(" " * TEXT_COLUMN):
        last = entries[-1]
        entries[-1] = last._replace(text=f"{last.text} {line.strip()}".strip())
        return
    left, text = match[1], match[2] or ""
    if not left.startswith("-"):
        entries.append(Entry([left], "", text))
        return
    names, form, attached = re.fullmatch(r"([^ \[]+)(?: (.+)|(\[=.+))?", left.replace(", -", ",-")).groups()
    entries.append(Entry(names.split(","), form or attached or "", text))


def _paragraphs(lines):
    found = [""]
    for line in lines:
        if line == "" or line.startswith(("Exit status:", "Example")) and found[-1]:
            found.append(line)
        elif line.startswith(" "):
            found[-1] += ("\n" if found[-1] else "") + line
        else:
            found[-1] = f"{found[-1]} {line}".strip()
    return [paragraph for paragraph in found if paragraph]


def _joined(text):
    return " ".join(text.split())
