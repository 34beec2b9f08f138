"""Images that look the same on both sides of a split: found by hashes, confirmed on pixels.

Every hash is compared with every held-out one, 64 bits at a time: seconds for 87,000 images.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

MAX_BITS = 5  # of 64 by which hashes of near-duplicates may differ
LEAST_CORRELATION = 0.95  # of the grey thumbnails of near-duplicates …
MOST_DIFFERENCE = 3.0  # … or their mean difference in grey levels: empty walls have no pattern to correlate
ROWS = 64  # images compared by hash with all others at once: tens of MB for 87,000
PAIRS = 1024  # pairs compared on pixels at once


@dataclass(frozen=True)
class SimilarPairs:
    """Pairs of images with near hashes.

    Args:
        rows: Rows of the first images [n].
        others: Rows of the second images [n].
        bits: Number of bits by which their hashes differ [n].
        correlation: Correlation of their grey thumbnails [n].
        difference: Mean difference of their grey thumbnails, in grey levels [n].
    """

    rows: NDArray[np.int64]
    others: NDArray[np.int64]
    bits: NDArray[np.uint8]
    correlation: NDArray[np.float32]
    difference: NDArray[np.float32]

    @property
    def near_duplicates(self) -> NDArray[np.bool_]:
        """Which pairs look the same [n]."""
        alike = (self.correlation >= LEAST_CORRELATION) | (self.difference <= MOST_DIFFERENCE)
        return np.asarray((self.bits <= MAX_BITS) & alike)

    def __getitem__(self, chosen: np.ndarray) -> "SimilarPairs":
        return SimilarPairs(*(column[chosen] for column in vars(self).values()))


def near_hashes(
    hashes: np.ndarray, others: np.ndarray, max_bits: int = MAX_BITS
) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.uint8]]]:
    """Find the pairs of hashes that differ in few bits.

    Args:
        hashes: uint64 [a].
        others: uint64 [b].
        max_bits: Largest number of bits by which they may differ.

    Yields:
        Positions in `hashes` and in `others`, and the differing bits, some pairs at a time.
    """
    for start in range(0, len(hashes), ROWS):
        bits = np.bitwise_count(hashes[start : start + ROWS][:, None] ^ others)
        first, second = np.nonzero(bits <= max_bits)
        yield first + start, second, bits[first, second]


class SimilarityIndex:
    """Index of all images for comparison.

    Args:
        hashes: uint64 [n], see hashing.dhash.
        thumbnails: uint8 [n, side, side, 3].
    """

    def __init__(self, hashes: np.ndarray, thumbnails: np.ndarray) -> None:
        self.hashes = hashes
        self.thumbnails = thumbnails

    def near(self, rows: np.ndarray, others: np.ndarray, max_bits: int = MAX_BITS) -> Iterator[SimilarPairs]:
        """Compare some images with others.

        Args:
            rows: int [a], rows of the images.
            others: int [b], rows of the images to compare with.
            max_bits: Largest number of bits by which hashes may differ.

        Yields:
            The pairs with near hashes, some at a time.
        """
        for first, second, bits in near_hashes(self.hashes[rows], self.hashes[others], max_bits):
            for begin in range(0, len(first), PAIRS):
                part = slice(begin, begin + PAIRS)
                yield self._compared(rows[first[part]], others[second[part]], bits[part])

    def near_duplicates(self, rows: np.ndarray, others: np.ndarray) -> NDArray[np.int64]:
        """Find those of `rows` that have a near-duplicate among `others`, in rising order."""
        found = [pairs.rows[pairs.near_duplicates] for pairs in self.near(rows, others)]
        return np.unique(np.concatenate([np.zeros(0, np.int64), *found]))

    def most_alike(self, rows: np.ndarray, others: np.ndarray, count: int) -> SimilarPairs | None:
        """Find the pairs that look most alike, at most one for each of `rows`.

        Args:
            rows: int [a], rows of the images.
            others: int [b], rows of the images to compare with.
            count: Largest number of pairs.

        Returns:
            The pairs, most alike first; None if no hashes are near.
        """
        best: SimilarPairs | None = None
        for pairs in self.near(rows, others, 2 * MAX_BITS):
            both = pairs if best is None else _joined(best, pairs)
            order = np.argsort(-both.correlation, kind="stable")
            _, first = np.unique(both.rows[order], return_index=True)
            best = both[order[np.sort(first)[:count]]]
        return best

    def _compared(self, rows: np.ndarray, others: np.ndarray, bits: np.ndarray) -> SimilarPairs:
        a, b = self._grey(rows), self._grey(others)
        difference = np.abs(a - b).mean(axis=1)
        a, b = a - a.mean(axis=1, keepdims=True), b - b.mean(axis=1, keepdims=True)
        spread = np.sqrt((a * a).sum(axis=1) * (b * b).sum(axis=1))
        correlation = np.divide((a * b).sum(axis=1), spread, out=np.zeros_like(spread), where=spread > 0)
        return SimilarPairs(rows, others, bits, correlation, difference)

    def _grey(self, rows: np.ndarray) -> NDArray[np.float32]:
        """Whole grey levels of images [n, side * side], computed on demand: those of all images would take 90 MB."""
        colours = self.thumbnails[rows]
        grey = colours[..., 0].astype(np.uint16)
        grey += colours[..., 1]
        grey += colours[..., 2]
        return (grey // 3).reshape(len(rows), -1).astype(np.float32)


def _joined(pairs: SimilarPairs, other: SimilarPairs) -> SimilarPairs:
    return SimilarPairs(
        *(np.concatenate(columns) for columns in zip(vars(pairs).values(), vars(other).values(), strict=True))
    )
