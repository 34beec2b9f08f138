"""Pictures decoded once: an array on disk that all epochs and processes map into memory."""

import fcntl
import itertools
import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from asl_pkg import contract
from asl_pkg.data.dataset import read_info, read_pictures, read_split
from asl_pkg.data.preparation import prepare
from asl_pkg.files import written_beside
from asl_pkg.progress import track

PIXELS_FILE = "pixels.npy"
LABELS_FILE = "labels.npy"
SIDE = contract.IMAGE_PX
BATCH = 64  # pictures that threads decode before progress is shown


def decoded(dataset_dir: Path, split: str, cache_dir: str) -> tuple[np.ndarray, np.ndarray]:
    """Give all pictures of a split, prepared; they are decoded at the first call for a data set only.

    Args:
        dataset_dir: the data set.
        split: one of contract.SPLITS.
        cache_dir: folder for the decoded pictures; empty keeps them in memory.

    Returns:
        Pixels uint8 [n, 200, 200, 3], read-only and mapped where there is a cache, and labels int64 [n], in the order
        of `read_split`.

    Raises:
        DataError: there is no data set, or it is damaged.
    """
    digest = read_info(dataset_dir).digest
    labels = read_split(dataset_dir, split, ["label"])["label"].to_numpy()
    shape = (len(labels), SIDE, SIDE, 3)
    if not cache_dir:
        pixels = np.empty(shape, np.uint8)
        _decode_into(pixels, dataset_dir, split)
        return pixels, labels
    target = Path(cache_dir) / f"{digest[:16]}-{split}-v{contract.PREPARATION_VERSION}-{SIDE}px"
    with _locked(Path(cache_dir)):
        if not target.exists():
            with written_beside(target) as folder:
                pixels = np.lib.format.open_memmap(folder / PIXELS_FILE, "w+", np.uint8, shape)
                _decode_into(pixels, dataset_dir, split)
                pixels.flush()
                np.save(folder / LABELS_FILE, labels)
    return np.load(target / PIXELS_FILE, mmap_mode="r"), np.load(target / LABELS_FILE)


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Let one process at a time make a cache: the others wait and find it made."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / ".lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)  # the system releases it when the process ends, however it ends
        yield


def _decode_into(pixels: np.ndarray, dataset_dir: Path, split: str) -> None:
    """Fill uint8 [n, 200, 200, 3]; Pillow decodes without Python's lock, so threads suffice."""

    def decode(index: int, data: bytes) -> None:
        pixels[index] = prepare(data)

    files = track(itertools.chain.from_iterable(read_pictures(dataset_dir, split)), len(pixels), f"Decoding {split}")
    numbered = enumerate(files)
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        while batch := list(itertools.islice(numbered, BATCH)):
            list(pool.map(decode, *zip(*batch, strict=True)))
