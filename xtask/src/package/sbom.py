"""The bill of materials of a program, in the form of CycloneDX.

    cargo tree --prefix depth --format '\\t{p}\\t{l}\\t{r}' … | sbom.py PROGRAM RUST-VERSION OUTPUT

cargo resolves; Cargo.lock has the checksums. The same sources make the same file: its time is SOURCE_DATE_EPOCH, and its
number follows from what is in it.
"""

import datetime
import os
import sys
import tomllib
import uuid

from cyclonedx.contrib.license.factories import LicenseFactory
from cyclonedx.model import ExternalReference, ExternalReferenceType, HashAlgorithm, HashType, XsUri
from cyclonedx.model.bom import Bom
from cyclonedx.model.component import Component, ComponentType
from cyclonedx.output import make_outputter
from cyclonedx.schema import OutputFormat, SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from packageurl import PackageURL


def component(name, version, licence, repository, checksum, kind=ComponentType.LIBRARY):
    links = []
    if repository:
        links = [ExternalReference(type=ExternalReferenceType.VCS, url=XsUri(repository))]
    return Component(
        name=name,
        version=version,
        type=kind,
        bom_ref=f"{name}@{version}",
        # Some crates still write a slash for `OR`.
        licenses=[LicenseFactory().make_from_string(licence.replace("/", " OR "))],
        hashes=[HashType(alg=HashAlgorithm.SHA_256, content=checksum)] if checksum else [],
        external_references=links,
        purl=PackageURL("cargo", name=name, version=version) if checksum else None,
    )


def crates(lines):
    """Yields depth, name, version, licence and repository."""
    for line in lines:
        depth, package, licence, repository = line.rstrip("\n").split("\t")
        name, version, *_ = package.split()
        # The mark of a crate whose dependencies were listed before.
        repository = repository.removesuffix("(*)").strip()
        yield int(depth), name, version.removeprefix("v"), licence, repository


def main(program, rust, output):
    with open("Cargo.lock", "rb") as file:
        locked = tomllib.load(file)["package"]
    checksums = {(it["name"], it["version"]): it.get("checksum") for it in locked}
    found, uses, above = {}, {}, []
    for depth, name, version, licence, repository in crates(sys.stdin):
        key = (name, version)
        if key not in found:
            kind = ComponentType.LIBRARY if depth else ComponentType.APPLICATION
            found[key] = component(*key, licence, repository, checksums[key], kind)
            uses[key] = set()
        del above[depth:]
        if above:
            uses[above[-1]].add(key)
        above.append(key)
    root, *others = found
    # The program, not the crate that it is compiled from, is what the file describes.
    found[root].name = program
    library = component("std", rust, "MIT OR Apache-2.0", "https://github.com/rust-lang/rust", None)

    bom = Bom(components=[*(found[key] for key in others), library])
    bom.metadata.component = found[root]
    seconds = int(os.environ["SOURCE_DATE_EPOCH"])
    bom.metadata.timestamp = datetime.datetime.fromtimestamp(seconds, datetime.timezone.utc)
    names = [f"{name}@{version}" for name, version in sorted(found)]
    bom.serial_number = uuid.uuid5(uuid.NAMESPACE_URL, " ".join([program, rust, str(seconds), *names]))
    for key, used in uses.items():
        bom.register_dependency(found[key], [found[other] for other in used])
    bom.register_dependency(found[root], [*(found[other] for other in uses[root]), library])

    text = make_outputter(bom, OutputFormat.JSON, SchemaVersion.V1_6).output_as_string(indent=2)
    wrong = JsonStrictValidator(SchemaVersion.V1_6).validate_str(text)
    if wrong:
        sys.exit(f"{output}: {wrong}")
    with open(output, "w", encoding="utf-8", newline="\n") as file:
        file.write(text + "\n")


main(*sys.argv[1:])
