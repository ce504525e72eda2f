#!/usr/bin/env python3
"""Ways to use the library from another project: as a Meson subproject, and installed, through pkg-config or CMake.

The first two build a program in C and one in C++, and let it write into a ring of its own. CMake, where it is installed, finds
the library of this version, and none of a later one; tools/debian/tests builds and runs what it then makes.
usage: consumer.py ROOT BUILD
"""
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

PROGRAM = r"""
#include <shmring/shmring.h>
#include <stdio.h>
int main(void) {
  shmring_producer* producer = NULL;
  int result = shmring_create("consumer", NULL);
  if (result == 0) result = shmring_attach("consumer", NULL, &producer);
  if (result == 0) result = shmring_write(producer, NULL, "hello", 5);
  if (result == 0 && shmring_sequence(producer) != 1) result = 99;
  shmring_detach(producer);
  shmring_unlink("consumer");
  if (result != 0) fprintf(stderr, "%d: %s: %s\n", result, shmring_strerror(result), shmring_last_error());
  return result != 0;
}
"""
CXX_PROGRAM = r"""
#include <cstdio>
#include <shmring/shmring.hpp>
shmring::PerThread audit("consumer");
int main() {
  shmring::create("consumer");
  const bool wrote = audit.write("hello") && audit.fields().add("n", 1).commit();
  const bool both = wrote && audit.producer().sequence() == 2 && shmring::version() == SHMRING_VERSION;
  shmring::unlink("consumer");
  if (!both) std::puts(audit.last_error().c_str());
  return both ? 0 : 1;
}
"""
PROJECT = """
project('consumer', 'c', 'cpp', default_options: ['cpp_std=c++20'])
shmring = dependency('shmring', fallback: 'shmring')
foreach name : ['main.c', 'main.cpp']
  executable(name.underscorify(), name, dependencies: shmring)
endforeach
"""
CMAKE = "cmake_minimum_required(VERSION 3.18)\nproject(consumer NONE)\nfind_package(shmring {version} REQUIRED)\n"
SOURCES = {"main.c": PROGRAM, "main.cpp": CXX_PROGRAM}


def run(*command, **environment):
    subprocess.run([str(word) for word in command], check=True, env={**os.environ, **environment})


def write_sources(folder):
    folder.mkdir()
    for name, program in SOURCES.items():
        (folder / name).write_text(program)
    (folder / "meson.build").write_text(PROJECT)


def as_subproject(root, folder):
    write_sources(folder)
    copy = folder / "subprojects/shmring"
    copy.mkdir(parents=True)
    for name in ["meson.build", "meson_options.txt", "lib"]:  # all that a subproject needs
        (shutil.copytree if (root / name).is_dir() else shutil.copy)(root / name, copy / name)
    run("meson", "setup", folder / "build", folder, "-Doptimization=0", "--wrap-mode=nodownload",
        "--force-fallback-for=shmring")
    run("ninja", "-C", folder / "build", "--quiet")
    for name in SOURCES:
        run(folder / "build" / name.replace(".", "_"), SHMRING_DIR=str(folder))


def through_pkg_config(build, folder):
    write_sources(folder)
    prefix = folder / "installed"
    run("meson", "install", "-C", build, "--no-rebuild", "--quiet", "--destdir", prefix)
    [pc] = prefix.rglob("shmring.pc")
    search = {"PKG_CONFIG_PATH": str(pc.parent), "PKG_CONFIG_SYSROOT_DIR": str(prefix)}
    flags = subprocess.run(["pkg-config", "--cflags", "--libs", "shmring"], check=True, text=True,
                           stdout=subprocess.PIPE, env={**os.environ, **search}).stdout.split()
    for name, compiler in zip(SOURCES, [["cc", "-std=c99", "-pedantic"], ["c++", "-std=c++20"]]):
        run(*compiler, "-Wall", "-Wextra", "-Werror", folder / name, "-o", folder / "program", *flags)
        run(folder / "program", SHMRING_DIR=str(folder), LD_LIBRARY_PATH=str(pc.parent.parent))


def through_cmake(folder):
    """In what is installed already. Its files name the prefix, so that nothing is built here. The file of the version is asked
    as if it were of a later release, too, for a first one has no older ones that may be asked for."""
    [config] = (folder / "installed").rglob("cmake/shmring/shmringConfig.cmake")
    file = config.parent / "shmringConfigVersion.cmake"
    version = next((folder / "installed").rglob("shmring.pc")).read_text().partition("Version: ")[2].split()[0]
    major, minor = map(int, version.split(".")[:2])
    later = f"{major}.{minor}.77"
    for wanted, found in ((version, True), ("", True), (later, False), (f"{major}.{minor + 1}", False), ("99.0", False),
                          *((f"{major}.{older}", False) for older in range(minor))):
        ask_cmake(folder, config.parent, version, wanted, found)
    file.write_text(file.read_text().replace(version, later))
    for wanted, found in ((f"{major}.{minor}", True), (f"{major}.{minor}.76", True), (f"{major}.{minor}.78", False),
                          (f"{version}...{major + 1}", True), (f"{version}...{later}", True), (f"{version}...<{later}", False),
                          (f"{version}...{major}.{minor}.76", False)):
        ask_cmake(folder, config.parent, later, wanted, found)


def ask_cmake(folder, place, version, wanted, found):
    (folder / "CMakeLists.txt").write_text(CMAKE.format(version=wanted))
    done = subprocess.run(["cmake", "-S", folder, "-B", folder / f"cmake-{version}-{wanted}", f"-Dshmring_DIR={place}"],
                          stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, check=False)
    if (done.returncode == 0) != found:
        sys.exit(f"CMake, asked for version {wanted} of {version}: status {done.returncode}\n{done.stderr}")


def main():
    root, build = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2])
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        as_subproject(root, folder / "subproject")
        through_pkg_config(build, folder / "installed")
        if shutil.which("cmake"):
            through_cmake(folder / "installed")
    print("REPORT a C and a C++ program built and run as subproject's parent and through pkg-config")


main()
