#!/usr/bin/env python3
"""README's way from a bare machine to a running shmringd, where nothing is installed but the packages that README names.

The packages of the tests, and those without which some are skipped, are hidden in a mount namespace of its own: their headers,
libraries, programs, pkg-config and CMake files. Then, in a copy of the tree, README's commands set up a build; the tests are
left out and their packages named; asked for, they are an error that names them, as is a package that the tools need. With
`build`, README's commands then build and install the library, shmring and shmringd, which run.
usage: readme_build.py ROOT setup|build     exit 77: no mount namespace is permitted here, or there is no dpkg
"""
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

ROOT = os.path.abspath(sys.argv[1])
BUILDS = {"setup": False, "build": True}[sys.argv[2]]
# As a person has it, who names no compiler.
PLAIN = {name: value for name, value in os.environ.items() if name not in ("CC", "CXX", "CC_LD", "CXX_LD")}
FOLDER = "SHMRING_TEST_FOLDER"  # set inside the mount namespace
KEPT = {"binutils"}  # g++ needs it
UNNAMED = {"lld"}  # it only links faster
PROGRAM = "#include <shmring/shmring.h>\nint main(void) { return shmring_version() != SHMRING_VERSION; }\n"
TOOLS = ["libfmt-dev", "libcli11-dev", "libtomlplusplus-dev", "libzstd-dev", "libssl-dev", "libncurses-dev"]
COMMANDS = {"apt-get", "meson", "ninja", "ldconfig"}


def skip(why):
    print(f"skipped: {why}")
    sys.exit(77)


def packages(name):
    """A list of tests/support/install."""
    text = pathlib.Path(ROOT, "tests/support/install").read_text(encoding="utf-8")
    words = re.search(rf'^{name}="([^"]*)"$', text, re.M)[1].split()
    return [one for word in words for one in (packages(word[1:]) if word.startswith("$") else [word])]


def commands():
    """The lines of the first shell block under README's heading Building, without sudo."""
    text = pathlib.Path(ROOT, "README.md").read_text(encoding="utf-8")
    block = re.search(r"^## Building$.*?^```sh\n(.*?)^```$", text, re.M | re.S)[1]
    found = [line.partition("#")[0].split() for line in block.splitlines()]
    found = [words[words[0] == "sudo":] for words in found if words]
    assert {words[0] for words in found} <= COMMANDS, found
    return found


def runs_programs(path):
    """A link lib….so leads to what programs run with, the compiler's among them; a build looks for the headers, too."""
    return path.endswith(".so") and os.path.islink(path)


def hide(names, place):
    """What a build could find of these packages is not there any more: files and folders are mounted over; /usr/include is one
    of links to all that is not theirs, for an empty header would still be one."""
    paths = []
    for package in names:
        listed = subprocess.run(["dpkg", "-L", package], capture_output=True, text=True, check=False).stdout
        paths += filter(os.path.exists, listed.split())
    for path in paths:
        if re.search(r"/cmake/[^/]+$", path) and os.path.isdir(path):
            subprocess.run(["mount", "-t", "tmpfs", "none", path], check=True)
        elif re.match(r"/usr/bin/[^/]+$|.*\.(pc|a|so)$", path) and os.path.isfile(path) and not runs_programs(path):
            subprocess.run(["mount", "--bind", "/dev/null", path], check=True)
    theirs = {os.path.basename(path) for path in paths if os.path.dirname(path) == "/usr/include"}
    place.mkdir()
    subprocess.run(["mount", "--bind", "/usr/include", place], check=True)
    subprocess.run(["mount", "-o", "remount,bind,ro", place], check=True)
    subprocess.run(["mount", "-t", "tmpfs", "none", "/usr/include"], check=True)
    for name in set(os.listdir(place)) - theirs:
        os.symlink(place / name, f"/usr/include/{name}")


def run(folder, *command, status=0, **environment):
    done = subprocess.run(command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False,
                          env={**PLAIN, **environment})
    if (done.returncode == 0) != (status == 0):
        sys.exit(f"{command}: exit status {done.returncode}\n{done.stdout}")
    return done.stdout


def must_name(text, names, where):
    lacking = [name for name in names if not re.search(rf"install\b.* {re.escape(name)}\b", text)]
    if lacking:
        sys.exit(f"{where} does not name {lacking}:\n{text}")


def configure(folder, hidden):
    must_name(run(folder, "meson", "setup", "b/auto"), hidden, "the summary")
    must_name(run(folder, "meson", "setup", "b/asked", "-Dtests=enabled", status=1), hidden, "the error")
    run(folder, "meson", "setup", "b/off", "-Dtests=disabled")
    hide(TOOLS, folder.parent / "include-tools")
    must_name(run(folder, "meson", "setup", "b/bare", status=1), TOOLS, "the error")
    run(folder, "meson", "setup", "b/library", "-Dtools=false")


def build(folder):
    target = folder / "installed"
    for words in commands():
        if words[0] in ("meson", "ninja") and (BUILDS or words[:2] == ["meson", "setup"]):
            run(folder, *words, DESTDIR=str(target), CFLAGS="-O0", CXXFLAGS="-O0")  # it takes half as long
    if not BUILDS:
        return
    libraries = next(target.rglob("libshmring.so")).parent
    programs = {path.name: path for path in target.rglob("bin/*")}
    for name in ("shmring", "shmringd"):
        run(folder, programs[name], "--version", LD_LIBRARY_PATH=str(libraries))
    header = next(target.rglob("shmring.h")).parents[1]
    (folder / "a.c").write_text(PROGRAM)
    run(folder, "cc", "-std=c99", "a.c", "-I", header, "-L", libraries, "-lshmring", "-o", "a")
    run(folder, "./a", LD_LIBRARY_PATH=str(libraries))


def inside(folder):
    """In a mount namespace that ends with this process; who removes the folder stands outside, and sees none of its mounts."""
    shutil.copytree(ROOT, folder / "tree", ignore=lambda path, names: {"build", ".git"} if path == ROOT else set())
    hidden = [name for name in packages("tests") if name not in KEPT]
    hide({*hidden, *packages("where_there")} - {*packages("packages")}, folder / "include")
    build(folder / "tree")
    configure(folder / "tree", [name for name in hidden if name not in UNNAMED])
    what = "built and installed" if BUILDS else "set up a build"
    print(f"REPORT README's commands {what} with README's packages alone; missing packages are named")


def outside():
    [said] = [words[2:] for words in commands() if words[:2] == ["apt-get", "install"]]
    if sorted(said) != sorted(packages("packages")):
        sys.exit(f"README says to install {said}, tests/support/install {packages('packages')}")
    if shutil.which("dpkg") is None:
        skip("there is no dpkg to ask what a package consists of")
    if subprocess.run(["unshare", "--mount", "true"], stderr=subprocess.DEVNULL, check=False).returncode != 0:
        skip("no mount namespace is permitted")
    with tempfile.TemporaryDirectory(prefix="shmring-readme-") as folder:
        return subprocess.run(["unshare", "--mount", sys.executable, *sys.argv], env={**os.environ, FOLDER: folder},
                              check=False).returncode


if FOLDER in os.environ:
    inside(pathlib.Path(os.environ[FOLDER]))
else:
    sys.exit(outside())
