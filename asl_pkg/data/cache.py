"""Cache of decoded images: an array on disk that all epochs and processes map into memory."""

import fcntl
import math
import os
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import psutil

from asl_pkg import contract
from asl_pkg.data.dataset import read_info, read_split
from asl_pkg.data.decoding import IMAGE_SHAPE, DecodedOnAccess, Pixels, decode_into
from asl_pkg.storage import outputs

PIXELS_FILE = "pixels.npy"
LABELS_FILE = "labels.npy"
FORM = f"v{contract.PREPARATION_VERSION}-{contract.IMAGE_PX}px"
NAMES = "[0-9a-f]" * 16 + "-*-v*-*px"  # of caches; other files in cache_dir are not ours to remove
GB = 10**9
SPARE_BYTES = GB  # stay free on disk or in memory for checkpoints, plots and the network


def decoded(dataset_dir: Path, split: str, cache_dir: str, cache_gb: float = math.inf) -> tuple[Pixels, np.ndarray]:
    """Load all images of a split, prepared; only the first call for a data set decodes them.

    Args:
        dataset_dir: The data set.
        split: One of contract.SPLITS.
        cache_dir: Folder for the decoded images; empty keeps them in memory.
        cache_gb: Size limit in GB. Where it, the disk or the memory is too small, the images are decoded on each
            access, and a line on stderr says so.

    Returns:
        Pixels uint8 [n, 200, 200, 3], read-only and mapped where there is a cache, and labels int64 [n], in the order
        of `read_split`.

    Raises:
        DataError: There is no data set, or it is damaged.
    """
    digest = read_info(dataset_dir).digest[:16]
    labels = read_split(dataset_dir, split, ["label"])["label"].to_numpy()
    size = len(labels) * math.prod(IMAGE_SHAPE)
    if cache_dir:
        target = Path(cache_dir) / f"{digest}-{split}-{FORM}"
        with _locked(target.parent):
            if target.exists() or _evict_caches(target.parent, digest, size, cache_gb * GB):
                return _mapped(target, dataset_dir, split, labels)
    elif size <= min(cache_gb * GB, psutil.virtual_memory().available - SPARE_BYTES):
        pixels = np.empty((len(labels), *IMAGE_SHAPE), np.uint8)
        decode_into(pixels, dataset_dir, split)
        return pixels, labels
    print(
        f"{split}: {len(labels):,} decoded images take {size / GB:.3g} GB, too much for "
        f"{cache_dir or 'memory'}: they are decoded in each epoch, which is slower "
        f"(raise data.cache_gb={cache_gb:g}, or free some space)",
        file=sys.stderr,
    )
    return DecodedOnAccess(dataset_dir, split), labels


def _mapped(target: Path, dataset_dir: Path, split: str, labels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Map a cache into memory, and make it first if there is none."""
    if not target.exists():
        with outputs.replaced(target, outputs.DECODED) as folder:
            shape = (len(labels), *IMAGE_SHAPE)
            pixels = np.lib.format.open_memmap(folder / PIXELS_FILE, "w+", np.uint8, shape)
            decode_into(pixels, dataset_dir, split)
            pixels.flush()
            np.save(folder / LABELS_FILE, labels)
    os.utime(target)  # the time of the last use
    return np.load(target / PIXELS_FILE, mmap_mode="r"), np.load(target / LABELS_FILE)


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Let one process at a time make a cache; the others wait for it."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / ".lock").open("a") as file:
        fcntl.flock(file, fcntl.LOCK_EX)  # the system releases it when the process ends, however it ends
        yield


def _evict_caches(folder: Path, digest: str, size: int, limit: float) -> bool:
    """Whether a cache of `size` bytes fits; removes caches of other data sets for it, the least recently used first.

    A process that has mapped a removed cache keeps its pages (unlink, POSIX).
    """
    for leftover in folder.glob(f".{NAMES}-*"):
        if outputs.is_leftover(leftover):
            shutil.rmtree(leftover)  # its process was killed: a running one would hold the lock
    found = (cache for cache in folder.glob(NAMES) if outputs.is_ours(cache, outputs.DECODED))
    caches = sorted(found, key=lambda cache: cache.stat().st_mtime_ns)
    sizes = {cache: sum(file.stat().st_size for file in cache.iterdir()) for cache in caches}
    others = [cache for cache in caches if not (cache.name.startswith(digest) and cache.name.endswith(FORM))]
    within = limit - size - sum(sizes.values())  # left of the limit if all caches stay
    free = shutil.disk_usage(folder).free - SPARE_BYTES - size
    if min(within, free) + sum(sizes[cache] for cache in others) < 0:
        return False
    while min(within, free) < 0:
        oldest = others.pop(0)
        shutil.rmtree(oldest)
        within, free = within + sizes[oldest], free + sizes[oldest]
    return True
