"""Decoding of many image files at a time: Pillow releases Python's lock, so threads suffice."""

import itertools
import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import pyarrow.compute as pc
from numpy.typing import NDArray

from asl_pkg import contract
from asl_pkg.data.dataset import read_images, read_split
from asl_pkg.data.preparation import prepare
from asl_pkg.progress import track

BATCH = 64  # images decoded between two updates of the progress
IMAGE_SHAPE = (contract.IMAGE_PX, contract.IMAGE_PX, 3)


class Pixels(Protocol):
    """Prepared images, uint8 [n, 200, 200, 3]: an array, or a reader that decodes on access."""

    def __len__(self) -> int: ...

    def __getitem__(self, rows: Any) -> NDArray[np.uint8]: ...

    def __iter__(self) -> Iterator[NDArray[np.uint8]]: ...


class DecodedOnAccess:
    """Images of a split that are decoded on each access; indexed like an array.

    The files, some ten times smaller than the pixels, stay in memory: training reads them in any order.

    Args:
        dataset_dir: The data set.
        split: One of contract.SPLITS.

    Raises:
        DataError: There is no such split, or it is damaged.
    """

    def __init__(self, dataset_dir: Path, split: str) -> None:
        self._files = pc.struct_field(read_split(dataset_dir, split, ["image"])["image"], "bytes")
        self._rows = np.arange(len(self._files))
        self._pool = ThreadPoolExecutor(os.cpu_count())

    def __len__(self) -> int:
        return len(self._rows)

    def __getitem__(self, rows: Any) -> NDArray[np.uint8]:
        wanted = self._rows[rows]  # a number, slice or array; numpy refuses what is out of range
        pixels = np.empty((*wanted.shape, *IMAGE_SHAPE), np.uint8)
        targets = pixels.reshape(-1, *IMAGE_SHAPE)
        list(self._pool.map(self._decode, targets, np.atleast_1d(wanted).tolist()))
        return pixels

    def __iter__(self) -> Iterator[NDArray[np.uint8]]:
        for start in range(0, len(self), BATCH):
            yield from self[start : start + BATCH]

    def _decode(self, target: NDArray[np.uint8], row: int) -> None:
        target[:] = prepare(self._files[row].as_py())


def decode_into(pixels: NDArray[np.uint8], dataset_dir: Path, split: str) -> None:
    """Decode all images of a split.

    Args:
        pixels: uint8 [n, 200, 200, 3], filled in the order of `read_split`.
        dataset_dir: The data set.
        split: One of contract.SPLITS.

    Raises:
        DataError: There is no such split, or it is damaged.
    """

    def decode(index: int, data: bytes) -> None:
        pixels[index] = prepare(data)

    files = track(itertools.chain.from_iterable(read_images(dataset_dir, split)), len(pixels), f"Decoding {split}")
    numbered = enumerate(files)
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        while batch := list(itertools.islice(numbered, BATCH)):
            list(pool.map(decode, *zip(*batch, strict=True)))
