"""Manual pages as scdoc takes them, from the help of the programs, the settings, and the public header."""
import re

_SPECIAL = re.compile(r"([\\*_~#])")


def escaped(text):
    text = _SPECIAL.sub(r"\\\1", text)
    return "\\" + text if text.startswith(("-", ".", "[", "]", "|", "<")) else text


def _literal(text):
    return "```\n" + text + "\n```\n"


def _head(name, section, purpose):
    return f"{name}({section})\n\n# NAME\n\n{name} - {escaped(purpose)}\n\n"


def _entries(title, entries):
    if not entries:
        return ""
    lines = [f"# {title}\n"]
    for entry in entries:
        names = ", ".join(f"*{escaped(name)}*" for name in entry.names)
        form = escaped(entry.form).lstrip("\\") if entry.form else ""
        if entry.takes_a_word:
            form = f" {form}" if entry.words else f" _{form}_"
        lines.append(f"{names}{form}\n\t{escaped(entry.text)}\n")
    return "\n".join(lines) + "\n"


def _footer(page):
    """The paragraphs below the options: a status list and an example have a section of their own."""
    notes, statuses, examples = [], [], []
    for paragraph in page.footer:
        text, _, status = paragraph.partition("Exit status: ")
        if paragraph.startswith("Example"):
            examples.append("\n".join(line.strip() for line in paragraph.partition(":")[2].strip().split("\n")))
        elif status:
            statuses.append(status)
            if text:
                notes.append(text)
        else:
            notes.append(paragraph)
    out = ""
    if notes:
        texts = (_literal(note) if note.startswith(" ") else escaped(note) + "\n" for note in notes)
        out += "# NOTES\n\n" + "\n".join(texts) + "\n"
    if statuses:
        out += "# EXIT STATUS\n\n" + "\n\n".join(map(escaped, statuses)) + "\n\n"
    if examples:
        out += "# EXAMPLES\n\n" + "\n".join(map(_literal, examples)) + "\n"
    return out


def _also(*names):
    return "# SEE ALSO\n\n" + ", ".join(f"*{escaped(name)}*({section})" for name, section in names) + "\n"


def command_page(page, section, others):
    """The page of a program, or of one of its subcommands."""
    purpose = page.description[0].lower() + page.description[1:].rstrip(".")
    out = _head(page.name, section, purpose)
    out += f"# SYNOPSIS\n\n{escaped(page.usage)}\n\n# DESCRIPTION\n\n{escaped(page.description.rstrip('.'))}.\n\n"
    out += _entries("ARGUMENTS", page.positionals) + _entries("OPTIONS", page.options) + _entries("COMMANDS", page.commands)
    return out + _footer(page) + _also(*others)


def settings_page(toml):
    """shmringd.toml(5), from the commented file that lists all settings."""
    out = _head("shmringd.toml", 5, "settings of the collector shmringd")
    out += ("# DESCRIPTION\n\nA file in TOML, which *shmringd --config* _FILE_ reads, and reads again at SIGHUP. An option of "
            "the command line wins over it. *shmringd --check-config* prints the settings in force, in this form. An unknown "
            "key, a wrong type, and a value out of range are errors that name file, line and column.\n\n")
    for block in toml.strip().split("\n\n"):
        lines = block.split("\n")
        if len(lines) == 1 and lines[0].startswith("["):
            out += f"# {lines[0][1:-1].upper()}\n\nThe table *\\{lines[0]}*:\n\n"
            continue
        text = " ".join(line[2:] for line in lines[:-1])
        value = re.fullmatch(r"(\w+) = (.*)", lines[-1])
        key = value[1] if value else re.fullmatch(r"# (\w+) is not set\.", lines[-1])[1]
        out += f"*{escaped(key)}*\n\t{escaped(text)}\n\n"
    return out + _also(("shmringd", 8), ("shmring-log", 5))


def header_page(header):
    """libshmring(3), from the comments of shmring.h."""
    out = _head("libshmring", 3, "write audit records into a shared-memory ring")
    out += "# SYNOPSIS\n\n" + _literal("#include <shmring/shmring.h>\n\ncc $(pkg-config --cflags --libs shmring)")
    intro = re.match(r"/\*(.*?)\*/", header, re.S)[1].replace("SPDX-License-Identifier: MIT", "")
    out += "\n# DESCRIPTION\n\n" + _comment(intro)
    out += "# FUNCTIONS\n\n"
    for comment, prototype in re.findall(r"/\*((?:[^*]|\*(?!/))*)\*/\nSHMRING_API ([^;]*;)", header):
        out += _literal(re.sub(r"\s+", " ", prototype)) + "\n" + _comment(comment)
    out += "# TYPES AND CONSTANTS\n\n"
    for definition in re.findall(r"^(?:typedef struct \w+ \{.*?^\} \w+;|enum \w+ \{.*?\};)", header, re.M | re.S):
        out += _literal(definition) + "\n"
    return out + _also(("shmring", 1), ("shmringd", 8))


def _comment(text):
    lines = [re.sub(r"^ \* ?", "", line).rstrip() for line in text.split("\n")]
    out, paragraph = "", []
    for line in [*lines, ""]:
        if line.strip() and not line.lstrip().startswith("- "):
            paragraph.append(line.strip())
            continue
        if paragraph:
            words = " ".join(paragraph)
            out += ("- " + escaped(words[2:]) if words.startswith("- ") else escaped(words)) + "\n\n"
        paragraph = [line.strip()] if line.strip() else []
    return out
