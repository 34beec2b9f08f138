"""A software bill of materials (CycloneDX 1.6): the packages and versions that made a result."""

import json
from importlib import metadata

from cyclonedx.model.bom import Bom
from cyclonedx.model.component import Component
from cyclonedx.model.license import DisjunctiveLicense, LicenseExpression
from cyclonedx.output.json import JsonV1Dot6
from packageurl import PackageURL
from packaging.utils import canonicalize_name


def sbom() -> str:
    """List every distribution installed in this environment.

    Returns:
        CycloneDX JSON. The same environment gives the same text, without time, serial number or path.
    """
    found = {canonicalize_name(package.name): package for package in metadata.distributions()}
    components = [_component(name, package) for name, package in sorted(found.items())]
    body = json.loads(JsonV1Dot6(Bom(components=components)).output_as_string())
    del body["serialNumber"], body["metadata"]["timestamp"]
    return json.dumps(body, indent=2, sort_keys=True) + "\n"


def _component(name: str, package: metadata.Distribution) -> Component:
    url = PackageURL("pypi", name=name, version=package.version)
    return Component(name=name, version=package.version, purl=url, bom_ref=str(url), licenses=_licences(package))


def _licences(package: metadata.Distribution) -> list[LicenseExpression] | list[DisjunctiveLicense]:
    if expression := package.metadata.get_all("License-Expression"):
        return [LicenseExpression(expression[0])]
    classifiers = package.metadata.get_all("Classifier") or []
    names = {line.rpartition(" :: ")[2] for line in classifiers if line.startswith("License :: ")}
    return [DisjunctiveLicense(name=name) for name in sorted(names)]
