"""Boundaries between recordings, found from frame numbers and from the images themselves.

Public data sets number the frames of a class continuously, over several recordings in other rooms or another light.
Within a recording the background stays for a while; a moving hand changes few parts of the image, a new room most.
"""

from collections import defaultdict
from collections.abc import Sequence

import numpy as np

from asl_pkg.data.split.splitting import SampleMeta

CELLS = 4  # an image is compared in 4 x 4 parts
WINDOW = 10  # images compared before and after a boundary
LEAST_CHANGE = 25.0  # grey levels by which most parts change where a recording ends …
LEAST_RATIO = 4.5  # … and how many times the usual change of the sequence
LEAST_GAP = 20  # times the usual step of frame numbers; a larger gap ends a recording
FRAMES_GAP = 100  # frames; smaller gaps end no recording


def find_recordings(samples: Sequence[SampleMeta], thumbnails: np.ndarray) -> list[int]:
    """Number the recordings of each sequence.

    Args:
        samples: All images.
        thumbnails: uint8 [n, side, side, 3] of all images, side a multiple of CELLS.

    Returns:
        For each image the number of its recording within its label, signer and sequence, from 0.
    """
    rows_of = defaultdict(list)
    for row, sample in enumerate(samples):
        rows_of[sample.label, sample.signer, sample.sequence].append(row)
    recordings = np.zeros(len(samples), int)
    for rows in rows_of.values():
        rows.sort(key=lambda row: samples[row].frame)
        frames = np.array([samples[row].frame for row in rows])
        recordings[rows] = _number(frames, _cells(thumbnails[rows]))
    return recordings.tolist()


def _cells(thumbnails: np.ndarray) -> np.ndarray:
    """Mean colour of each part, float32 [n, CELLS², 3]."""
    side = thumbnails.shape[1] // CELLS
    parts = thumbnails.reshape(-1, CELLS, side, CELLS, side, 3).mean(axis=(2, 4), dtype=np.float32)
    return np.asarray(parts.reshape(len(thumbnails), CELLS * CELLS, 3))


def _number(frames: np.ndarray, cells: np.ndarray) -> np.ndarray:
    """Recording number of each image of a sequence."""
    cuts = np.zeros(len(frames), bool)
    steps = np.diff(frames)
    if len(steps):
        cuts[1:] = steps > max(FRAMES_GAP, LEAST_GAP * float(np.median(steps)))
    for start, end in _runs(cuts):
        cuts[[start + cut for cut in _changes(cells[start:end])]] = True
    return np.cumsum(cuts)


def _runs(cuts: np.ndarray) -> list[tuple[int, int]]:
    bounds = [0, *np.flatnonzero(cuts).tolist(), len(cuts)]
    return [(start, end) for start, end in zip(bounds, bounds[1:], strict=False) if end > start]


def _changes(cells: np.ndarray) -> list[int]:
    """Positions where most parts change for longer than a window; the strongest in each neighbourhood."""
    if len(cells) < 2 * WINDOW:
        return []
    windows = np.lib.stride_tricks.sliding_window_view(cells, WINDOW, axis=0)
    usual = np.median(windows, axis=-1)  # a hand passes, the median stays
    change = np.zeros(len(cells))
    change[WINDOW : len(cells) - WINDOW + 1] = np.median(np.abs(usual[WINDOW:] - usual[:-WINDOW]).mean(axis=2), axis=1)
    least = max(LEAST_CHANGE, LEAST_RATIO * float(np.median(change[WINDOW : len(cells) - WINDOW + 1])))
    found = []
    while (peak := int(change.argmax())) and change[peak] >= least:
        found.append(_sharpest(cells, peak))
        change[max(0, peak - WINDOW) : peak + WINDOW] = 0.0
    return found


def _sharpest(cells: np.ndarray, peak: int) -> int:
    """The position near a peak where an image differs most from the one before it."""
    start, end = max(1, peak - WINDOW // 2), min(len(cells), peak + WINDOW // 2)
    steps = np.median(np.abs(cells[start:end] - cells[start - 1 : end - 1]).mean(axis=2), axis=1)
    return start + int(steps.argmax())
