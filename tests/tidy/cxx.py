"""C and C++ as the tidy rules see it: text without comments and literals, its calls, its functions.

Heuristics, not a parser: they hold for this code base, and selftest.py shows that each rule finds what it is for.
"""
import re

_TOKENS = re.compile(
    r'//[^\n]*|/\*.*?\*/'                       # comments
    r'|R"(?P<mark>[^()\s]*)\(.*?\)(?P=mark)"'   # raw strings
    r'|"(?:\\.|[^"\\\n])*"'                     # strings
    r"|(?<![0-9a-fA-F])'(?:\\.|[^'\\\n])+'",    # characters, but not the separators in 1'000
    re.S)
_DIRECTIVE = re.compile(r"^[ \t]*#(?:[^\n\\]|\\.|\\\n)*", re.M | re.S)


def _blank(match):
    return re.sub(r"[^\n]", " ", match.group(0))


def code(text):
    """The text with comments and literals blanked; line numbers and columns stay."""
    return _TOKENS.sub(_blank, text)


def literals(text):
    """(offset, text) of each string literal."""
    return [(match.start(), match.group(0)) for match in _TOKENS.finditer(text) if match.group(0).startswith(('"', 'R"'))]


def line_of(text, at):
    return text.count("\n", 0, at) + 1


def calls(stripped, names, header=""):
    """(name, offset) of each call of one of the names as a plain or a global function.

    Members, other namespaces and declarations are none; nor is the plain call of a name that the file or its header
    declares a function of its own by.
    """
    found, declared = _calls(stripped, names)
    declared |= _calls(header, names)[1]
    return [(name, at) for name, qualified, at in found if qualified or name not in declared]


def _calls(stripped, names):
    """[(name, qualified by ::, offset)] of the calls, {name} of the declarations"""
    found, declared = [], set()
    for match in re.finditer(r"(?<![\w.])(::)?\b(" + "|".join(sorted(names)) + r")\s*\(", stripped):
        before = stripped[:match.start()].rstrip()
        if before.endswith(("->", "::")) or (match.group(1) and re.search(r"[\w>]$", stripped[:match.start()])):
            continue
        word = re.search(r"(\w+|[*&>])$", before)
        keyword = word and word.group(1) in {"return", "else", "do", "case", "throw"}
        if word and not keyword and not before.endswith(("&&", ">>")) and not match.group(1):
            declared.add(match.group(2))
            continue
        found.append((match.group(2), bool(match.group(1)), match.start(2)))
    return found, declared


def functions(stripped):
    """(first line, lines, head) of each function; a lambda counts as part of the function around it."""
    text = _DIRECTIVE.sub(_blank, stripped)
    stack, start = [], 0
    for match in re.finditer(r"[{};]", text):
        if match.group(0) == "{":
            kind = _kind(text[start:match.start()]) if all(kind == "scope" for kind, _, _ in stack) else "inner"
            stack.append((kind, start, text[start:match.start()].strip()))
        elif match.group(0) == "}" and stack:
            kind, begin, head = stack.pop()
            if kind == "function":
                first = line_of(text, begin + re.match(r"\s*", text[begin:]).end())
                yield first, line_of(text, match.start()) - first + 1, head
        start = match.end()


def _kind(head):
    """Of a brace at the level of namespaces and classes, from what stands before it."""
    head = re.sub(r"\[\[.*?\]\]|template\s*<[^;{}]*?>(?=\s*(?:\w|\[))", " ", head, flags=re.S).strip()
    if re.match(r"(inline\s+)?namespace\b|extern\b[^(]*$", head):
        return "scope"
    head = re.sub(r"^(public|private|protected)\s*:\s*", "", head)
    if re.match(r"(typedef\s+)?(class|struct|union|enum)\b[^(]*$", head):
        return "scope"
    if re.search(r"=\s*$|=[^=()]*$", head):
        return "inner"
    return "function" if re.search(r"\(|^\)", head) else "inner"
