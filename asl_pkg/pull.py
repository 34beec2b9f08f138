"""The verb pull: make a data set from a source: check, split without leaks, and audit."""

import contextlib
import fcntl
import re
import shutil
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path

import numpy as np
import pyarrow as pa

from asl_pkg import contract
from asl_pkg.class_sets import labels_of
from asl_pkg.config.schema import DataSettings, FolderData, MixData, PhotoData, Settings
from asl_pkg.data import left_out
from asl_pkg.data.audit.audit import Findings, write_audit
from asl_pkg.data.audit.audit_json import NearDuplicates
from asl_pkg.data.audit.contact_sheet import IMAGES_PER_CLASS, contact_sheet
from asl_pkg.data.chosen import chosen_labels
from asl_pkg.data.dataset import ROW_GROUP, DatasetInfo, write_info
from asl_pkg.data.external import ExternalSet, of_classes, read_external
from asl_pkg.data.hashing import dataset_digest
from asl_pkg.data.ingest import IngestedData, ingest
from asl_pkg.data.shard_writer import write_splits
from asl_pkg.data.sources import describe_source, fingerprint, open_source
from asl_pkg.data.split.assign import SplitResult, assign_splits
from asl_pkg.data.split.near_duplicates import SimilarityIndex
from asl_pkg.data.split.signers_table import read_table
from asl_pkg.data.split.splitting import SplitAssignment
from asl_pkg.errors import DataError
from asl_pkg.storage import outputs

LIBRARIES = ("numpy", "pillow", "pyarrow")
ARRIVED = re.compile(r"lock|downloads|parts-[0-9a-f]{12}")  # files of the folder of ingested data


def pull(settings: Settings, dataset_dir: Path) -> DatasetInfo:
    """Make a data set; an existing one stays until the new one is complete.

    Ingested data is kept beside it until then, so that a killed pull resumes where it stopped.

    Args:
        settings: `data` is the source and how to split it, `seed` the seed of both.
        dataset_dir: The folder to write.

    Returns:
        Contents of dataset.json.

    Raises:
        DataError: The source is missing, dangerous or too damaged, a class is missing in a split, or another pull
            writes the same data set.
        SettingError: dataset_dir holds something else, or `data.classes` names no classes.
    """
    dataset_dir = outputs.claim(dataset_dir, outputs.DATASET, inputs_of(settings.data))
    with _ingest_folder(dataset_dir) as folder:
        chosen_labels(settings.data.classes)  # refused before anything is read
        external = read_external(settings.data.external, _most_unfit(settings.data), settings.data.classes)
        name, ingested = _ingest(settings, folder)
        try:
            info = _make(settings, name, ingested, external, dataset_dir)
        except DataError:
            _forget(folder)  # another attempt would fail the same way
            raise
        _forget(folder)
    return info


def inputs_of(data: DataSettings) -> list[str]:
    """List the local files and folders that a pull may read.

    Args:
        data: Settings of the source.

    Returns:
        Paths, and URLs unchanged; the parts of a mix without their names.
    """
    named = [value for name, value in vars(data).items() if name in ("path", "signers_csv", "external")]
    if isinstance(data, MixData):
        named += [part.partition("=")[2] for part in data.path.split(",")]
    return named


def _ingest(settings: Settings, folder: Path) -> tuple[str, IngestedData]:
    """Read the whole source; returns the fingerprint too. The source's index is not kept in memory."""
    data, seed = settings.data, settings.seed
    if isinstance(data, PhotoData) and data.signers_csv:
        read_table(Path(data.signers_csv))  # refused before the source is read
    source = open_source(data, seed, folder / "downloads")
    name = fingerprint(data, seed, source)
    parts = folder / f"parts-{name[:12]}"
    _forget_others(folder, parts)
    return name, ingest(source, parts, isinstance(data, PhotoData) and data.strip_private)


def _make(
    settings: Settings, name: str, ingested: IngestedData, external: ExternalSet | None, dataset_dir: Path
) -> DatasetInfo:
    """Make the data set from ingested data."""
    data = settings.data
    folder = data.path if isinstance(data, FolderData) else ""
    labels = ingested.column("label")
    left_out.require_fit(ingested.rejected, len(labels), _most_unfit(data), _source_of(data), folder, set(labels))
    left_out.require_classes(labels, data.classes, ingested.rejected, _source_of(data))
    left_out.tell(ingested.rejected, f"data={data.name}")
    similarity = SimilarityIndex(ingested.table["dhash"].to_numpy(), ingested.thumbnails)
    result = assign_splits(ingested, data, settings.seed, similarity)
    info = _info(settings, name, ingested, result)
    if external:
        external = of_classes(external, labels_of(info.known_classes))
    with outputs.replaced(dataset_dir, outputs.DATASET) as beside:
        _write_splits(beside, ingested, result)
        sheet = contact_sheet(_examples(ingested, result.assignments))
        (beside / contract.CONTACT_SHEET).write_bytes(sheet)
        audit = write_audit(beside, Findings(info, ingested, result, similarity, sheet, external))
        _require_no_near_duplicates(audit.near_duplicates)
        write_info(beside, info)
    return info


@contextmanager
def _ingest_folder(dataset_dir: Path) -> Iterator[Path]:
    """Lock the folder of ingested data of a data set for one pull at a time."""
    folder = dataset_dir.parent / f".{dataset_dir.name}.arriving"
    folder.mkdir(parents=True, exist_ok=True)
    if others := [path.name for path in folder.iterdir() if not ARRIVED.fullmatch(path.name)]:
        raise DataError(f"{folder} holds {others[0]}, which no pull wrote; pulls need this folder: move it away")
    with (folder / "lock").open("a") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)  # the system releases the lock however the process ends
        except BlockingIOError as error:
            raise DataError(f"{dataset_dir}: another pull is writing it; wait until it ends") from error
        outputs.remove_leftovers(dataset_dir)
        yield folder


def _most_unfit(data: DataSettings) -> float:
    return data.max_quarantined if isinstance(data, PhotoData) else 0.0


def _source_of(data: DataSettings) -> str:
    """The source, as messages call it."""
    return (
        ", ".join(f"data.{name}={value}" for name, value in describe_source(data).items() if name == "path") or "data"
    )


def _forget(folder: Path) -> None:
    """Remove the ingested data; other files that were put there stay."""
    for path in folder.iterdir():
        if path.is_dir() and not path.is_symlink() and ARRIVED.fullmatch(path.name):
            shutil.rmtree(path)
    (folder / "lock").unlink()
    with contextlib.suppress(OSError):
        folder.rmdir()


def _forget_others(folder: Path, parts: Path) -> None:
    """Remove the parts of other sources, other settings or another state of the source."""
    for other in folder.glob("parts-*"):
        if other != parts:
            shutil.rmtree(other)


def _require_no_near_duplicates(found: NearDuplicates) -> None:
    """Refuse a data set whose test would measure memory."""
    if found.remaining:
        image, other = found.nearest[0].paths
        raise DataError(
            f"{found.remaining} held-out images look like images of another split, such as {image} and {other}"
        )


def _info(settings: Settings, fingerprint: str, ingested: IngestedData, result: SplitResult) -> DatasetInfo:
    rows = zip(ingested.column("sha256"), ingested.column("label"), result.signers, result.assignments, strict=True)
    kept = [(sha256, label, signer, assignment) for sha256, label, signer, assignment in rows if assignment.kept]
    counts = Counter((assignment.split, label) for _, label, _, assignment in kept)
    signers = {
        split: {signer for _, _, signer, assignment in kept if assignment.split == split} for split in contract.SPLITS
    }
    return DatasetInfo(
        schema_version=contract.DATASET_SCHEMA,
        digest=dataset_digest(
            (sha256, label, assignment.split, assignment.group) for sha256, label, _, assignment in kept
        ),
        fingerprint=fingerprint,
        source=describe_source(settings.data),
        seed=settings.seed,
        split_by=result.split_by,
        unseen_signers=result.unseen_signers,
        unmeasurable=result.unmeasurable,
        people=result.people.said,
        known_classes=[name for label, name in enumerate(contract.CLASSES) if counts["train", label]],
        counts={
            split: {name: counts[split, label] for label, name in enumerate(contract.CLASSES)}
            for split in contract.SPLITS
        },
        signers={split: len(found) for split, found in signers.items()},
        versions={"preparation": str(contract.PREPARATION_VERSION)} | {name: version(name) for name in LIBRARIES},
    )


def _write_splits(folder: Path, ingested: IngestedData, result: SplitResult) -> None:
    splits = np.array([assignment.split for assignment in result.assignments], object)
    write_splits(folder, _spool(ingested, result), splits, [assignment.group for assignment in result.assignments])


def _spool(ingested: IngestedData, result: SplitResult) -> Iterator[pa.Table]:
    """All images with their signers, some at a time."""
    signer = ingested.table.schema.get_field_index("signer")
    table = ingested.table.set_column(signer, "signer", pa.array(result.signers, pa.string()))
    for start in range(0, len(table), ROW_GROUP):
        yield table[start : start + ROW_GROUP]
        ingested.release_memory()


def _examples(ingested: IngestedData, assignments: Sequence[SplitAssignment]) -> dict[int, list[bytes]]:
    """Choose images of each class that lie far apart in the source, and so show several signers."""
    labels = np.array(
        [
            label if assignment.kept else -1
            for label, assignment in zip(ingested.column("label"), assignments, strict=True)
        ]
    )
    examples = {}
    for label in np.unique(labels[labels >= 0]).tolist():
        rows = np.flatnonzero(labels == label)
        chosen = rows[np.unique(np.linspace(0, len(rows) - 1, IMAGES_PER_CLASS).round().astype(int))]
        examples[label] = [ingested.table["image"][row].as_py()["bytes"] for row in chosen.tolist()]
    return examples
