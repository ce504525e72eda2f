#!/usr/bin/env python3
"""What the Debian packages say of themselves: it agrees with the build, the header and the versions; and the list of what is in
packages is an SPDX 2.3 document that names each of their files, with its hashes, and nothing else.

usage: packaging.py ROOT                    the sources, and the list of a small package that is made here
       packaging.py ROOT --list FOLDER      the list of the packages in FOLDER, and they
"""
import hashlib
import json
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(sys.argv[1])
DEBIAN = ROOT / "tools/debian"
# What meson.build calls a part of the packages, beside those that its lists of packages name.
ALWAYS = {"g++", "libnats-dev", "meson", "ninja-build", "pkg-config", "python3-dev", "scdoc"}
KINDS = {"DESCRIBES", "CONTAINS", "DEPENDS_ON", "BUILD_DEPENDENCY_OF"}
REQUIRED = {
    "document": {"spdxVersion", "dataLicense", "SPDXID", "name", "documentNamespace", "creationInfo", "packages", "files",
                 "relationships"},
    "packages": {"SPDXID", "name", "downloadLocation"},
    "files": {"SPDXID", "fileName", "checksums"},
    "relationships": {"spdxElementId", "relationshipType", "relatedSpdxElement"}}
CONTROL = "Package: {name}\nVersion: 1.2-3\nArchitecture: amd64\nMaintainer: a <a@a>\nDepends: {needs}\nDescription: a\n"


def text(path):
    return (ROOT / path).read_text(encoding="utf-8")


def output(*command):
    return subprocess.run([str(word) for word in command], check=True, stdout=subprocess.PIPE).stdout


def differ(what, left, right):
    return [f"{what}: {sorted(left - right)} on one side alone, {sorted(right - left)} on the other"] if left != right else []


def build_depends():
    field = re.search(r"^Build-Depends(:.*(?:\n .*)*)", text(DEBIAN / "control"), re.M)[1]
    return set(re.findall(r"[,:]\s*([a-z0-9+.-]+)", field))


def installed(name):
    return set(re.search(rf'^{name}="([^"]*)"$', text("tests/support/install"), re.M)[1].split())


def of_sources():
    """What debian/ says, and what it says it of."""
    needed = {name for names in re.findall(r"\['(?:lib|tools)', '([^']+)'", text("meson.build")) for name in names.split()}
    control = build_depends()
    packaging = {name for name in control if not name.startswith(("debhelper-", "dh-sequence-"))}
    problems = differ("Build-Depends of debian/control, and what meson.build needs", packaging, needed | ALWAYS | {"dh-python"})
    lacking = packaging - installed("packages") - installed("packaging")
    problems += [f"tests/support/install package: {name} is in Build-Depends, and is not installed" for name in sorted(lacking)]

    declared = set(re.findall(r"^SHMRING_API[^;(]*?(\w+)\s*\(", text("lib/include/shmring/shmring.h"), re.M))
    symbols = set(re.findall(r"^ (\w+)@SHMRING_0 [0-9.]+$", text(DEBIAN / "libshmring0.symbols"), re.M)) - {"SHMRING_0"}
    problems += differ("shmring.h, and libshmring0.symbols", declared, symbols)

    version = re.search(r"version: '([0-9.]+)'", text("meson.build"))[1]
    others = {"lib/python/meson.build": r"version: '([0-9.]+)'", "tools/debian/changelog": r"^shmring \(([^)]+)\)",
              "tools/debian/tests/programs": r"find_package\(shmring ([0-9.]+)"}
    for path, pattern in others.items():
        said = re.search(pattern, text(path))[1]
        if said not in (version, version.rpartition(".")[0]):
            problems.append(f"{path} says version {said}, meson.build {version}")
    return problems


def of_shape(document):
    """What SPDX 2.3 requires of the fields that are there."""
    problems = [f"the document lacks {name}" for name in REQUIRED["document"] - document.keys()]
    if problems:
        return problems
    for kind in ("packages", "files", "relationships"):
        problems += [f"{kind}: {entry} lacks {REQUIRED[kind] - entry.keys()}" for entry in document[kind]
                     if not REQUIRED[kind] <= entry.keys()]
    names = [document["SPDXID"], *(entry["SPDXID"] for kind in ("packages", "files") for entry in document[kind])]
    problems += [f"{name} is no identifier" for name in names if not re.fullmatch(r"SPDXRef-[A-Za-z0-9.-]+", name)]
    problems += [f"{name} is there twice" for name in set(names) if names.count(name) > 1]
    ends = [(entry["relationshipType"], entry[end]) for entry in document["relationships"]
            for end in ("spdxElementId", "relatedSpdxElement")]
    problems += [f"{kind}: {end} is not there" for kind, end in ends if end not in set(names)]
    problems += [f"{kind} is no relationship" for kind, _ in ends if kind not in KINDS]
    information = document["creationInfo"]
    wanted = {"spdxVersion": (document["spdxVersion"], r"SPDX-2\.3"), "dataLicense": (document["dataLicense"], r"CC0-1\.0"),
              "documentNamespace": (document["documentNamespace"], r"https://[^#\s]+"),
              "created": (information["created"], r"20\d\d-\d\d-\d\dT\d\d:\d\d:\d\dZ"),
              "creators": (" ".join(information["creators"]), r"(Tool|Organization|Person): .+")}
    problems += [f"{name} is {value}" for name, (value, pattern) in wanted.items() if not re.fullmatch(pattern, value)]
    return problems


def of_package(document, path):
    """A package of the list, and the package: its file, its files, what it depends on."""
    name, content = output("dpkg-deb", "--field", path, "Package").decode().strip(), path.read_bytes()
    entries = [entry for entry in document["packages"] if entry["name"] == name]
    if len(entries) != 1:
        return [f"{name} is in the list {len(entries)} times"]
    [entry] = entries
    related = {kind: {row["relatedSpdxElement"] for row in document["relationships"] if row["relationshipType"] == kind
                      and row["spdxElementId"] == entry["SPDXID"]} for kind in KINDS}
    files = [file for file in document["files"] if file["SPDXID"] in related["CONTAINS"]]
    sums = {kind: {file["fileName"]: digest["checksumValue"] for file in files for digest in file["checksums"]
                   if digest["algorithm"] == kind} for kind in ("SHA1", "SHA256")}
    with tempfile.TemporaryDirectory() as folder:
        output("dpkg-deb", "--extract", path, folder)
        there = {f"./{file.relative_to(folder)}": file.read_bytes() for file in pathlib.Path(folder).rglob("*")
                 if file.is_file() and not file.is_symlink()}
    problems = differ(f"files of {name}", set(sums["SHA256"].items()),
                      {(file, hashlib.sha256(data).hexdigest()) for file, data in there.items()})
    code = hashlib.sha1("".join(sorted(hashlib.sha1(data).hexdigest() for data in there.values())).encode()).hexdigest()
    if entry.get("packageVerificationCode", {}).get("packageVerificationCodeValue") != code or not entry["filesAnalyzed"]:
        problems.append(f"{name}: the code over its files is not {code}")
    if {"algorithm": "SHA256", "checksumValue": hashlib.sha256(content).hexdigest()} not in entry["checksums"]:
        problems.append(f"{name}: the hash of its file is another")
    needed = output("dpkg-deb", "--field", path, "Depends", "Pre-Depends").decode()
    needed = {word.split()[0].partition(":")[0] for row in needed.splitlines()
              for word in re.split(r"[,|]", re.sub(r"^(Pre-)?Depends:", "", row)) if word.strip()}
    known = {other["SPDXID"]: other["name"] for other in document["packages"]}
    problems += differ(f"what {name} depends on", {known[other] for other in related["DEPENDS_ON"]}, needed)
    return problems


def of_list(document, paths):
    problems = of_shape(document)
    for path in [] if problems else paths:
        problems += of_package(document, path)
    described = sum(row["relationshipType"] == "DESCRIBES" for row in document["relationships"])
    return problems + ([f"the list describes {described} packages; there are {len(paths)}"] if described != len(paths) else [])


def of_small_packages():
    """Two packages, of which the names and those of their files differ in characters that SPDX does not permit."""
    with tempfile.TemporaryDirectory() as place:
        paths = []
        for name, needs in (("a", "b.b (>= 1), libc6:any | c+1"), ("b.b", "libc6")):
            tree = pathlib.Path(place, name)
            for file in ("DEBIAN/control", "usr/a_1", "usr/a-1", "usr/a@.service"):
                (tree / file).parent.mkdir(parents=True, exist_ok=True)
                (tree / file).write_text(CONTROL.format(name=name, needs=needs) if file.startswith("D") else file)
            (tree / "usr/link").symlink_to("a_1")
            tree.chmod(0o755)
            paths.append(pathlib.Path(place, f"{name}_1.deb"))
            output("dpkg-deb", "--root-owner-group", "--build", tree, paths[-1])
        made = output(ROOT / "tools/package_list.py", DEBIAN / "control", *paths)
        return of_list(json.loads(made), paths), json.loads(made)


def headers_named(document):
    """What is compiled in is in no field Depends; the list says it with a version."""
    named = {row["name"] for row in document["packages"] if "versionInfo" in row}
    return [] if {"libboost-dev", "libcli11-dev", "libtomlplusplus-dev"} <= named else [f"no versions of headers: {named}"]


def main():
    if sys.argv[2:3] == ["--list"]:
        paths = sorted(pathlib.Path(sys.argv[3]).glob("*.deb"))
        problems = of_list(json.loads((pathlib.Path(sys.argv[3]) / "shmring.spdx.json").read_text(encoding="utf-8")), paths)
        problems += [] if paths else ["there are no packages"]
        said = f"the list of {len(paths)} packages"
    else:
        problems, said = of_sources(), "what packages say of themselves"
        if shutil.which("dpkg-deb") and shutil.which("dpkg-query"):
            found, document = of_small_packages()
            problems += found + headers_named(document)
            said += ", and the list of two small ones"
    print(*problems, sep="\n")
    print(f"REPORT {said}: as it should be" if not problems else f"{len(problems)} problems")
    return 1 if problems else 0


sys.exit(main())
