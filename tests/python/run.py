#!/usr/bin/env python3
"""Builds the Python package as its users do: sdist, from that a wheel, both without an index; installs it into a new virtual
environment, and runs the tests there.

usage: run.py ROOT BUILD tests|cost [argument of pytest]…        SHMRING_TOOLS: the folder with shmringd and shmring
"""
import importlib.util
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

NEEDED = ["build", "mesonpy", "pytest", "venv", "ensurepip"]
SKIPPED = 77


def run(*command, **options):
    words = [str(word) for word in command]
    done = subprocess.run(words, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, **options)
    if done.returncode != 0:
        sys.exit(f"{' '.join(words)}: {done.returncode}\n{done.stdout}")


def main():
    root, build = map(pathlib.Path, sys.argv[1:3])
    missing = [name for name in NEEDED if importlib.util.find_spec(name) is None]
    if missing or not shutil.which("git"):
        print(f"SKIPPED not installed: {' '.join(missing) or 'git'}")
        return SKIPPED
    environment = {**os.environ, "PKG_CONFIG_PATH": str(build / "meson-uninstalled")}
    with tempfile.TemporaryDirectory(prefix="shmring-python-") as place:
        place = pathlib.Path(place)
        source = place / "source"  # the build writes into it, and takes what git tracks
        shutil.copytree(root / "lib/python", source)
        for command in (["init", "-q"], ["add", "."],
                        ["-c", "user.name=test", "-c", "user.email=test@localhost", "commit", "-qm", "source"]):
            run("git", *command, cwd=source)
        run(sys.executable, "-m", "build", "--no-isolation", "--skip-dependency-check", "-o", place, source, env=environment)
        wheel = next(place.glob("*.whl"))
        run(sys.executable, "-m", "venv", "--system-site-packages", place / "venv")
        python = place / "venv/bin/python"
        run(python, "-m", "pip", "install", "--no-index", "--no-deps", wheel)
        environment["PYTHONDONTWRITEBYTECODE"] = "1"
        if sys.argv[3] == "cost":
            program = place / "cost"
            run("cc", "-O2", "-o", program, root / "tests/python/cost.c", f"-I{root}/lib/include", build / "lib/libshmring.a",
                "-lstdc++")
            return subprocess.run([python, "-P", root / "tests/python/cost.py", program], env=environment).returncode
        command = [python, "-P", "-m", "pytest", "-q", "-p", "no:cacheprovider", root / "tests/python", *sys.argv[4:]]
        done = subprocess.run(command, env=environment, stdout=subprocess.PIPE, text=True)
        print(done.stdout)
        summary = done.stdout.strip().splitlines()[-1:]
        print(f"REPORT {wheel.name}: {''.join(summary)}")
        return done.returncode


sys.exit(main())
