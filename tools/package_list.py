#!/usr/bin/env python3
"""What is in Debian packages, as an SPDX 2.3 document: each package, each of its files by its hashes, what it depends on, and
the headers that were compiled into it, with their versions on this machine.

usage: package_list.py CONTROL PACKAGE.deb…     prints JSON. CONTROL: the source's debian/control
The document's time is that of SOURCE_DATE_EPOCH, or now.
"""
import datetime
import hashlib
import io
import json
import os
import re
import subprocess
import sys
import tarfile
import time

NAMESPACE = "https://spdx.org/spdxdocs/shmring-"
COPYRIGHT = "2026 libshmring authors"
# Build-Depends of which headers become a part of what is built. Nothing of them is a file of a package, or in its Depends.
HEADERS = ["libboost-dev", "libcli11-dev", "libfmt-dev", "libtomlplusplus-dev"]


def output(*command):
    return subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout


def field(path, name):
    return output("dpkg-deb", "--field", path, name).decode().strip()


def files_of(path):
    """The regular files of a package: name, content."""
    with tarfile.open(fileobj=io.BytesIO(output("dpkg-deb", "--fsys-tarfile", path))) as archive:
        for member in archive:
            if member.isfile():
                yield member.name, archive.extractfile(member).read()


def package_id(name):
    return "SPDXRef-Package-" + re.sub(r"[^A-Za-z0-9.-]", ".", name)


def file_entry(package, number, name, content):
    return {"SPDXID": f"SPDXRef-File-{package}-{number}", "fileName": name,
            "checksums": [{"algorithm": "SHA1", "checksumValue": hashlib.sha1(content).hexdigest()},
                          {"algorithm": "SHA256", "checksumValue": hashlib.sha256(content).hexdigest()}]}


def ours(path, files):
    """A package of which the files are known: SPDX wants a code over their hashes."""
    name, version, architecture = (field(path, word) for word in ("Package", "Version", "Architecture"))
    with open(path, "rb") as file:
        digest = hashlib.sha256(file.read()).hexdigest()
    sums = sorted(file["checksums"][0]["checksumValue"] for file in files)
    return {
        "SPDXID": package_id(name), "name": name, "versionInfo": version, "packageFileName": os.path.basename(path),
        "downloadLocation": "NOASSERTION", "filesAnalyzed": True,
        "packageVerificationCode": {"packageVerificationCodeValue": hashlib.sha1("".join(sums).encode()).hexdigest()},
        "licenseConcluded": "MIT", "licenseDeclared": "MIT", "copyrightText": COPYRIGHT,
        "checksums": [{"algorithm": "SHA256", "checksumValue": digest}],
        "externalRefs": [{"referenceCategory": "PACKAGE-MANAGER", "referenceType": "purl",
                          "referenceLocator": f"pkg:deb/shmring/{name}@{version}?arch={architecture}"}]}


def theirs(name, version=None):
    entry = {"SPDXID": package_id(name), "name": name, "downloadLocation": "NOASSERTION", "filesAnalyzed": False}
    return entry | ({"versionInfo": version} if version else {})


def headers(control):
    """Of HEADERS those that the source is built with, and their versions here, where it was built."""
    with open(control, encoding="utf-8") as file:
        needed = re.search(r"^Build-Depends:(.*(?:\n .*)*)", file.read(), re.M)[1]
    for name in sorted(set(re.findall(r"[a-z0-9][a-z0-9+.-]+", needed)) & set(HEADERS)):
        yield theirs(name, output("dpkg-query", "-W", "-f=${Version}", name).decode())


def contents(control, paths):
    """The packages, the files, the relationships."""
    packages, files, relations = {}, [], []
    for path in paths:
        name = field(path, "Package")
        held = [file_entry(name, number, *named) for number, named in enumerate(files_of(path))]
        packages[name] = ours(path, held)
        files += held
        relations.append(("SPDXRef-DOCUMENT", "DESCRIBES", package_id(name)))
        relations += [(package_id(name), "CONTAINS", file["SPDXID"]) for file in held]
    built = list(packages)
    for name, path in zip(built, paths):
        needed = f"{field(path, 'Depends')}, {field(path, 'Pre-Depends')}"
        for other in sorted(set(re.findall(r"(?:^|[,|] ?)([a-z0-9][a-z0-9+.-]+)", needed))):
            packages.setdefault(other, theirs(other))
            relations.append((package_id(name), "DEPENDS_ON", package_id(other)))
    for entry in headers(control):
        packages[entry["name"]] = entry | {"comment": "headers only: what is built has parts of them"}
        relations += [(entry["SPDXID"], "BUILD_DEPENDENCY_OF", package_id(name)) for name in built]
    return list(packages.values()), files, relations


def main():
    packages, files, relations = contents(sys.argv[1], sys.argv[2:])
    digest = hashlib.sha256(json.dumps([packages, files]).encode()).hexdigest()
    created = datetime.datetime.fromtimestamp(int(os.environ.get("SOURCE_DATE_EPOCH", time.time())), datetime.timezone.utc)
    json.dump({
        "spdxVersion": "SPDX-2.3", "dataLicense": "CC0-1.0", "SPDXID": "SPDXRef-DOCUMENT", "name": "shmring",
        "documentNamespace": NAMESPACE + digest[:32],
        "creationInfo": {"created": created.strftime("%Y-%m-%dT%H:%M:%SZ"), "creators": ["Tool: tools/package_list.py"]},
        "packages": packages, "files": files,
        "relationships": [{"spdxElementId": a, "relationshipType": kind, "relatedSpdxElement": b} for a, kind, b in relations]},
        sys.stdout, indent=1)
    print()


main()
