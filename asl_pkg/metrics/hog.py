"""Histograms of oriented gradients: simple features that show a hand's outline and little of the light on it."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
from numpy.typing import NDArray

CELL_PX = 8
ORIENTATIONS = 9  # over half a turn, as in the paper
FEATURES = 3 * 3 * 4 * ORIENTATIONS  # per image of 4x4 cells
COMPONENTS = 64  # kept of them; 128 read photographs no better
CHUNK = 256  # images at once: their gradients fit the CPU's cache


def embedding(
    thumbnails: NDArray[np.uint8], rows: NDArray[np.int64], references: NDArray[np.int64]
) -> NDArray[np.float32]:
    """Describe small images by the directions of their edges (Dalal and Triggs 2005), principal components only.

    https://doi.org/10.1109/CVPR.2005.177. Cells of 8x8 px, blocks of 2x2 cells, each block scaled to length 1.

    Args:
        thumbnails: RGB [n, 32, 32, 3].
        rows: Rows of the images to describe [m].
        references: Rows of the images that the components are fitted on.

    Returns:
        [m, COMPONENTS], or fewer columns where there are fewer references.
    """
    from sklearn.decomposition import PCA
    from threadpoolctl import threadpool_limits

    # A matrix this small is faster on one core, by far where others use the rest; plain images have no variance.
    with ThreadPoolExecutor() as pool, threadpool_limits(1), np.errstate(invalid="ignore"):
        known = np.concatenate(list(pool.map(lambda some: features(thumbnails[some]), _chunks(references))))
        pca = PCA(min(COMPONENTS, *known.shape), svd_solver="covariance_eigh").fit(known)
        # In chunks: the features of all images would be five times as large.
        return np.concatenate(list(pool.map(lambda some: pca.transform(features(thumbnails[some])), _chunks(rows))))


def features(thumbnails: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Compute the features whose principal components `embedding` takes.

    Args:
        thumbnails: RGB [n, 32, 32, 3].

    Returns:
        Blocks of cells [n, FEATURES].
    """
    cells = _cells(thumbnails)
    corners = [cells[:, :-1, :-1], cells[:, :-1, 1:], cells[:, 1:, :-1], cells[:, 1:, 1:]]
    blocks = np.concatenate(corners, axis=-1)  # [n, 3, 3, 36]
    blocks /= np.linalg.norm(blocks, axis=-1, keepdims=True) + 1  # + 1: a plain wall stays near 0
    return blocks.reshape(len(thumbnails), -1)


def _chunks(rows: NDArray[np.int64]) -> list[NDArray[np.int64]]:
    return [rows[start : start + CHUNK] for start in range(0, len(rows), CHUNK)]


def _cells(thumbnails: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Sum the strength of the edges by direction in each cell [n, 4, 4, ORIENTATIONS]."""
    grey = np.pad(thumbnails.mean(axis=-1, dtype=np.float32), ((0, 0), (1, 1), (1, 1)), mode="edge")
    down, right = grey[:, 2:, 1:-1] - grey[:, :-2, 1:-1], grey[:, 1:-1, 2:] - grey[:, 1:-1, :-2]
    strength = np.hypot(down, right)
    position = np.arctan2(down, right) * np.float32(ORIENTATIONS / np.pi) % ORIENTATIONS
    lower = position.astype(np.int64)
    share = position - lower  # each edge goes to the two nearest directions
    count, side = len(grey), thumbnails.shape[1]
    cells = side // CELL_PX
    row = np.arange(side) // CELL_PX
    first = ((np.arange(count)[:, None, None] * cells + row[:, None]) * cells + row) * ORIENTATIONS
    total = np.zeros(count * cells * cells * ORIENTATIONS)
    for direction, weight in ((lower, 1 - share), (lower + 1, share)):
        bins = first + direction % ORIENTATIONS
        total += np.bincount(bins.ravel(), (strength * weight).ravel(), len(total))
    return total.reshape(count, cells, cells, ORIENTATIONS).astype(np.float32)
