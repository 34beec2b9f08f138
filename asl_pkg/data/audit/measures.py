"""Counts and measurements of the audit."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from asl_pkg import contract
from asl_pkg.data.audit.audit_json import (
    Brightness,
    ClassCount,
    ClassRecordings,
    FileBytes,
    Imbalance,
    ReasonCount,
    Recording,
    SameBytes,
)
from asl_pkg.data.sample import RejectedFile
from asl_pkg.data.split.near_duplicates import SimilarityIndex
from asl_pkg.data.split.splitting import SampleMeta

EXAMPLES_PER_REASON = 5  # names listed for each reason
SIZES = 10  # image sizes listed
PAIRS = 12  # nearest pairs across splits, shown
BRIGHTNESS_BINS = 32
RECORDINGS = 100  # listed per class


class Pair(NamedTuple):
    """Rows of two images of different splits, bits in which their hashes differ, and their correlation."""

    first: int
    second: int
    bits: int
    correlation: float


class Stretch(NamedTuple):
    """Consecutive images of one class, recording and split."""

    label: int
    recording: str
    split: str
    first_frame: int
    last_frame: int
    images: int


def by_class(labels: NDArray[np.int64]) -> dict[str, int]:
    """Count images by class name; classes without images are left out."""
    counts = np.bincount(labels, minlength=len(contract.CLASSES))
    return {name: int(count) for name, count in zip(contract.CLASSES, counts, strict=True) if count}


def imbalance(counts: Mapping[str, Mapping[str, int]], known: Sequence[str] = contract.CLASSES) -> Imbalance:
    """Compare the largest class with the smallest.

    Args:
        counts: Images by split and class.
        known: Names of the classes that the data set has.

    Returns:
        Both classes with their images over all splits, and the ratio.
    """
    total = {name: sum(own[name] for own in counts.values()) for name in known}
    largest, smallest = max(total, key=lambda name: total[name]), min(total, key=lambda name: total[name])
    return Imbalance(
        largest=ClassCount(name=largest, images=total[largest]),
        smallest=ClassCount(name=smallest, images=total[smallest]),
        ratio=round(total[largest] / total[smallest], 3) if total[smallest] else None,
    )


def reasons(rejected: Iterable[RejectedFile]) -> list[ReasonCount]:
    """Count rejected files by reason, the most frequent first, with a few names."""
    paths = defaultdict(list)
    for file in rejected:
        paths[file.reason].append(file.path)
    ranked = sorted(paths.items(), key=lambda item: (-len(item[1]), item[0]))
    return [
        ReasonCount(reason=reason, count=len(names), examples=names[:EXAMPLES_PER_REASON]) for reason, names in ranked
    ]


def file_bytes(sizes_bytes: NDArray[np.int64]) -> FileBytes:
    """Sum up the files' sizes."""
    return FileBytes(
        total=int(sizes_bytes.sum()),
        smallest=int(sizes_bytes.min()),
        median=int(np.median(sizes_bytes)),
        largest=int(sizes_bytes.max()),
    )


def sizes(shapes: Sequence[tuple[int, int]]) -> tuple[dict[str, int], int]:
    """Count images by width and height in px, the most frequent first; gives the number of further sizes too."""
    counts = Counter(f"{width} x {height}" for width, height in shapes)
    return dict(counts.most_common(SIZES)), max(0, len(counts) - SIZES)


def same_bytes(sha256: Sequence[str], splits: Sequence[str]) -> SameBytes:
    """Count the images that have an identical file, within their split only and in another split."""
    splits_of = defaultdict(list)
    for digest, split in zip(sha256, splits, strict=True):
        splits_of[digest].append(split)
    identical = [found for found in splits_of.values() if len(found) > 1]
    across = sum(len(found) for found in identical if len(set(found)) > 1)
    return SameBytes(within_a_split=sum(map(len, identical)) - across, across_splits=across)


def brightness(thumbnails: NDArray[np.uint8], splits: NDArray[np.str_]) -> dict[str, Brightness]:
    """Measure how light the images of each split are.

    Args:
        thumbnails: RGB [n, 32, 32, 3].
        splits: Split of each image [n].

    Returns:
        For each split the median of the images' mean grey levels (0 to 255), the range of 90 % of them, and the
        share of images in each of BRIGHTNESS_BINS equal bins.
    """
    grey = thumbnails.reshape(len(thumbnails), -1).mean(axis=1)
    found = {}
    for split in contract.SPLITS:
        own = grey[splits == split]
        if len(own):
            low, median, high = np.percentile(own, [5, 50, 95]).round(1).tolist()
            shares = np.histogram(own, BRIGHTNESS_BINS, (0, 255))[0] / len(own)
            found[split] = Brightness(median=median, low=low, high=high, shares=shares.round(4).tolist())
    return found


def nearest_pairs(similarity: SimilarityIndex, splits: NDArray[np.str_]) -> list[Pair]:
    """Find the pairs across splits that look most alike, most alike first.

    Args:
        similarity: Index of all images.
        splits: Split of each image.

    Returns:
        At most PAIRS pairs.
    """
    found = []
    for rows, others in _across(splits):
        pairs = similarity.most_alike(rows, others, PAIRS)
        if pairs is not None:
            columns = (pairs.rows, pairs.others, pairs.bits, pairs.correlation)
            found += [Pair(*values) for values in zip(*(column.tolist() for column in columns), strict=True)]
    return sorted(found, key=lambda pair: -pair.correlation)[:PAIRS]


def count_near_duplicates(similarity: SimilarityIndex, splits: NDArray[np.str_]) -> int:
    """Count the held-out images that have a near-duplicate in an earlier split."""
    return sum(len(similarity.near_duplicates(rows, others)) for rows, others in _across(splits))


def _across(splits: NDArray[np.str_]) -> list[tuple[NDArray[np.int64], NDArray[np.int64]]]:
    return [
        (
            np.flatnonzero(splits == contract.TEST),
            np.flatnonzero(np.isin(splits, (contract.TRAIN, contract.VALIDATION))),
        ),
        (np.flatnonzero(splits == contract.VALIDATION), np.flatnonzero(splits == contract.TRAIN)),
    ]


def stretches(samples: Sequence[SampleMeta], splits: NDArray[np.str_]) -> list[Stretch]:
    """Follow each recording frame by frame and cut it where the split changes.

    Args:
        samples: All images.
        splits: Split of each image, or GUARD or NEAR_DUPLICATE.

    Returns:
        The stretches, by class, recording and frame.
    """
    found: list[Stretch] = []
    order = sorted(range(len(samples)), key=lambda row: (samples[row].label, *samples[row][1:3], samples[row].frame))
    for row in order:
        label, signer, sequence, frame, number = samples[row]
        stretch = Stretch(label, f"{signer}/{sequence}/{number}", str(splits[row]), frame, frame, 1)
        if found and found[-1][:3] == stretch[:3]:
            found[-1] = found[-1]._replace(last_frame=frame, images=found[-1].images + 1)
        else:
            found.append(stretch)
    return found


def recordings(found: Sequence[Stretch]) -> dict[str, ClassRecordings]:
    """Sum up the recordings of each class: frame numbers, and images by split.

    Args:
        found: All stretches.

    Returns:
        For each class the number of recordings, and the first RECORDINGS of them.
    """
    known: dict[str, dict[str, Recording]] = defaultdict(dict)
    for stretch in found:
        own = known[contract.CLASSES[stretch.label]]
        before = own.get(stretch.recording)
        images = Counter(before.images if before else {})
        images[stretch.split] += stretch.images
        own[stretch.recording] = Recording(
            name=stretch.recording,
            first_frame=before.first_frame if before else stretch.first_frame,
            last_frame=stretch.last_frame,
            images=images,
        )
    return {
        name: ClassRecordings(count=len(own), listed=list(own.values())[:RECORDINGS]) for name, own in known.items()
    }
