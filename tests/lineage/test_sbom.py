"""The bill of materials is valid CycloneDX, complete and reproducible."""

import json
from importlib import metadata

from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from packaging.utils import canonicalize_name

from asl_pkg.lineage.sbom import PretrainedFile, sbom


def test_it_is_valid_cyclonedx() -> None:
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(sbom()) is None


def test_it_names_every_package_with_its_version() -> None:
    listed = {component["name"]: component for component in json.loads(sbom())["components"]}
    assert listed.keys() == {canonicalize_name(package.name) for package in metadata.distributions()}
    assert listed["torch"]["version"] == metadata.version("torch")
    assert listed["numpy"]["purl"] == f"pkg:pypi/numpy@{metadata.version('numpy')}"
    assert listed["ruff"]["licenses"]


def test_it_is_the_same_twice() -> None:
    assert sbom() == sbom()


def test_pretrained_weights_are_listed_with_source_licence_and_digest() -> None:
    file = PretrainedFile("palm.tflite", "mediapipe", "1.2", "Apache-2.0", "ab" * 32)
    (found,) = [part for part in json.loads(sbom([file]))["components"] if part["name"] == "palm.tflite"]
    assert (found["group"], found["version"], found["type"]) == ("mediapipe", "1.2", "machine-learning-model")
    assert found["hashes"] == [{"alg": "SHA-256", "content": "ab" * 32}]
    assert found["licenses"] == [{"expression": "Apache-2.0"}]
