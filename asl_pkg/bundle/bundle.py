"""The bundle: exactly the files that were validated, with a digest of each in bundle.json."""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from asl_pkg import contract
from asl_pkg.bundle import signature
from asl_pkg.bundle.manifest import BundleFile, Manifest, ModelFacts, read_manifest
from asl_pkg.class_sets import KNOWN_CLASSES_KEY, is_sound
from asl_pkg.errors import BundleError
from asl_pkg.storage import atomic

MAX_ENTRIES = 100  # files and folders; a bundle has about ten
MAX_BUNDLE_BYTES = 2**31  # of all files: an ONNX file that keeps its weights to itself cannot be larger (protobuf)


@dataclass(frozen=True)
class Bundle:
    """A bundle; every file was checked against bundle.json.

    Args:
        folder: Folder of the bundle.
        manifest: Contents of bundle.json.
    """

    folder: Path
    manifest: Manifest

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
        return self.manifest.model_digest[: contract.RELEASE_DIGITS]

    @property
    def digest(self) -> str:
        """SHA-256 of bundle.json, which names the digest of everything else."""
        return atomic.sha256(self.folder / contract.BUNDLE_FILE)

    @property
    def size(self) -> int:
        """Bytes of all files that bundle.json lists."""
        return sum(file.size for file in self.manifest.files)

    @property
    def signature(self) -> str:
        """State of the signature, in a few words."""
        return signature.signature_status(self.folder / contract.SIGNATURE_FILE)

    @property
    def dataset_digest(self) -> str:
        """Digest of the data set that the model was trained on."""
        return self.manifest.dataset_digest

    @property
    def known_classes(self) -> list[str]:
        """Classes that the model knows, in the order of contract.CLASSES."""
        return self.manifest.known_classes

    @property
    def precision(self) -> str:
        """Number format of the graph: fp32, fp16 or int8."""
        return self.manifest.precision

    @property
    def confidence_threshold(self) -> float:
        """Probability below which the answer is `unsure`."""
        return self.manifest.confidence_threshold

    @property
    def image_px(self) -> int:
        """Side of the square image that the model takes, in pixels."""
        return self.manifest.image_px


def seal(folder: Path, facts: ModelFacts) -> Bundle:
    """Write bundle.json over the files of a folder; afterwards nothing in it may change.

    Args:
        folder: Folder with repository/ and extras/.
        facts: What the export knows about the model.

    Returns:
        The sealed bundle.
    """
    files = [
        BundleFile(path=name, size=size, sha256=atomic.sha256(folder / name)) for name, size in _sizes(folder).items()
    ]
    manifest = Manifest(
        schema_version=contract.BUNDLE_SCHEMA,
        preparation_version=contract.PREPARATION_VERSION,
        image_px=contract.IMAGE_PX,
        classes=list(contract.CLASSES),
        model_digest=model_digest(files),
        **{name: getattr(facts, name) for name in ModelFacts.model_fields},
        files=files,
    )
    atomic.write_json(folder / contract.BUNDLE_FILE, manifest.model_dump(mode="json"))
    return Bundle(folder, manifest)


def open_bundle(folder: Path) -> Bundle:
    """Read a bundle and check all its files, and its signature if a public key is configured.

    Args:
        folder: Folder of the bundle.

    Returns:
        The verified bundle.

    Raises:
        BundleError: It is missing, of another schema or too large, a file is extra, missing or changed, or it is not
            signed with the required key.
        SettingError: The public key cannot be read.
    """
    manifest_path = folder / contract.BUNDLE_FILE
    if not manifest_path.is_file():
        raise BundleError(f"no bundle in {folder}: {contract.BUNDLE_FILE} is missing; `asl export` writes one")
    try:
        sizes = _sizes(folder)
        manifest = read_manifest(manifest_path)
        faults = _faults(folder, sizes, {file.path: file for file in manifest.files})
    except OSError as error:
        raise BundleError(f"{folder} cannot be read ({error}): `asl export` writes a new one") from error
    if faults:
        raise BundleError(f"{folder} is not what was exported: {', '.join(faults)}; `asl export` writes a new one")
    if model_digest(manifest.files) != manifest.model_digest:
        raise BundleError(f"{manifest_path}: model digest mismatch; run `asl export` again")
    signature.check_signature(folder, folder / contract.SIGNATURE_FILE)
    return Bundle(folder, manifest)


def stated_faults(bundle: Bundle) -> list[str]:
    """List the differences between bundle.json and contract.py; a bundle with any is not loaded.

    Args:
        bundle: Bundle whose digests were verified.

    Returns:
        One line each: another contract, preparation or classes, a temperature that no calibration finds, and other
        files in the model repository than Triton is to read.
    """
    expected = {
        "preparation_version": contract.PREPARATION_VERSION,
        "image_px": contract.IMAGE_PX,
        "classes": list(contract.CLASSES),
    }
    faults = [
        f"{name} is {found!r}, expected {value!r}"
        for name, value in expected.items()
        if (found := getattr(bundle.manifest, name)) != value
    ]
    if bundle.manifest.contract_version not in contract.OUTPUTS:
        faults.append(f"contract_version is {bundle.manifest.contract_version}, expected one of {[*contract.OUTPUTS]}")
    if not is_sound(bundle.known_classes):
        faults.append(f"{KNOWN_CLASSES_KEY} is {bundle.known_classes!r}, expected some of the classes in their order")
    least, greatest = contract.TEMPERATURES
    if not least <= bundle.manifest.temperature <= greatest:
        faults.append(f"temperature is {bundle.manifest.temperature:g}, expected {least:g} to {greatest:g}")
    names = {file.path for file in bundle.manifest.files if file.path.startswith(contract.REPOSITORY_FOLDER)}
    if names != contract.REPOSITORY_FILES:
        faults.append(f"the repository holds {sorted(names)}, expected {sorted(contract.REPOSITORY_FILES)}")
    return faults


def model_digest(files: Iterable[BundleFile]) -> str:
    """SHA-256 over (path, SHA-256) of the files under repository/; independent of run, time and host.

    Args:
        files: Files that bundle.json lists.

    Returns:
        The digest as hex digits.
    """
    digest = hashlib.sha256()
    for file in sorted(files, key=lambda file: file.path):
        if file.path.startswith(contract.REPOSITORY_FOLDER + "/"):
            digest.update(f"{file.path}\0{file.sha256}\n".encode())
    return digest.hexdigest()


def _sizes(folder: Path) -> dict[str, int]:
    """Size in bytes of every file but bundle.json and its signature, in the order of their paths; opens none."""
    sizes: dict[str, int] = {}
    for number, path in enumerate(folder.rglob("*")):
        if number == MAX_ENTRIES:
            raise BundleError(f"{folder} holds more than {MAX_ENTRIES} files and folders: it is not a bundle")
        if path.is_symlink() or not (path.is_file() or path.is_dir()):
            raise BundleError(f"{_shown(str(path))} is a link or a device: a bundle holds plain files only")
        if path.is_file():
            sizes[path.relative_to(folder).as_posix()] = path.stat().st_size
    if sum(sizes.values()) > MAX_BUNDLE_BYTES:
        raise BundleError(
            f"{folder} holds {sum(sizes.values()):,} bytes, more than the {MAX_BUNDLE_BYTES:,} of any bundle"
        )
    return {name: sizes[name] for name in sorted(sizes.keys() - {contract.BUNDLE_FILE, contract.SIGNATURE_FILE})}


def _faults(folder: Path, sizes: dict[str, int], expected: dict[str, BundleFile]) -> list[str]:
    """Files that are extra, missing or changed; only files that bundle.json lists are opened."""
    common = sorted(sizes.keys() & expected.keys())
    faults = [f"extra {_shown(name)}" for name in sorted(sizes.keys() - expected.keys())]
    faults += [f"missing {name}" for name in sorted(expected.keys() - sizes.keys())]
    return faults + [f"changed {name}" for name in common if _changed(folder / name, sizes[name], expected[name])]


def _changed(path: Path, size: int, expected: BundleFile) -> bool:
    return size != expected.size or atomic.sha256(path) != expected.sha256


def _shown(name: str) -> str:
    """A name may hold line breaks or bytes that are not text: neither may reach the terminal."""
    return name if name.isprintable() else ascii(name)
