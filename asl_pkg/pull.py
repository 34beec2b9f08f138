"""pull: a source becomes a data set, checked, split without leaks and audited."""

import contextlib
import fcntl
import re
import shutil
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from asl_pkg import contract
from asl_pkg.class_sets import labels_of
from asl_pkg.config.schema import DataSettings, FolderData, MixData, PhotoData, Settings
from asl_pkg.data import left_out
from asl_pkg.data.audit.audit import Findings, write_audit
from asl_pkg.data.audit.contact_sheet import IMAGES, contact_sheet
from asl_pkg.data.chosen import chosen_labels
from asl_pkg.data.dataset import ROW_GROUP, DatasetInfo, write_info
from asl_pkg.data.external import ExternalSet, of_classes, read_external
from asl_pkg.data.hashing import dataset_digest
from asl_pkg.data.ingest import IngestedData, ingest
from asl_pkg.data.shard_writer import write_splits
from asl_pkg.data.sources import described, fingerprint, open_source
from asl_pkg.data.split.assign import SplitResult, assign_splits
from asl_pkg.data.split.near_duplicates import SimilarityIndex
from asl_pkg.data.split.signers_table import read_table
from asl_pkg.data.split.splitting import SplitAssignment
from asl_pkg.errors import DataError
from asl_pkg.storage import outputs

LIBRARIES = ("numpy", "pillow", "pyarrow")
ARRIVED = re.compile(r"lock|downloads|parts-[0-9a-f]{12}")  # what the folder of what arrived holds


def pull(settings: Settings, dataset_dir: Path) -> DatasetInfo:
    """Make a data set; one that exists stays until the new one is complete.

    What arrived is kept beside it until then, so that a pull that was killed goes on where it stopped.

    Args:
        settings: `data` names the source and how to split it, `seed` drives both.
        dataset_dir: the folder to write.

    Returns:
        What dataset.json says.

    Raises:
        DataError: the source is missing, dangerous or too damaged, a class is missing in a split, or another pull
            writes the same data set.
        SettingError: something else stands in dataset_dir, or `data.classes` names no classes.
    """
    dataset_dir = outputs.claim(dataset_dir, outputs.DATASET, inputs_of(settings.data))
    with _arriving(dataset_dir) as folder:
        chosen_labels(settings.data.classes)  # what is wrong with it is known before anything is read
        external = read_external(settings.data.external, _most_unfit(settings.data), settings.data.classes)
        name, arrival = _receive(settings, folder)
        try:
            info = _make(settings, name, arrival, external, dataset_dir)
        except DataError:
            _forget(folder)  # another attempt would find the same
            raise
        _forget(folder)
    return info


def inputs_of(data: DataSettings) -> list[str]:
    """Name the files and folders of this machine that a pull may read.

    Args:
        data: the settings of the source.

    Returns:
        Paths; those of a mix without their names, URLs as they are.
    """
    named = [value for name, value in vars(data).items() if name in ("path", "signers_csv", "external")]
    if isinstance(data, MixData):
        named += [part.partition("=")[2] for part in data.path.split(",")]
    return named


def _receive(settings: Settings, folder: Path) -> tuple[str, IngestedData]:
    """Read the source to its end; gives the fingerprint too. The source's own index is not kept in memory."""
    data, seed = settings.data, settings.seed
    if isinstance(data, PhotoData) and data.signers_csv:
        read_table(Path(data.signers_csv))  # what is wrong with it is known before all is read
    source = open_source(data, seed, folder / "downloads")
    name = fingerprint(data, seed, source)
    parts = folder / f"parts-{name[:12]}"
    _forget_others(folder, parts)
    return name, ingest(source, parts, isinstance(data, PhotoData) and data.strip_private)


def _make(
    settings: Settings, name: str, arrival: IngestedData, external: ExternalSet | None, dataset_dir: Path
) -> DatasetInfo:
    """Make the data set of what arrived."""
    data = settings.data
    folder = data.path if isinstance(data, FolderData) else ""
    labels = arrival.column("label")
    left_out.require_fit(arrival.rejected, len(labels), _most_unfit(data), _source_of(data), folder, set(labels))
    left_out.require_classes(labels, data.classes, arrival.rejected, _source_of(data))
    left_out.tell(arrival.rejected, f"data={data.name}")
    looks = SimilarityIndex(arrival.table["dhash"].to_numpy(), arrival.thumbnails)
    placed = assign_splits(arrival, data, settings.seed, looks)
    info = _info(settings, name, arrival, placed)
    if external:
        external = of_classes(external, labels_of(info.known_classes))
    with outputs.replaced(dataset_dir, outputs.DATASET) as beside:
        _write_splits(beside, arrival, placed)
        sheet = contact_sheet(_examples(arrival, placed.places))
        (beside / contract.CONTACT_SHEET).write_bytes(sheet)
        audit = write_audit(beside, Findings(info, arrival, placed, looks, sheet, external))
        _require_no_twins(audit["near_duplicates"])
        write_info(beside, info)
    return info


@contextmanager
def _arriving(dataset_dir: Path) -> Iterator[Path]:
    """Give the folder of what arrived for a data set, to one pull at a time."""
    folder = dataset_dir.parent / f".{dataset_dir.name}.arriving"
    folder.mkdir(parents=True, exist_ok=True)
    if others := [path.name for path in folder.iterdir() if not ARRIVED.fullmatch(path.name)]:
        raise DataError(f"{folder} holds {others[0]}, which no pull wrote there, and pulls need it: move it away")
    with (folder / "lock").open("a") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)  # the system releases it however the process ends
        except BlockingIOError as error:
            raise DataError(f"{dataset_dir}: another pull writes it at this moment; wait for its end") from error
        outputs.remove_leftovers(dataset_dir)
        yield folder


def _most_unfit(data: DataSettings) -> float:
    return data.max_quarantined if isinstance(data, PhotoData) else 0.0


def _source_of(data: DataSettings) -> str:
    """The source as messages name it."""
    return ", ".join(f"data.{name}={value}" for name, value in described(data).items() if name == "path") or "data"


def _forget(folder: Path) -> None:
    """Remove what arrived; what somebody put there meanwhile stays."""
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


def _require_no_twins(found: dict[str, Any]) -> None:
    """Refuse a data set that would measure memory."""
    if found["remaining"]:
        one, other = found["nearest"][0]["paths"]
        raise DataError(f"{found['remaining']} held-out images look like images of another split, as {one} and {other}")


def _info(settings: Settings, fingerprint: str, arrival: IngestedData, placed: SplitResult) -> DatasetInfo:
    rows = zip(arrival.column("sha256"), arrival.column("label"), placed.signers, placed.places, strict=True)
    kept = [(sha256, label, signer, at) for sha256, label, signer, at in rows if at.kept]
    counts = Counter((at.split, label) for _, label, _, at in kept)
    signers = {split: {signer for _, _, signer, at in kept if at.split == split} for split in contract.SPLITS}
    return DatasetInfo(
        schema_version=contract.DATASET_SCHEMA,
        digest=dataset_digest((sha256, label, at.split, at.group) for sha256, label, _, at in kept),
        fingerprint=fingerprint,
        source=described(settings.data),
        seed=settings.seed,
        split_by=placed.split_by,
        unseen_signers=placed.unseen_signers,
        unmeasurable=placed.unmeasurable,
        people=placed.people.said,
        known_classes=[name for label, name in enumerate(contract.CLASSES) if counts["train", label]],
        counts={
            split: {name: counts[split, label] for label, name in enumerate(contract.CLASSES)}
            for split in contract.SPLITS
        },
        signers={split: len(found) for split, found in signers.items()},
        versions={"preparation": str(contract.PREPARATION_VERSION)} | {name: version(name) for name in LIBRARIES},
    )


def _write_splits(folder: Path, arrival: IngestedData, placed: SplitResult) -> None:
    splits = np.array([one.split for one in placed.places], object)
    write_splits(folder, _spool(arrival, placed), splits, [one.group for one in placed.places])


def _spool(arrival: IngestedData, placed: SplitResult) -> Iterator[pa.Table]:
    """All images with their signers, some at a time."""
    signer = arrival.table.schema.get_field_index("signer")
    table = arrival.table.set_column(signer, "signer", pa.array(placed.signers, pa.string()))
    for start in range(0, len(table), ROW_GROUP):
        yield table[start : start + ROW_GROUP]
        arrival.release_memory()


def _examples(arrival: IngestedData, places: Sequence[SplitAssignment]) -> dict[int, list[bytes]]:
    """Take images of each class that lie far apart in the order of arrival, hence of several signers."""
    labels = np.array([label if at.kept else -1 for label, at in zip(arrival.column("label"), places, strict=True)])
    examples = {}
    for label in np.unique(labels[labels >= 0]).tolist():
        rows = np.flatnonzero(labels == label)
        chosen = rows[np.unique(np.linspace(0, len(rows) - 1, IMAGES).round().astype(int))]
        examples[label] = [arrival.table["image"][row].as_py()["bytes"] for row in chosen.tolist()]
    return examples
