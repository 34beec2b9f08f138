"""pull: a source becomes a data set, checked, split without leaks and audited."""

import dataclasses
from collections import Counter
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path

import numpy as np
import pyarrow as pa

from asl_pkg import contract
from asl_pkg.config import DataSettings, FolderData, Settings
from asl_pkg.data import splitting
from asl_pkg.data.arrival import Arrived, receive
from asl_pkg.data.audit import write_audit
from asl_pkg.data.contact_sheet import PICTURES, contact_sheet
from asl_pkg.data.dataset import DatasetInfo, write_info
from asl_pkg.data.hashing import dataset_digest
from asl_pkg.data.picture import Rejected
from asl_pkg.data.shard_writer import write_split
from asl_pkg.data.sources import fingerprint, open_source
from asl_pkg.data.splitting import GUARD, Place, Shot
from asl_pkg.errors import DataError
from asl_pkg.files import written_beside

MAX_QUARANTINED_SHARE = 0.05  # more than that and something is wrong with the source as a whole
LIBRARIES = ("numpy", "pillow", "pyarrow")


def pull(settings: Settings, dataset_dir: Path) -> DatasetInfo:
    """Make a data set; one that exists stays until the new one is complete.

    Args:
        settings: `data` names the source and how to split it, `seed` drives both.
        dataset_dir: the folder to write.

    Returns:
        What dataset.json says.

    Raises:
        DataError: the source is missing, dangerous or too damaged, or a class is missing in a split.
    """
    with written_beside(dataset_dir) as folder:
        source = open_source(settings.data, settings.seed, folder / "downloads")
        spool = folder / "spool.arrow"
        arrived, rejected = receive(source, spool)
        _check_quarantine(arrived, rejected)
        split_by, places = _split(arrived, settings.data, settings.seed)
        splitting.require_every_class([one.label for one in arrived], [place.split for place in places])
        info = _info(settings, fingerprint(settings.data, settings.seed, source), arrived, places, split_by)
        with pa.memory_map(str(spool)) as file:
            table = pa.ipc.open_file(file).read_all()
            _write_splits(folder, table, places)
            sheet = contact_sheet(_examples(table, arrived, places))
        spool.unlink()
        (folder / contract.CONTACT_SHEET).write_bytes(sheet)
        write_audit(folder, info, arrived, rejected, places, sheet)
        write_info(folder, info)
    return info


def _check_quarantine(arrived: Sequence[Arrived], rejected: Sequence[Rejected]) -> None:
    """Refuse a source that is damaged as a whole."""
    reasons = Counter(one.reason for one in rejected if one.quarantined)
    bad, total = reasons.total(), reasons.total() + len(arrived)
    if not arrived or bad > MAX_QUARANTINED_SHARE * total:
        why = "; ".join(f"{count:,} {reason}" for reason, count in reasons.most_common(3)) or "no picture found"
        raise DataError(f"{bad:,} of {total:,} pictures are unfit, expected at most {MAX_QUARANTINED_SHARE:.0%}: {why}")


def _split(arrived: Sequence[Arrived], data: DataSettings, seed: int) -> tuple[str, list[Place]]:
    """Choose the strictest way to split that the source allows."""
    if isinstance(data, FolderData):
        shots = [Shot(one.label, one.signer, one.sequence, one.frame) for one in arrived]
        shares = (data.validation_share, data.test_share)
        if len({shot.signer for shot in shots}) >= splitting.MIN_SIGNERS:
            return "signer", splitting.by_signer(shots, *shares, seed)
        return "block", splitting.by_block(shots, data.block_frames, data.guard_frames, *shares, seed)
    return "signer", [Place(one.split or contract.SPLITS[0], f"{one.signer}/{one.sequence}") for one in arrived]


def _info(
    settings: Settings, fingerprint: str, arrived: Sequence[Arrived], places: Sequence[Place], split_by: str
) -> DatasetInfo:
    kept = [(one, place) for one, place in zip(arrived, places, strict=True) if place.split != GUARD]
    counts = Counter((place.split, one.label) for one, place in kept)
    signers = {split: {one.signer for one, place in kept if place.split == split} for split in contract.SPLITS}
    train, *others = signers.values()
    return DatasetInfo(
        schema_version=contract.DATASET_SCHEMA,
        digest=dataset_digest((one.sha256, one.label, place.split, place.group) for one, place in kept),
        fingerprint=fingerprint,
        source=dataclasses.asdict(settings.data),
        seed=settings.seed,
        split_by=split_by,
        unseen_signers=not train & set().union(*others),
        counts={
            split: {name: counts[split, label] for label, name in enumerate(contract.CLASSES)}
            for split in contract.SPLITS
        },
        signers={split: len(found) for split, found in signers.items()},
        versions={"preparation": str(contract.PREPARATION_VERSION)} | {name: version(name) for name in LIBRARIES},
    )


def _write_splits(folder: Path, spool: pa.Table, places: Sequence[Place]) -> None:
    splits = np.array([place.split for place in places])
    groups = [place.group for place in places]
    for split in contract.SPLITS:
        write_split(folder, split, spool, splits, groups)


def _examples(spool: pa.Table, arrived: Sequence[Arrived], places: Sequence[Place]) -> dict[int, list[bytes]]:
    """Take pictures of each class from groups that lie far apart in the order of arrival, hence of several signers."""
    first_of_group: dict[int, dict[str, int]] = {label: {} for label in range(len(contract.CLASSES))}
    for row, (one, place) in enumerate(zip(arrived, places, strict=True)):
        if place.split != GUARD:
            first_of_group[one.label].setdefault(place.group, row)
    examples = {}
    for label, firsts in first_of_group.items():
        rows = list(firsts.values())
        chosen = np.unique(np.linspace(0, len(rows) - 1, PICTURES).round().astype(int))
        examples[label] = [spool["image"][rows[index]].as_py()["bytes"] for index in chosen]
    return examples
