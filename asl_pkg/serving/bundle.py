"""The bundle: what is served, byte for byte what was validated, with a digest of every file in bundle.json."""

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from asl_pkg import contract, files
from asl_pkg.errors import BundleError


@dataclass(frozen=True)
class Bundle:
    """A bundle whose every file was checked against bundle.json.

    Args:
        folder: where it lies.
        manifest: the contents of bundle.json.
    """

    folder: Path
    manifest: dict[str, Any]

    @property
    def repository(self) -> Path:
        """The model repository that Triton gets."""
        return self.folder / contract.REPOSITORY_FOLDER

    @property
    def model_path(self) -> Path:
        """The ONNX file."""
        return self.folder / contract.MODEL_FILE

    @property
    def release(self) -> str:
        """What users see as the model's version: the first digits of the model digest."""
        return str(self.manifest["model_digest"])[: contract.RELEASE_DIGITS]

    @property
    def digest(self) -> str:
        """SHA-256 of bundle.json, which names the digest of everything else."""
        return files.sha256(self.folder / contract.BUNDLE_FILE)

    @property
    def dataset_digest(self) -> str:
        """Digest of the data set that the model was trained on."""
        return str(self.manifest["dataset_digest"])

    @property
    def precision(self) -> str:
        """What the graph computes with; a bundle that says nothing of it was made before there were variants."""
        return str(self.manifest.get("precision", contract.FP32))

    @property
    def confidence_threshold(self) -> float:
        """Below this probability the answer is `unsure`."""
        return float(self.manifest["confidence_threshold"])

    @property
    def image_px(self) -> int:
        """Side of the square picture that the model takes, in pixels."""
        return int(self.manifest["image_px"])


def seal(folder: Path, facts: dict[str, Any]) -> Bundle:
    """Write bundle.json over the files of a folder; afterwards nothing in it may change.

    Args:
        folder: holds repository/ and extras/.
        facts: dataset_digest, precision, confidence_threshold, temperature, provenance.

    Returns:
        The sealed bundle.
    """
    listed = _list(folder)
    manifest = {
        "schema_version": contract.BUNDLE_SCHEMA,
        "contract_version": contract.CONTRACT_VERSION,
        "preparation_version": contract.PREPARATION_VERSION,
        "image_px": contract.IMAGE_PX,
        "classes": list(contract.CLASSES),
        "model_digest": model_digest(listed),
        **facts,
        "files": listed,
    }
    files.write_json(folder / contract.BUNDLE_FILE, manifest)
    return Bundle(folder, manifest)


def open_bundle(folder: Path) -> Bundle:
    """Read a bundle and check every file of it.

    Args:
        folder: where the bundle lies.

    Returns:
        The bundle, all its digests verified.

    Raises:
        BundleError: it is missing, of another schema, or a file is extra, missing or changed.
    """
    manifest_path = folder / contract.BUNDLE_FILE
    if not manifest_path.is_file():
        raise BundleError(f"no bundle in {folder}: {contract.BUNDLE_FILE} is missing; `asl export` writes one")
    try:
        manifest = json.loads(manifest_path.read_text(encoding="utf-8"))
        expected = {one["path"]: (one["size"], one["sha256"]) for one in manifest["files"]}
        version = manifest["schema_version"]
        stated = manifest["model_digest"]
    except (ValueError, KeyError, TypeError) as error:
        raise BundleError(f"{manifest_path} is damaged ({error!r}): `asl export` writes a new one") from error
    if version != contract.BUNDLE_SCHEMA:
        raise BundleError(f"{folder} has bundle schema {version}, expected {contract.BUNDLE_SCHEMA}: export it again")
    found = {one["path"]: (one["size"], one["sha256"]) for one in _list(folder)}
    faults = [f"extra {name}" for name in sorted(found.keys() - expected.keys())]
    faults += [f"missing {name}" for name in sorted(expected.keys() - found.keys())]
    faults += [f"changed {name}" for name in sorted(found.keys() & expected.keys()) if found[name] != expected[name]]
    if faults:
        raise BundleError(f"{folder} is not what was exported: {', '.join(faults)}; `asl export` writes a new one")
    if model_digest(manifest["files"]) != stated:
        raise BundleError(f"{manifest_path}: the model digest does not follow from the files; `asl export` mends it")
    return Bundle(folder, manifest)


def model_digest(listed: list[dict[str, Any]]) -> str:
    """SHA-256 over (path, SHA-256) of the files under repository/: no run, time or host in it.

    Args:
        listed: the `files` of a bundle.json.

    Returns:
        The digest as hex digits.
    """
    digest = hashlib.sha256()
    for one in sorted(listed, key=lambda one: str(one["path"])):
        if one["path"].startswith(contract.REPOSITORY_FOLDER + "/"):
            digest.update(f"{one['path']}\0{one['sha256']}\n".encode())
    return digest.hexdigest()


def _list(folder: Path) -> list[dict[str, Any]]:
    """Path, size in bytes and SHA-256 of every file but bundle.json, in the order of their paths."""
    listed = []
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        if path.is_symlink() or not (path.is_file() or path.is_dir()):
            raise BundleError(f"{path} is a link or a device: a bundle holds plain files only")
        if path.is_file() and name != contract.BUNDLE_FILE:
            listed.append({"path": name, "size": path.stat().st_size, "sha256": files.sha256(path)})
    return listed
