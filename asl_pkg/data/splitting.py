"""Splits without leaks: whole signers, or blocks of neighbouring frames with a guard gap between them.

Frames that follow one another are near-copies. A random split puts them on both sides and measures memory.
"""

from collections import defaultdict
from collections.abc import Hashable, Sequence
from typing import NamedTuple, TypeVar

import numpy as np

from asl_pkg import contract
from asl_pkg.errors import DataError

GUARD = "guard"  # left out: too near to a frame of another split
MIN_SIGNERS = 3  # one for each split
TRAIN, VALIDATION, TEST = contract.SPLITS

Block = tuple[int, str, str, int]  # label, signer, sequence, window of frame numbers
U = TypeVar("U", bound=Hashable)


class Shot(NamedTuple):
    """What splitting needs to know of a picture: its class, signer, run of frames and position there."""

    label: int
    signer: str
    sequence: str
    frame: int


class Place(NamedTuple):
    """Where a picture goes: its split or GUARD, and the group that stays together there."""

    split: str
    group: str


def by_signer(shots: Sequence[Shot], validation_share: float, test_share: float, seed: int) -> list[Place]:
    """Hold out whole signers.

    Args:
        shots: all pictures, of at least MIN_SIGNERS signers.
        validation_share: of the signers, at least one of them.
        test_share: of the signers, at least one of them.
        seed: of the choice.

    Returns:
        The place of each picture, in their order; its group is its signer's sequence.

    Raises:
        DataError: there are fewer signers.
    """
    signers = sorted({shot.signer for shot in shots})
    if len(signers) < MIN_SIGNERS:
        raise DataError(f"{len(signers)} signers, expected at least {MIN_SIGNERS} to hold out whole ones")
    split_of = _allot(signers, validation_share, test_share, np.random.default_rng(seed))
    return [Place(split_of[shot.signer], f"{shot.signer}/{shot.sequence}") for shot in shots]


def by_block(
    shots: Sequence[Shot],
    block_frames: int,
    guard_frames: int,
    validation_share: float,
    test_share: float,
    seed: int,
) -> list[Place]:
    """Hold out blocks of neighbouring frames of each class.

    A sequence is cut into windows of its frame numbers; whole windows go to a split, chosen anew for each class. Where
    two windows of different splits meet, the frames of the later one nearer than the guard are left out.

    Args:
        shots: all pictures.
        block_frames: length of a window.
        guard_frames: frames of different splits in one sequence are further apart than this.
        validation_share: of the windows of each class, at least one of them.
        test_share: of the windows of each class, at least one of them.
        seed: of the choice.

    Returns:
        The place of each picture, in their order; its group is its window.

    Raises:
        DataError: a class has too few windows for all splits.
    """
    blocks = [(shot.label, shot.signer, shot.sequence, shot.frame // block_frames) for shot in shots]
    blocks_of_class: dict[int, set[Block]] = defaultdict(set)
    for block in blocks:
        blocks_of_class[block[0]].add(block)
    split_of: dict[Block, str] = {}
    for label, own in sorted(blocks_of_class.items()):
        if len(own) < len(contract.SPLITS):
            raise DataError(
                f"class {contract.CLASSES[label]} has {len(own)} blocks of data.block_frames={block_frames} frames, "
                f"expected at least {len(contract.SPLITS)}: a smaller data.block_frames makes more"
            )
        split_of |= _allot(sorted(own), validation_share, test_share, np.random.default_rng([seed, label]))
    guarded = _guarded(shots, [split_of[block] for block in blocks], guard_frames)
    return [
        Place(GUARD if index in guarded else split_of[block], f"{contract.CLASSES[label]}/{signer}/{sequence}/{window}")
        for index, block in enumerate(blocks)
        for label, signer, sequence, window in [block]
    ]


def require_every_class(labels: Sequence[int], splits: Sequence[str]) -> None:
    """Refuse splits in which a class is missing.

    Args:
        labels: of all pictures.
        splits: of all pictures.

    Raises:
        DataError: names what is missing where.
    """
    present = set(zip(splits, labels, strict=True))
    for split in contract.SPLITS:
        missing = [name for label, name in enumerate(contract.CLASSES) if (split, label) not in present]
        if missing:
            raise DataError(f"no picture of {', '.join(missing)} in split {split}, expected every class in every split")


def _allot(units: Sequence[U], validation_share: float, test_share: float, rng: np.random.Generator) -> dict[U, str]:
    """Give each of at least three units to a split, at least one to each."""
    test = min(max(1, round(len(units) * test_share)), len(units) - 2)
    validation = min(max(1, round(len(units) * validation_share)), len(units) - test - 1)
    splits = [TEST] * test + [VALIDATION] * validation + [TRAIN] * (len(units) - test - validation)
    return {units[position]: split for position, split in zip(rng.permutation(len(units)), splits, strict=True)}


def _guarded(shots: Sequence[Shot], splits: Sequence[str], guard_frames: int) -> set[int]:
    """Find the pictures to leave out: nearer than the guard to the last one kept, which is of another split."""
    guarded = set()
    kept: dict[Hashable, tuple[int, str]] = {}
    for index in sorted(range(len(shots)), key=lambda index: shots[index].frame):
        label, signer, sequence, frame = shots[index]
        last_frame, last_split = kept.get((label, signer, sequence), (frame, splits[index]))
        if last_split != splits[index] and frame - last_frame <= guard_frames:
            guarded.add(index)
        else:
            kept[label, signer, sequence] = frame, splits[index]
    return guarded
