#!/usr/bin/env python3
"""Manual pages and completions: every option of every command is in both, and each shell offers it.

usage: manual.py FOLDER SHMRING SHMRINGD      FOLDER: what the build has made
"""
import os
import pathlib
import pty
import re
import select
import shutil
import subprocess
import sys
import tempfile
import time
import unittest

FOLDER, SHMRING, SHMRINGD = (pathlib.Path(word) for word in sys.argv[1:4])
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "tools/manual"))
import help  # noqa: E402


def pages():
    program = help.read("shmring", SHMRING)
    made = FOLDER / "shmring.bash"
    for command in program.commands:
        if f"'{command.names[0]}')" in made.read_text():
            yield help.read("shmring", SHMRING, command.names[0])
    yield help.read("shmringd", SHMRINGD)


def lines_of(command, **options):
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, **options).stdout.splitlines()


class Manual(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.pages = list(pages())
        assert len(cls.pages) > 15

    def shell(self, name):
        if shutil.which(name) is None:
            print(f"SKIPPED no {name} here")
            self.skipTest(f"no {name}")

    def test_each_option_has_its_entry_in_the_page_of_its_command(self):
        if not (FOLDER / "shmring.1").exists():
            print("SKIPPED no scdoc here")
            self.skipTest("no scdoc")
        for page in self.pages:
            text = (FOLDER / f"{page.name}.{8 if page.program == 'shmringd' else 1}").read_text()
            plain = re.sub(r"\\f[RBI]|\\", "", text)
            for option in page.options:
                self.assertRegex(plain, rf"(?m)^{re.escape(', '.join(option.names))}\b", page.called)
        settings = re.sub(r"\\f[RBI]|\\", "", (FOLDER / "shmringd.toml.5").read_text())
        for option in self.pages[-1].options:
            key = option.names[-1][2:].replace("-", "_")
            if key not in ("help", "version", "config", "check_config", "new_log"):
                self.assertRegex(settings, rf"(?m)^({key}|{key.partition('_')[2] or key}|name|dir|enabled|file)$")
        functions = re.findall(r"^SHMRING_API[^;(]*?(\w+)\s*\(", (
            pathlib.Path(__file__).resolve().parents[2] / "lib/include/shmring/shmring.h").read_text(), re.M)
        library = (FOLDER / "libshmring.3").read_text()
        for function in functions:
            self.assertRegex(library.replace("\\", ""), rf"\b{function}\(")

    def test_man_reads_each_page_without_a_warning(self):
        if shutil.which("man") is None:
            print("SKIPPED no man here")
            self.skipTest("no man")
        for page in FOLDER.glob("*.[1358]"):
            done = subprocess.run(["man", "--warnings", "-l", page], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
                                  text=True, env={**os.environ, "LC_ALL": "C.UTF-8", "MANWIDTH": "100"})
            self.assertEqual((done.returncode, done.stderr), (0, ""), page.name)

    def test_bash_offers_commands_options_words_rings_and_files(self):
        self.shell("bash")
        ask = f"""source {FOLDER}/shmring.bash; source {FOLDER}/shmringd.bash
        ask() {{
          COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); COMPREPLY=()
          _$1 "$1" "${{@: -1}}" "${{@: -2:1}}"; echo "${{COMPREPLY[@]}}"
        }}
        """
        offered = lambda *words: lines_of(["bash", "-c", ask + "ask " + " ".join(f"'{word}'" for word in words)],
                                          env={**os.environ, "SHMRING_DIR": self.rings.name})[0].split()
        self.rings = tempfile.TemporaryDirectory()
        self.addCleanup(self.rings.cleanup)
        pathlib.Path(self.rings.name, "shmring.payments").touch()
        self.assertEqual(offered("shmring", "ver"), ["verify"])
        self.assertEqual(offered("shmring", "log", "-o", ""), ["short", "json"])
        self.assertEqual(offered("shmring", "stat", ""), ["payments"])
        self.assertEqual(offered("shmringd", "--on-full", "ov"), ["overwrite"])
        self.assertIn("/etc/passwd", offered("shmring", "verify", "--key", "/etc/passw"))
        for page in self.pages:
            words = [page.program, *([page.command] if page.command else []), "-"]
            self.assertEqual(offered(*words), [name for option in page.options for name in option.names], page.called)

    def test_fish_offers_each_option_with_its_text(self):
        self.shell("fish")
        with tempfile.TemporaryDirectory() as home:
            script = f"source {FOLDER}/shmring.fish; source {FOLDER}/shmringd.fish\n"
            for page in self.pages:
                script += f"echo '= {page.called}'; complete -C '{page.called} --'\n"
            script += "echo '= words'; complete -C 'shmring log -o '"
            found, called = {}, None
            for line in lines_of(["fish", "-c", script], env={**os.environ, "HOME": home}):
                if line.startswith("= "):
                    called = line[2:]
                else:
                    found.setdefault(called, []).append(line.split("\t")[0])
        for page in self.pages:
            expected = {name for option in page.options for name in option.names if name.startswith("--")}
            self.assertLessEqual(expected, {name.rstrip("=") for name in found[page.called]}, page.called)
        self.assertEqual(sorted(found["words"]), ["json", "short"])

    def test_zsh_completes_on_a_terminal(self):
        self.shell("zsh")
        for typed, expected in (("shmring veri\t", "shmring verify "), ("shmring log --foll\t", "--follow"),
                                ("shmringd --on-full over\t", "overwrite"), ("shmring log -o sh\t", "short")):
            self.assertIn(expected, self.typed_in_zsh(typed, expected), typed)

    def typed_in_zsh(self, typed, expected):
        with tempfile.TemporaryDirectory() as home:
            pathlib.Path(home, ".zshrc").write_text(
                f"fpath=({FOLDER} $fpath); autoload -Uz compinit; compinit -u -d {home}/dump; PS1='ready> '; unsetopt beep\n")
            pid, terminal = pty.fork()
            if pid == 0:
                os.execvpe("zsh", ["zsh", "-i"], {**os.environ, "HOME": home, "ZDOTDIR": home, "TERM": "dumb"})
            try:
                said = self.until(terminal, "", "ready> ")
                os.write(terminal, typed.encode())
                return self.until(terminal, said, expected)
            finally:
                os.close(terminal)
                os.kill(pid, 9)
                os.waitpid(pid, 0)

    def until(self, terminal, said, expected):
        """Reads until it is there; what was said before does not count."""
        new, end = "", time.monotonic() + 30
        while expected not in new and time.monotonic() < end:
            if select.select([terminal], [], [], 0.1)[0]:
                new += os.read(terminal, 4096).decode(errors="replace")
        return new


if __name__ == "__main__":
    result = unittest.main(argv=sys.argv[:1], exit=False).result
    print(f"REPORT pages and completions of {len(Manual.pages)} commands, in three shells")
    sys.exit(not result.wasSuccessful())
