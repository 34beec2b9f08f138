"""Whether training read test images: compare its record of the images it read with the test split."""

import itertools
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet
from numpy.typing import NDArray

from asl_pkg import contract
from asl_pkg.data.dataset import read_images, read_split
from asl_pkg.data.hashing import THUMBNAIL_PX, thumbnail
from asl_pkg.data.preparation import prepare
from asl_pkg.data.split.near_duplicates import SimilarityIndex, near_hashes
from asl_pkg.errors import BundleError


@dataclass(frozen=True)
class Leak:
    """Images that training should not have read.

    Args:
        same: Number of test images that it read.
        near: Number of further test images with a near-duplicate that it read.
        unknown: Number of images that it read and that are not in the training split.
    """

    same: int
    near: int
    unknown: int

    @property
    def images(self) -> int:
        """All of them."""
        return self.same + self.near + self.unknown

    @property
    def detail(self) -> str:
        """The numbers in one line."""
        return (
            f"training read {self.same} test images, near-duplicates of {self.near} more, and "
            f"{self.unknown} images that are not in the training split"
        )


def find_leak(dataset_dir: Path, seen_path: Path) -> Leak:
    """Compare the test split with the images that training read.

    Args:
        dataset_dir: The data set.
        seen_path: seen.parquet of the training.

    Returns:
        The leak; all zeros for an honest training.

    Raises:
        BundleError: The record is missing or damaged.
    """
    try:
        seen = pa.parquet.read_table(seen_path, columns=["sha256", "dhash"])
    except (pa.ArrowException, OSError) as error:
        raise BundleError(f"{seen_path} is missing or damaged: `asl train` writes it beside the checkpoints") from error
    test, train = (read_split(dataset_dir, split, ["sha256", "dhash"]) for split in (contract.TEST, contract.TRAIN))
    read = set(seen["sha256"].to_pylist())
    digests = np.array(test["sha256"].to_pylist())
    same = np.isin(digests, list(read))
    return Leak(
        same=int(same.sum()),
        near=len(_with_twins(dataset_dir, test, train, np.flatnonzero(~same), read)),
        unknown=len(read - set(train["sha256"].to_pylist())),
    )


def _with_twins(
    dataset_dir: Path, test: pa.Table, train: pa.Table, rows: NDArray[np.int64], read: set[str]
) -> NDArray[np.int64]:
    """Rows of the test split that have a near-duplicate among the training images that were read."""
    others = np.flatnonzero([digest in read for digest in train["sha256"].to_pylist()])
    hashes, other_hashes = (np.asarray(table["dhash"], np.uint64) for table in (test, train))
    found = list(near_hashes(hashes[rows], other_hashes[others]))
    first = rows[np.concatenate([np.zeros(0, np.int64), *(pair[0] for pair in found)])]
    second = others[np.concatenate([np.zeros(0, np.int64), *(pair[1] for pair in found)])]
    own, theirs = np.unique(first), np.unique(second)
    looks = SimilarityIndex(
        np.concatenate([hashes[own], other_hashes[theirs]]),
        np.concatenate(
            [_thumbnails(dataset_dir, contract.TEST, own), _thumbnails(dataset_dir, contract.TRAIN, theirs)]
        ),
    )
    return looks.near_duplicates(np.arange(len(own)), len(own) + np.arange(len(theirs)))


def _thumbnails(dataset_dir: Path, split: str, rows: NDArray[np.int64]) -> NDArray[np.uint8]:
    """Small copies of some images, of ascending rows [n, side, side, 3]."""
    wanted = set(rows.tolist())
    files = itertools.chain.from_iterable(read_images(dataset_dir, split)) if wanted else []
    small = [thumbnail(prepare(data)) for row, data in enumerate(files) if row in wanted]
    return np.array(small, np.uint8).reshape(-1, THUMBNAIL_PX, THUMBNAIL_PX, 3)
