#!/usr/bin/env python3
"""What is in Debian packages, as an SPDX 2.3 document: each package, each of its files by SHA-256, and what it depends on.

usage: package_list.py PACKAGE.deb…        prints JSON
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

NAMESPACE = "https://spdx.org/spdxdocs/shmring-"


def field(path, name):
    return subprocess.run(["dpkg-deb", "--field", path, name], check=True, stdout=subprocess.PIPE, text=True).stdout.strip()


def files_of(path):
    """The regular files of a package: name, content."""
    data = subprocess.run(["dpkg-deb", "--fsys-tarfile", path], check=True, stdout=subprocess.PIPE).stdout
    with tarfile.open(fileobj=io.BytesIO(data)) as archive:
        for member in archive:
            if member.isfile():
                yield member.name, archive.extractfile(member).read()


def spdx_id(*words):
    return "SPDXRef-" + re.sub(r"[^A-Za-z0-9.-]", "-", "-".join(words))


def package(path):
    name, version = field(path, "Package"), field(path, "Version")
    with open(path, "rb") as file:
        digest = hashlib.sha256(file.read()).hexdigest()
    return {
        "SPDXID": spdx_id("Package", name), "name": name, "versionInfo": version, "downloadLocation": "NOASSERTION",
        "filesAnalyzed": False, "licenseConcluded": "MIT", "licenseDeclared": "MIT",
        "copyrightText": "2026 libshmring authors", "checksums": [{"algorithm": "SHA256", "checksumValue": digest}],
        "externalRefs": [{"referenceCategory": "PACKAGE-MANAGER", "referenceType": "purl",
                          "referenceLocator": f"pkg:deb/shmring/{name}@{version}"}]}


def main():
    packages, files, relations = [], [], []
    for path in sys.argv[1:]:
        entry = package(path)
        packages.append(entry)
        relations.append(("SPDXRef-DOCUMENT", "DESCRIBES", entry["SPDXID"]))
        for name, content in files_of(path):
            file = {"SPDXID": spdx_id("File", entry["name"], name), "fileName": name,
                    "checksums": [{"algorithm": "SHA1", "checksumValue": hashlib.sha1(content).hexdigest()},
                                  {"algorithm": "SHA256", "checksumValue": hashlib.sha256(content).hexdigest()}]}
            files.append(file)
            relations.append((entry["SPDXID"], "CONTAINS", file["SPDXID"]))
        needed = f"{field(path, 'Depends')}, {field(path, 'Pre-Depends')}"
        for other in sorted(set(re.findall(r"(?:^|[,|] ?)([a-z0-9][a-z0-9+.-]+)", needed))):
            reference = spdx_id("Package", other)
            if reference not in [known["SPDXID"] for known in packages]:
                packages.append({"SPDXID": reference, "name": other, "downloadLocation": "NOASSERTION", "filesAnalyzed": False})
            relations.append((entry["SPDXID"], "DEPENDS_ON", reference))
    packages = list({entry["SPDXID"]: entry for entry in sorted(packages, key=lambda entry: "versionInfo" in entry)}.values())
    digest = hashlib.sha256(json.dumps([packages, files]).encode()).hexdigest()
    created = datetime.datetime.fromtimestamp(int(os.environ.get("SOURCE_DATE_EPOCH", "0")), datetime.timezone.utc)
    json.dump({
        "spdxVersion": "SPDX-2.3", "dataLicense": "CC0-1.0", "SPDXID": "SPDXRef-DOCUMENT", "name": "shmring",
        "documentNamespace": NAMESPACE + digest[:32],
        "creationInfo": {"created": created.strftime("%Y-%m-%dT%H:%M:%SZ"), "creators": ["Tool: tools/package_list.py"]},
        "packages": packages, "files": files,
        "relationships": [{"spdxElementId": a, "relationshipType": kind, "relatedSpdxElement": b} for a, kind, b in relations]},
        sys.stdout, indent=1)
    print()


main()
