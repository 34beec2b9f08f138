"""The bill of materials is valid CycloneDX, complete, reproducible and quick to make."""

import json
import time
from importlib import metadata

from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from packaging.utils import canonicalize_name

from asl_pkg.lineage.sbom import sbom


def test_it_is_valid_cyclonedx() -> None:
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(sbom()) is None


def test_it_names_every_package_with_its_version() -> None:
    listed = {component["name"]: component for component in json.loads(sbom())["components"]}
    assert listed.keys() == {canonicalize_name(package.name) for package in metadata.distributions()}
    assert listed["torch"]["version"] == metadata.version("torch")
    assert listed["numpy"]["purl"] == f"pkg:pypi/numpy@{metadata.version('numpy')}"
    assert listed["ruff"]["licenses"]


def test_it_is_the_same_twice_and_made_at_once() -> None:
    start = time.process_time()
    first = sbom()
    assert time.process_time() - start < 2
    assert sbom() == first
