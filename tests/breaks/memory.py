"""What was found once, and of which files: it is true again while these, the compiler and its flags are the same.

A result is a file BUILD/breaks/NAME.json: what was said, the compiler and flags, and a digest of each file.
"""
import functools
import hashlib
import json
import re
import threading

from built import ROOT

TOOLS = [f"tests/breaks/{name}" for name in ("run", "built.py", "finders.py", "memory.py", "mutation.py")]


@functools.cache
def digest(name):
    """Of a file of the tree by its bytes, of one elsewhere (the compiler's, a package's) by size and time."""
    try:
        if name.startswith("/"):
            status = (ROOT / name).stat()
            return f"{status.st_size}, {status.st_mtime_ns}"
        return hashlib.sha256((ROOT / name).read_bytes()).hexdigest()
    except OSError:
        return "is gone"


class Memory:
    def __init__(self, build, forget):
        self.folder, self.forget, self.lock = build.folder / "breaks", forget, threading.Lock()
        self.folder.mkdir(exist_ok=True)
        flags = sorted({" ".join(word for word in command if re.match(r"-[OfDWsm]", word))
                        for command in build.commands.values()})
        self.compiler = [build.version, *flags]

    def _file(self, key):
        return self.folder / (re.sub(r"[^\w.-]+", "_", key) + ".json")

    def known(self, key):
        """What was said, or None."""
        try:
            result = json.loads(self._file(key).read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return None
        same = result["compiler"] == self.compiler and all(digest(name) == was for name, was in result["files"].items())
        return result["said"] if same and not self.forget else None

    def learn(self, key, said, files):
        with self.lock:
            digests = {name: digest(name) for name in sorted(files | set(TOOLS))}
        result = {"said": said, "compiler": self.compiler, "files": digests}
        temporary = self._file(key).with_suffix(".new")
        temporary.write_text(json.dumps(result), encoding="utf-8")
        temporary.rename(self._file(key))
