"""Hashes: of a file, of what an image looks like, of a whole data set."""

import hashlib
import json
from collections.abc import Iterable
from pathlib import Path

import numpy as np
from PIL import Image

from asl_pkg.progress import track

DIGEST_CHUNK_BYTES = 2**20
DHASH_SIDE = 8  # 8 x 8 comparisons: 64 bits
THUMBNAIL_PX = 32  # enough to recognise near-duplicates, small enough to keep for all images


def file_digest(path: Path, name: str) -> str:
    """SHA-256 of a file that may take minutes to read.

    Args:
        path: The file.
        name: How progress calls the file.

    Returns:
        Hex digits.
    """
    digest = hashlib.sha256()
    with path.open("rb") as file:
        chunks = iter(lambda: file.read(DIGEST_CHUNK_BYTES), b"")
        for chunk in track(chunks, -(-path.stat().st_size // DIGEST_CHUNK_BYTES), f"Checking {name}", "MiB"):
            digest.update(chunk)
    return digest.hexdigest()


def dhash(pixels: np.ndarray) -> int:
    """Hash what an image looks like: near-duplicates differ in few bits.

    Difference hash, N. Krawetz, "Kind of Like That", https://www.hackerfactor.com/blog/?/archives/529-Kind-of-Like-That.html

    Args:
        pixels: uint8 [height, width, 3].

    Returns:
        64 bits, the first comparison in the highest one.
    """
    small = Image.fromarray(pixels).convert("L").resize((DHASH_SIDE + 1, DHASH_SIDE), Image.Resampling.BOX)
    grey = np.asarray(small)
    return int.from_bytes(np.packbits(grey[:, 1:] > grey[:, :-1]).tobytes(), "big")


def thumbnail(pixels: np.ndarray) -> np.ndarray:
    """Shrink an image for comparison: uint8 [height, width, 3] -> uint8 [THUMBNAIL_PX, THUMBNAIL_PX, 3]."""
    return np.asarray(Image.fromarray(pixels).resize((THUMBNAIL_PX, THUMBNAIL_PX), Image.Resampling.BOX))


def dataset_digest(rows: Iterable[tuple[str, int, str, str]]) -> str:
    """Digest of a data set, whatever the order of its rows and the layout of its files.

    Args:
        rows: SHA-256 of the file, label, split and group of every image.

    Returns:
        SHA-256 of the sorted rows as JSON lines, in hex digits.
    """
    digest = hashlib.sha256()
    for row in sorted(rows):
        digest.update(json.dumps(row).encode() + b"\n")
    return digest.hexdigest()
