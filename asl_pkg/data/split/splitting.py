"""Splits without leaks: whole signers, else whole recordings, else blocks of frames; a guard gap between neighbours.

Consecutive frames are near-copies. A random split puts them on both sides and measures memory.
"""

import itertools
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Hashable, Mapping, Sequence
from typing import NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from asl_pkg import contract
from asl_pkg.class_sets import FEWEST
from asl_pkg.data.sample import UNKNOWN_SIGNER
from asl_pkg.data.split.near_duplicates import SimilarityIndex
from asl_pkg.errors import DataError

GUARD = "guard"  # left out: too close to a frame of another split
NEAR_DUPLICATE = "near-duplicate"  # left out: looks the same as a held-out image
MIN_GROUPS = 3  # signers, recordings or blocks: one per split
# Share of a class's images: unless training gets a recording that large, the recordings are cut into blocks. Share of
# all images: a signer with more is in training if three others are left.
LARGEST = 0.3
DRAWS = 10  # random starts where signers are chosen by the classes that they show

U = TypeVar("U", bound=Hashable)


class SampleMeta(NamedTuple):
    """Facts of an image for splitting: class, signer, sequence, position and recording in it."""

    label: int
    signer: str
    sequence: str
    frame: int
    recording: int = 0


class SplitAssignment(NamedTuple):
    """Split of an image, GUARD or NEAR_DUPLICATE, and the group that stays together."""

    split: str
    group: str

    @property
    def kept(self) -> bool:
        """Whether the image is in the data set."""
        return self.split in contract.SPLITS


class Block(NamedTuple):
    """Images that stay together: a recording, or a block of its frame numbers."""

    label: int
    signer: str
    sequence: str
    recording: int
    window: int | None

    @property
    def group(self) -> str:
        """Its name in the data set."""
        window = "" if self.window is None else f"/{self.window}"
        return f"{contract.CLASSES[self.label]}/{self.signer}/{self.sequence}/recording{self.recording}{window}"


def by_signer(
    samples: Sequence[SampleMeta], validation_share: float, test_share: float, seed: int
) -> list[SplitAssignment]:
    """Hold out whole signers; those with a large share of the images stay in training if others are left.

    Args:
        samples: All images, of at least MIN_GROUPS signers.
        validation_share: Share of the signers, at least one signer.
        test_share: Share of the signers, at least one signer.
        seed: Seed of the choice.

    Returns:
        Split and group of each image; the group is the signer's sequence.

    Raises:
        DataError: There are fewer signers.
    """
    rng = np.random.default_rng(seed)
    return _of_signers(samples, _allot(_candidates(samples), validation_share, test_share, rng))


def by_signer_and_class(
    samples: Sequence[SampleMeta], validation_share: float, test_share: float, seed: int
) -> list[SplitAssignment] | None:
    """Hold out whole signers so that training has every class, and the test, then validation, as many as possible.

    Args:
        samples: As in `by_signer`.
        validation_share: As in `by_signer`; one signer if training would otherwise lack a class.
        test_share: likewise.
        seed: Seed of the choice.

    Returns:
        Split and group of each image; None if training would lack a class, or a split more than half of them.

    Raises:
        DataError: There are fewer signers.
    """
    candidates = _candidates(samples)
    row_of = {signer: row for row, signer in enumerate(candidates)}
    shows = np.zeros(
        (len(candidates) + 1, len(contract.CLASSES)), np.int64
    )  # the last row: signers who are always in training
    for sample in samples:
        shows[row_of.get(sample.signer, -1), sample.label] = 1
    all_classes = int(shows.any(axis=0).sum())
    rng = np.random.default_rng(seed)
    for shares in ((validation_share, test_share), (0.0, 0.0)):
        drawn = [_covering(shows, list(_allot(range(len(candidates)), *shares, rng).items())) for _ in range(DRAWS)]
        split_of, covered = max(drawn, key=lambda found: _worth(found[1]))
        if covered[contract.TRAIN] == all_classes and 2 * min(covered.values()) > all_classes:
            return _of_signers(
                samples, {candidates[row]: split for row, split in split_of.items() if row < len(candidates)}
            )
    return None


def by_recording(
    samples: Sequence[SampleMeta],
    block_frames: int,
    guard_frames: int,
    validation_share: float,
    test_share: float,
    seed: int,
    uncut: Collection[int] = (),
) -> tuple[list[SplitAssignment], set[int]]:
    """Hold out whole recordings of each class, or blocks of neighbouring frames where it has too few recordings.

    Where two blocks of different splits meet, frames of the later one within the guard are left out.

    Args:
        samples: All images.
        block_frames: Length of a block.
        guard_frames: Frames of different splits in one sequence are further apart than this.
        validation_share: Share of the groups of each class, at least one group.
        test_share: Share of the groups of each class, at least one group.
        seed: Seed of the choice.
        uncut: Classes whose recordings stay whole if there are enough, however small they are.

    Returns:
        Split and group of each image, the group being its recording or block; and the classes of which whole
        recordings are held out.

    Raises:
        DataError: A class has too few blocks for all splits; says what fixes it.
    """
    images_of: dict[int, Counter[Block]] = defaultdict(Counter)
    for sample in samples:
        images_of[sample.label][_recording(sample)] += 1
    whole = {label for label, recordings in images_of.items() if _divisible(recordings, label in uncut)}
    blocks = [_recording(sample) if sample.label in whole else _window(sample, block_frames) for sample in samples]
    blocks_of_class: dict[int, set[Block]] = defaultdict(set)
    for block in blocks:
        blocks_of_class[block.label].add(block)
    if few := {label: len(own) for label, own in sorted(blocks_of_class.items()) if len(own) < MIN_GROUPS}:
        said = ", ".join(
            f"{contract.CLASSES[label]} has {images_of[label].total():,} in {count}" for label, count in few.items()
        )
        mended = remedy(samples, few, block_frames, guard_frames, validation_share, test_share, seed)
        raise DataError(
            f"too few consecutive frames to hold some out of every class: {said} blocks of data.block_frames="
            f"{block_frames} frames, expected at least {MIN_GROUPS} blocks: {mended}"
        )
    split_of: dict[Block, str] = {}
    for label, own in sorted(blocks_of_class.items()):
        first = max(sorted(own), key=images_of[label].__getitem__) if label in whole else None
        split_of |= _allot(sorted(own), validation_share, test_share, np.random.default_rng([seed, label]), first)
    guarded = _guarded(samples, [split_of[block] for block in blocks], guard_frames)
    assignments = [
        SplitAssignment(GUARD if index in guarded else split_of[block], block.group)
        for index, block in enumerate(blocks)
    ]
    return assignments, whole


def remedy(
    samples: Sequence[SampleMeta],
    lacking: Collection[int],
    block_frames: int,
    guard_frames: int,
    validation_share: float,
    test_share: float,
    seed: int,
) -> str:
    """Find settings with which every class is in every split; they are tried before they are suggested.

    Args:
        samples: All images.
        lacking: Classes that a split lacks.
        block_frames: Current setting.
        guard_frames: Current setting.
        validation_share: As in `by_recording`.
        test_share: As in `by_recording`.
        seed: Seed of the choice.

    Returns:
        Advice for the user.
    """
    images = Counter(sample.label for sample in samples)
    small = {label for label in lacking if images[label] < MIN_GROUPS}
    enough = [sample for sample in samples if sample.label not in small]
    lengths = sorted({block_frames // part for part in range(1, block_frames + 1)}, reverse=True)
    pairs = ((length, guard) for length in lengths for guard in (guard_frames, length // 3, 0) if guard <= guard_frames)
    tried = (pair for pair in pairs if _serves(enough, *pair, validation_share, test_share, seed))
    length, guard = next(tried, (0, 0)) if enough else (block_frames, guard_frames)
    gone = small if length else set(lacking)
    changes = {"block_frames": (length, block_frames), "guard_frames": (guard, guard_frames)} if length else {}
    texts = [f"data.{name}={value}" for name, (value, before) in changes.items() if value != before]
    if gone:
        names = [[contract.CLASSES[label] for label in sorted(own)] for own in (gone, images.keys() - gone)]
        if len(names[1]) < FEWEST:
            return f"add images of {', '.join(names[0])}"
        texts.insert(0, f"data.classes={','.join(names[1])}, which leaves {', '.join(names[0])} out,")
        return f"add images, or set {' '.join(texts).rstrip(',')}"
    return f"set {' '.join(texts)}"


def _serves(
    samples: Sequence[SampleMeta],
    block_frames: int,
    guard_frames: int,
    validation_share: float,
    test_share: float,
    seed: int,
) -> bool:
    """Whether these settings put every class into every split."""
    blocks = {sample.label: set[Block]() for sample in samples}
    for sample in samples:
        blocks[sample.label].add(_window(sample, block_frames))
    if min(map(len, blocks.values())) < MIN_GROUPS:
        return False
    assignments, _ = by_recording(samples, block_frames, guard_frames, validation_share, test_share, seed)
    return {(sample.label, assignment.split) for sample, assignment in zip(samples, assignments, strict=True)} >= {
        (label, split) for label in blocks for split in contract.SPLITS
    }


def _recording(sample: SampleMeta) -> Block:
    return Block(sample.label, sample.signer, sample.sequence, sample.recording, None)


def _window(sample: SampleMeta, block_frames: int) -> Block:
    return Block(sample.label, sample.signer, sample.sequence, sample.recording, sample.frame // block_frames)


def _divisible(recordings: Counter[Block], uncut: bool) -> bool:
    """Whether a class has enough recordings, and the largest gives training a fair share."""
    fair = uncut or max(recordings.values()) >= LARGEST * recordings.total()
    return len(recordings) >= MIN_GROUPS and fair


def without_near_duplicates(
    assignments: Sequence[SplitAssignment], similarity: SimilarityIndex
) -> list[SplitAssignment]:
    """Leave out training images that look the same as a held-out one, and validation images that look like a test one.

    Args:
        assignments: Split and group of all images.
        similarity: Index of all images.

    Returns:
        The assignments, with NEAR_DUPLICATE for images left out.
    """
    splits = np.array([assignment.split for assignment in assignments], object)
    for split, held_out in (
        (contract.VALIDATION, [contract.TEST]),
        (contract.TRAIN, [contract.VALIDATION, contract.TEST]),
    ):
        rows, others = np.flatnonzero(splits == split), np.flatnonzero(np.isin(splits, held_out))
        splits[similarity.near_duplicates(rows, others)] = NEAR_DUPLICATE
    return [
        SplitAssignment(split, assignment.group) for split, assignment in zip(splits.tolist(), assignments, strict=True)
    ]


def require_every_class(
    labels: Sequence[int],
    splits: Sequence[str],
    unmeasurable: Sequence[str] = (),
    mended: Callable[[set[int]], str] | None = None,
) -> None:
    """Refuse splits that lack a class of the data set.

    Args:
        labels: Labels of all images.
        splits: Splits of all images.
        unmeasurable: Names of classes that need not be held out.
        mended: Gives advice for the missing classes.

    Raises:
        DataError: Says which split lacks which class.
    """
    present = set(zip(splits, labels, strict=True))
    images = Counter(labels)
    missing = {
        (split, label)
        for split in contract.SPLITS
        for label in images
        if (split, label) not in present and (split == contract.TRAIN or contract.CLASSES[label] not in unmeasurable)
    }
    if not missing:
        return
    said = [
        f"no image of {', '.join(f'{contract.CLASSES[label]} (of {images[label]:,})' for label in sorted(own))} in "
        f"split {split}"
        for split in contract.SPLITS
        if (own := [label for other, label in missing if other == split])
    ]
    remedies = f": {mended({label for _, label in missing})}" if mended else ""
    raise DataError(f"{'; '.join(said)}, expected every class in every split{remedies}")


def _allot(
    units: Sequence[U], validation_share: float, test_share: float, rng: np.random.Generator, first: U | None = None
) -> dict[U, str]:
    """Assign at least three units to the splits, at least one to each; `first` goes to training."""
    test = min(max(1, round(len(units) * test_share)), len(units) - 2)
    validation = min(max(1, round(len(units) * validation_share)), len(units) - test - 1)
    splits = (
        [contract.TEST] * test
        + [contract.VALIDATION] * validation
        + [contract.TRAIN] * (len(units) - test - validation)
    )
    order = [units[position] for position in rng.permutation(len(units))]
    if first is not None:
        order.remove(first)
        order.append(first)
    return dict(zip(order, splits, strict=True))


def _candidates(samples: Sequence[SampleMeta]) -> list[str]:
    """Signers who may be held out: not those with a large share of the images, if others are left."""
    images = Counter(sample.signer for sample in samples if sample.signer != UNKNOWN_SIGNER)
    if len(images) < MIN_GROUPS:
        raise DataError(f"{len(images)} signers, expected at least {MIN_GROUPS} to hold out whole ones")
    others = sorted(signer for signer, count in images.items() if count <= LARGEST * len(samples))
    return others if len(others) >= MIN_GROUPS else sorted(images)


def _of_signers(samples: Sequence[SampleMeta], split_of: Mapping[str, str]) -> list[SplitAssignment]:
    """Assign whole signers; unknown signers and those not held out go to training."""
    return [
        SplitAssignment(split_of.get(sample.signer, contract.TRAIN), f"{sample.signer}/{sample.sequence}")
        for sample in samples
    ]


def _covering(shows: NDArray[np.int64], allotted: Sequence[tuple[int, str]]) -> tuple[dict[int, str], dict[str, int]]:
    """Swap signers of different splits as long as that brings classes to splits that lack them.

    Args:
        shows: Whether each signer shows each class [signers + 1, classes]; the last row is always in training.
        allotted: Row and split of each signer.

    Returns:
        The split of each row, and the number of classes in each split.
    """
    split_of = dict(allotted) | {len(shows) - 1: contract.TRAIN}
    counts = {
        split: shows[[row for row, own in split_of.items() if own == split]].sum(axis=0) for split in contract.SPLITS
    }
    rows = sorted(dict(allotted))
    kinds = [row.tobytes() for row in shows]
    improved = True
    while improved:
        improved = False
        tried = set()  # signers who show the same classes are interchangeable
        for row, other in itertools.combinations(rows, 2):
            here, there = split_of[row], split_of[other]
            change = kinds[row], here, kinds[other], there
            if here == there or kinds[row] == kinds[other] or change in tried:
                continue
            tried.add(change)
            moved = shows[other] - shows[row]
            changed = counts | {here: counts[here] + moved, there: counts[there] - moved}
            if _worth(_covered(changed)) > _worth(_covered(counts)):
                counts, split_of[row], split_of[other], improved = changed, there, here, True
                tried.clear()
    return split_of, _covered(counts)


def _covered(counts: Mapping[str, NDArray[np.int64]]) -> dict[str, int]:
    return {split: int((own > 0).sum()) for split, own in counts.items()}


def _worth(covered: Mapping[str, int]) -> tuple[int, ...]:
    """Number of classes in training, which must have all, then in the test, then in validation."""
    return covered[contract.TRAIN], covered[contract.TEST], covered[contract.VALIDATION]


def _guarded(samples: Sequence[SampleMeta], splits: Sequence[str], guard_frames: int) -> set[int]:
    """Find images to leave out: within the guard of the last kept image, which is in another split."""
    guarded = set()
    kept: dict[Hashable, tuple[int, str]] = {}
    for index in sorted(range(len(samples)), key=lambda index: (samples[index].frame, samples[index].recording)):
        label, signer, sequence, frame, _ = samples[index]
        last_frame, last_split = kept.get((label, signer, sequence), (frame, splits[index]))
        if last_split != splits[index] and frame - last_frame <= guard_frames:
            guarded.add(index)
        else:
            kept[label, signer, sequence] = frame, splits[index]
    return guarded
