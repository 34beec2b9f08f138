"""The data set on disk: Parquet shards for each split, and dataset.json, which describes them."""

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.dataset

from asl_pkg import contract
from asl_pkg.class_sets import describe_classes
from asl_pkg.errors import DataError
from asl_pkg.storage.atomic import write_json
from asl_pkg.storage.json_model import JsonModel, parse_json, read_schema_version

ROW_GROUP = 500  # images written and read at once
REMEDY = "run `asl pull`"


class DatasetInfo(JsonModel):
    """Contents of dataset.json.

    Args:
        schema_version: contract.DATASET_SCHEMA.
        digest: SHA-256 of the contents, see hashing.dataset_digest.
        fingerprint: Digest of the settings, seed and source, see sources.fingerprint.
        source: Settings of the source.
        seed: Seed of the source and the splits.
        split_by: `signer`, `recording` or `block`: the weakest unit that any class is held out by.
        unseen_signers: Whether it is certain that training sees no signer of the other splits.
        unmeasurable: Classes that the test lacks, or whose test images look too much like training's.
        counts: Number of images by split and class.
        signers: Number of signers by split.
        versions: Versions of what decoded and wrote the images.
        people: How the signers were found, and what is doubtful about them, one sentence each.
        known_classes: Classes with images to learn from; all where an older version did not say.
    """

    schema_version: int
    digest: str
    fingerprint: str
    source: dict[str, Any]
    seed: int
    split_by: str
    unseen_signers: bool
    unmeasurable: list[str]
    counts: dict[str, dict[str, int]]
    signers: dict[str, int]
    versions: dict[str, str]
    people: list[str] = []
    known_classes: list[str] = list(contract.CLASSES)

    @property
    def summary(self) -> str:
        """One line: images and signers of each split."""
        splits = [f"{split} {sum(counts.values()):,} images" for split, counts in self.counts.items()]
        if self.unseen_signers:
            counts = [self.signers[split] for split in self.counts]
            splits = [
                f"{text} of {count} signer{'' if count == 1 else 's'}"
                for text, count in zip(splits, counts, strict=True)
            ]
        some = f"{said}; " if (said := describe_classes(self.known_classes)) else ""
        return f"{some}{', '.join(splits)}; split by {self.split_by}, digest {self.digest[:12]}"


def write_info(dataset_dir: Path, info: DatasetInfo) -> None:
    """Write dataset.json.

    Args:
        dataset_dir: The data set.
        info: Its contents.
    """
    write_json(dataset_dir / contract.DATASET_FILE, info.model_dump(mode="json"))


def read_info(dataset_dir: Path) -> DatasetInfo:
    """Read dataset.json.

    Args:
        dataset_dir: The data set.

    Returns:
        Its contents.

    Raises:
        DataError: There is no data set, or one of another schema version.
    """
    path = dataset_dir / contract.DATASET_FILE
    try:
        text = path.read_bytes()
        version = read_schema_version(text)
        if version == contract.DATASET_SCHEMA:
            return parse_json(DatasetInfo, text)
    except FileNotFoundError as error:
        raise DataError(f"no data set in {dataset_dir}: {REMEDY}") from error
    except (OSError, ValueError) as error:
        raise DataError(f"{path} is damaged ({error}): {REMEDY} again") from error
    raise DataError(
        f"data set in {dataset_dir} has schema version {version}, expected {contract.DATASET_SCHEMA}: {REMEDY} again"
    )


def read_split(dataset_dir: Path, split: str, columns: Sequence[str] | None = None) -> pa.Table:
    """Read a split.

    Args:
        dataset_dir: The data set.
        split: One of contract.SPLITS.
        columns: The columns to read; None for all.

    Returns:
        One row per image, always in the same order.

    Raises:
        DataError: There is no such split, or it is damaged.
    """
    with _damage_reported(dataset_dir):
        return pa.dataset.dataset(shards(dataset_dir, split)).to_table(None if columns is None else list(columns))


def drawn_signers(images: pa.Table) -> int:
    """Count the synthetic signers: only their images have joints in space.

    Args:
        images: Table with columns `signer` and `landmarks_3d`.

    Returns:
        Number of signers.
    """
    return len(images["signer"].filter(images["landmarks_3d"].is_valid()).unique())


def read_images(dataset_dir: Path, split: str) -> Iterator[list[bytes]]:
    """Read a split's image files, a few hundred in memory at a time.

    Args:
        dataset_dir: The data set.
        split: One of contract.SPLITS.

    Yields:
        The bytes of at most ROW_GROUP images, in the order of `read_split`.

    Raises:
        DataError: There is no such split, or it is damaged.
    """
    with _damage_reported(dataset_dir):
        dataset = pa.dataset.dataset(shards(dataset_dir, split))
        for batch in dataset.to_batches(["image"], batch_size=ROW_GROUP, batch_readahead=1, fragment_readahead=1):
            yield batch["image"].field("bytes").to_pylist()


@contextmanager
def _damage_reported(dataset_dir: Path) -> Iterator[None]:
    try:
        yield
    except (pa.ArrowException, OSError) as error:
        raise DataError(f"the shards in {dataset_dir} are damaged: {REMEDY} again") from error


def shards(dataset_dir: Path, split: str) -> list[Path]:
    """List the shards of a split in order.

    Args:
        dataset_dir: The data set.
        split: One of contract.SPLITS.

    Returns:
        Parquet files.

    Raises:
        DataError: A shard is missing, or all are.
    """
    found = sorted(dataset_dir.glob(f"{split}-*-of-*.parquet"))
    declared = re.search(r"-of-(\d+)\.parquet$", found[0].name) if found else None
    if declared is None or len(found) != int(declared[1]):
        raise DataError(f"no complete split {split!r} in {dataset_dir}: {REMEDY} again")
    return found
