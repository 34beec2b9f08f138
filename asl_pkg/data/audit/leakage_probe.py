"""The accuracy that a random split would claim: one small model, scored on several splits."""

import warnings
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from sklearn.svm import SVC

from asl_pkg import contract
from asl_pkg.data.audit.audit_json import Score
from asl_pkg.data.hashing import THUMBNAIL_PX
from asl_pkg.metrics.classification import accuracy, confusion_by_group, interval
from asl_pkg.metrics.hog import embedding

MARGIN = 10.0  # C of the support vector machine
MAX_IMAGES = 6000  # trained on and scored: takes seconds, and near-copies among 87,000 still meet
MAX_EXTERNAL = 2000
RESAMPLES = 1000
RANDOM_SPLIT, OUR_SPLIT, EXTERNAL_SET = "random split", "our split", "external set"


def leakage_probe(
    thumbnails: NDArray[np.uint8],
    labels: NDArray[np.int64],
    splits: NDArray[np.str_],
    groups: NDArray[np.str_],
    seed: int,
    external: tuple[NDArray[np.uint8], NDArray[np.int64]] | None = None,
) -> list[Score]:
    """Score a support vector machine on histograms of oriented gradients, on several splits of the same images.

    Args:
        thumbnails: RGB [n, 32, 32, 3].
        labels: Class of each image [n].
        splits: Split of each image [n]; at most MAX_IMAGES images of train and test are used.
        groups: Signer, recording or block of each image, whichever stays together [n].
        seed: Seed of the sample, the random split and the resampling.
        external: Thumbnails [m, 32, 32, 3] and labels [m] of the external set.

    Returns:
        A row per split; none if there are too few images to train on or none to score.
    """
    rng = np.random.default_rng(seed)
    used = stratified_sample(
        np.flatnonzero(np.isin(splits, (contract.TRAIN, contract.TEST))), labels, splits, MAX_IMAGES, rng
    )
    labels, groups, held_out = labels[used], groups[used], splits[used] == contract.TEST
    if not held_out.any() or len(np.unique(labels[~held_out])) < 2:
        return []
    outside, truth_outside = _outside(external, rng)
    everything = np.concatenate([thumbnails[used], outside])
    both = embedding(everything, np.arange(len(everything)), np.arange(len(used)))
    features, features_outside = both[: len(used)], both[len(used) :]
    shuffled, images = _shuffled_within(labels, held_out, rng), np.arange(len(used))
    train = int((~held_out).sum())
    scores = []
    for split, test, unit, units in ((RANDOM_SPLIT, shuffled, "image", images), (OUR_SPLIT, held_out, "group", groups)):
        model = _fitted(features[~test], labels[~test])
        scores.append(_score(split, model.predict(features[test]) == labels[test], train, unit, units[test], seed))
    if len(outside):
        right = model.predict(features_outside) == truth_outside  # by the model that was trained on our split
        scores.append(_score(EXTERNAL_SET, right, train, "image", np.arange(len(outside)), seed))
    return scores


def leakage_summary(scores: Sequence[Score]) -> str:
    """Say how much accuracy a random split would have claimed.

    Args:
        scores: The leakage table.

    Returns:
        One sentence.
    """
    if not scores:
        return "There are too few images to measure how much a random split of them would flatter a model."
    by_chance, ours = scores[:2]
    cheat = (
        f"A small model that scores {ours.accuracy:.0%} on our split would have claimed {by_chance.accuracy:.0%} on a "
        "random one"
    )
    if by_chance.low > ours.high:
        points = round(100 * by_chance.accuracy) - round(100 * ours.accuracy)
        return f"{cheat}: {points} points from remembering these scenes, not from reading letters."
    return f"{cheat}: no significant difference."


def stratified_sample(
    positions: NDArray[np.int64], labels: NDArray[np.int64], strata: NDArray, most: int, rng: np.random.Generator
) -> NDArray[np.int64]:
    """Choose images so that each class and stratum keeps its share, and at least one.

    Args:
        positions: Positions of the images to choose from.
        labels: Class of each image, by position.
        strata: A second property that keeps its shares, by position.
        most: Approximate number of images to choose.
        rng: Random generator.

    Returns:
        Positions, in order; all of them if there are at most `most`.
    """
    if len(positions) <= most:
        return positions
    _, second = np.unique(strata[positions], return_inverse=True)
    keys = labels[positions] * (second.max() + 1) + second
    chosen = []
    for key in np.unique(keys):
        members = positions[keys == key]
        chosen.append(rng.permutation(members)[: max(1, round(len(members) * most / len(positions)))])
    return np.sort(np.concatenate(chosen))


def _shuffled_within(
    labels: NDArray[np.int64], held_out: NDArray[np.bool_], rng: np.random.Generator
) -> NDArray[np.bool_]:
    """Hold out as many images of each class as our split does, at random."""
    shuffled = held_out.copy()
    for label in np.unique(labels):
        members = np.flatnonzero(labels == label)
        shuffled[members] = rng.permutation(held_out[members])
    return shuffled


def _fitted(features: NDArray[np.float32], labels: NDArray[np.int64]) -> SVC:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # scikit-learn warns where classes have two images each
        return SVC(C=MARGIN).fit(features, labels)


def _outside(
    external: tuple[NDArray[np.uint8], NDArray[np.int64]] | None, rng: np.random.Generator
) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """At most MAX_EXTERNAL images of the external set and their labels; none without a set."""
    if external is None:
        return np.zeros((0, THUMBNAIL_PX, THUMBNAIL_PX, 3), np.uint8), np.zeros(0, np.int64)
    thumbnails, labels = external
    chosen = stratified_sample(np.arange(len(labels)), labels, labels, MAX_EXTERNAL, rng)
    return thumbnails[chosen], labels[chosen]


def _score(split: str, right: NDArray[np.bool_], train: int, unit: str, units: NDArray, seed: int) -> Score:
    """Score a model on some images; whole units are resampled."""
    _, unit_of = np.unique(units, return_inverse=True)
    truth = np.zeros(len(right), np.int64)
    found = interval(accuracy, confusion_by_group(truth, (~right).astype(np.int64), unit_of), RESAMPLES, seed)
    single = found.groups == 1  # tells nothing about others
    return Score(
        split=split,
        accuracy=found.value,
        low=0.0 if single else found.low,
        high=1.0 if single else found.high,
        train=train,
        test=len(right),
        unit=unit,
        units=found.groups,
    )
