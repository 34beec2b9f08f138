"""bundle.json: its contents, read as untrusted input."""

from pathlib import Path
from typing import Annotated, Any

from pydantic import Field, FiniteFloat, field_validator

from asl_pkg import contract
from asl_pkg.errors import BundleError
from asl_pkg.storage.json_model import JsonModel, parse_json, read_schema_version

MAX_MANIFEST_BYTES = 2**20  # it names a handful of files in some kilobytes
Digest = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
# Neither absolute nor with `..`, an empty part or a hidden file, and only what every file system and shell takes.
PlainPath = Annotated[str, Field(pattern=r"^([0-9A-Za-z_][0-9A-Za-z_.-]*/)*[0-9A-Za-z_][0-9A-Za-z_.-]*$")]


class TrainingFacts(JsonModel):
    """The training of the model."""

    commit: str
    run_id: str
    seed: int
    model: dict[str, Any]
    trainer: dict[str, Any]


class Provenance(JsonModel):
    """Origin of a bundle."""

    exported_at: str
    export: dict[str, Any] = {}
    training: TrainingFacts


class BundleFile(JsonModel):
    """A file of a bundle."""

    path: PlainPath
    size: int
    sha256: Digest


class ContractFacts(JsonModel):
    """The contract of the model, and its identity."""

    schema_version: int
    preparation_version: int
    image_px: int
    classes: list[str]
    model_digest: Digest


class ModelFacts(JsonModel):
    """What an export knows about its model. A bundle without `known_classes` or `precision` is older than these."""

    contract_version: int
    dataset_digest: str
    known_classes: list[str] = list(contract.CLASSES)
    precision: str = contract.FP32
    confidence_threshold: Annotated[FiniteFloat, Field(ge=0, le=1)]
    temperature: FiniteFloat
    provenance: Provenance


class Manifest(ModelFacts, ContractFacts):
    """Contents of bundle.json; the order of the fields is that of the file."""

    files: list[BundleFile]

    @field_validator("files")
    @classmethod
    def _each_named_once(cls, files: list[BundleFile]) -> list[BundleFile]:
        if len({file.path for file in files}) < len(files):
            raise ValueError("names a file twice")
        return files


def read_manifest(path: Path) -> Manifest:
    """Read bundle.json.

    Args:
        path: The file.

    Returns:
        Its contents; `files` names no file twice and none outside the bundle.

    Raises:
        BundleError: It is not JSON, too large, of another schema, or something in it is missing or of the wrong type.
    """
    with path.open("rb") as file:
        text = file.read(MAX_MANIFEST_BYTES + 1)
    try:
        if len(text) > MAX_MANIFEST_BYTES:
            raise ValueError(f"larger than {MAX_MANIFEST_BYTES:,} bytes")
        version = read_schema_version(text)
        if version != contract.BUNDLE_SCHEMA:
            raise BundleError(
                f"{path} has bundle schema {version}, expected {contract.BUNDLE_SCHEMA}: run `asl export` again"
            )
        return parse_json(Manifest, text)
    except ValueError as error:
        raise BundleError(f"{path} is damaged ({error}): `asl export` writes a new one") from error
