"""A software bill of materials (CycloneDX 1.6): the packages and versions that made a result."""

import json
from collections.abc import Sequence
from importlib import metadata
from typing import NamedTuple

from cyclonedx.model import HashAlgorithm, HashType
from cyclonedx.model.bom import Bom
from cyclonedx.model.component import Component, ComponentType
from cyclonedx.model.license import DisjunctiveLicense, LicenseExpression
from cyclonedx.output.json import JsonV1Dot6
from packageurl import PackageURL
from packaging.utils import canonicalize_name


class PretrainedFile(NamedTuple):
    """A file of weights that others trained."""

    name: str
    package: str  # that it comes from
    version: str  # of the package
    licence: str  # SPDX identifier
    sha256: str


def sbom(pretrained: Sequence[PretrainedFile] = ()) -> str:
    """List every distribution installed in this environment, and pretrained weights.

    Args:
        pretrained: Files of weights that the result contains.

    Returns:
        CycloneDX JSON. The same environment gives the same text, without time, serial number or path.
    """
    found = {canonicalize_name(package.name): package for package in metadata.distributions()}
    components = [_component(name, package) for name, package in sorted(found.items())]
    components += [_weights(file) for file in pretrained]
    body = json.loads(JsonV1Dot6(Bom(components=components)).output_as_string())
    del body["serialNumber"], body["metadata"]["timestamp"]
    return json.dumps(body, indent=2, sort_keys=True) + "\n"


def _component(name: str, package: metadata.Distribution) -> Component:
    url = PackageURL("pypi", name=name, version=package.version)
    return Component(name=name, version=package.version, purl=url, bom_ref=str(url), licenses=_licences(package))


def _weights(file: PretrainedFile) -> Component:
    return Component(
        type=ComponentType.MACHINE_LEARNING_MODEL,
        name=file.name,
        version=file.version,
        group=file.package,
        bom_ref=file.name,
        licenses=[LicenseExpression(file.licence)],
        hashes=[HashType(alg=HashAlgorithm.SHA_256, content=file.sha256)],
    )


def _licences(package: metadata.Distribution) -> list[LicenseExpression] | list[DisjunctiveLicense]:
    if expression := package.metadata.get_all("License-Expression"):
        return [LicenseExpression(expression[0])]
    classifiers = package.metadata.get_all("Classifier") or []
    names = {line.rpartition(" :: ")[2] for line in classifiers if line.startswith("License :: ")}
    return [DisjunctiveLicense(name=name) for name in sorted(names)]
