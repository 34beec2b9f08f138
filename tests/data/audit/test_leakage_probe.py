import numpy as np
import pytest

from asl_pkg.data.audit.audit_json import Score
from asl_pkg.data.audit.leakage_probe import (
    EXTERNAL_SET,
    OUR_SPLIT,
    RANDOM_SPLIT,
    leakage_probe,
    leakage_summary,
    stratified_sample,
)
from tests.support.making import noise

CLASSES, RECORDINGS, FRAMES = 6, 5, 8
PX = 32


def unsteady(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """The same image a moment later."""
    return np.clip(image + rng.normal(0, 3, image.shape), 0, 255).astype(np.uint8)


def videos() -> dict[str, np.ndarray]:
    """Recordings whose frames are near-copies, and in which nothing but the recording tells the class."""
    rng = np.random.default_rng(0)
    rows = [(label, number) for label in range(CLASSES) for number in range(RECORDINGS) for _ in range(FRAMES)]
    scenes = {row: np.asarray(noise(hash(row) % 2**32), float) for row in set(rows)}
    return {
        "thumbnails": np.array([unsteady(scenes[row], rng) for row in rows]),
        "labels": np.array([label for label, _ in rows]),
        "splits": np.array(["test" if number == 0 else "train" for _, number in rows]),
        "groups": np.array([f"{label}/{number}" for label, number in rows]),
    }


def independent() -> dict[str, np.ndarray]:
    """Images that show their class, each in a way of its own."""
    rng = np.random.default_rng(0)
    labels = np.repeat(np.arange(CLASSES), RECORDINGS * FRAMES)
    shapes = [np.asarray(noise(label), float) for label in range(CLASSES)]
    images = [np.clip(shapes[label] + rng.normal(0, 40, (PX, PX, 3)), 0, 255) for label in labels]
    return {
        "thumbnails": np.array(images).astype(np.uint8),
        "labels": labels,
        "splits": rng.permuted(np.where(np.arange(len(labels)) % 5, "train", "test")),
        "groups": np.array([f"{number % 12}" for number in range(len(labels))]),
    }


def test_a_random_split_of_near_copies_flatters_and_the_sentence_says_how_much() -> None:
    by_chance, ours = leakage_probe(**videos(), seed=0)
    assert (by_chance.split, ours.split) == (RANDOM_SPLIT, OUR_SPLIT)
    assert by_chance.accuracy > 0.9
    assert ours.accuracy < 0.5
    assert f"claimed {by_chance.accuracy:.0%}" in leakage_summary([by_chance, ours])
    assert "points from" in leakage_summary([by_chance, ours])


def test_independent_images_make_no_difference() -> None:
    by_chance, ours = leakage_probe(**independent(), seed=0)
    assert min(by_chance.accuracy, ours.accuracy) > 0.8
    assert "no significant difference" in leakage_summary([by_chance, ours])


def test_both_splits_have_the_same_sizes_and_the_interval_holds_the_figure() -> None:
    by_chance, ours = leakage_probe(**videos(), seed=0)
    assert (by_chance.train, by_chance.test) == (ours.train, ours.test) == (192, 48)
    assert (by_chance.units, ours.units, ours.unit) == (48, CLASSES, "group")
    assert all(score.low <= score.accuracy <= score.high for score in (by_chance, ours))
    assert ours.too_few


def test_other_peoples_images_get_a_row_of_their_own() -> None:
    data = independent()
    *_, outside = leakage_probe(**data, seed=0, external=(data["thumbnails"][::3], data["labels"][::3]))
    assert (outside.split, outside.unit, outside.test) == (EXTERNAL_SET, "image", 80)
    assert outside.accuracy > 0.8


def test_the_same_seed_gives_the_same_table() -> None:
    assert leakage_probe(**videos(), seed=3) == leakage_probe(**videos(), seed=3)


@pytest.mark.parametrize(
    ("splits", "labels"),
    [(["train"] * 4, [0, 0, 1, 1]), (["train", "train", "test", "test"], [0, 0, 1, 1]), (["guard"] * 4, [0, 0, 1, 1])],
    ids=["nothing held out", "one class to learn from", "everything left out"],
)
def test_where_nothing_can_be_measured_there_are_no_rows(splits: list[str], labels: list[int]) -> None:
    images = np.array([np.asarray(noise(seed)) for seed in range(4)])
    scores = leakage_probe(images, np.array(labels), np.array(splits), np.array(list("abcd")), seed=0)
    assert scores == []
    assert "too few" in leakage_summary(scores)


def test_two_images_a_class_are_enough_to_run_and_too_few_to_trust() -> None:
    images = np.array([np.asarray(noise(seed)) for seed in range(4)])
    scores = leakage_probe(
        images, np.array([0, 1, 0, 1]), np.array(["train", "train", "test", "test"]), np.array(list("aabb")), seed=0
    )
    assert scores[1].too_few
    assert (scores[1].low, scores[1].high) == (0, 1)


def test_plain_grey_images_are_no_obstacle() -> None:
    splits = np.array(["train", "test"] * 6)
    grey = np.full((12, PX, PX, 3), 128, np.uint8)
    assert len(leakage_probe(grey, np.repeat([0, 1, 2], 4), splits, splits, seed=0)) == 2


def test_a_sample_keeps_the_shares_and_every_class_in_every_split() -> None:
    labels = np.repeat([0, 1, 2], [900, 90, 10])
    splits = np.where(np.arange(1000) % 2, "train", "test")
    chosen = stratified_sample(np.arange(1000), labels, splits, 100, np.random.default_rng(0))
    counted = {(label, split): 0 for label in range(3) for split in ("train", "test")}
    for row in chosen:
        counted[labels[row], splits[row]] += 1
    assert list(counted.values()) == [45, 45, 4, 4, 1, 1]


def test_a_gap_within_the_intervals_is_no_proof() -> None:
    row = {"train": 90, "test": 10, "unit": "image", "units": 10}
    scores = [
        Score(split=RANDOM_SPLIT, accuracy=0.8, low=0.6, high=0.9, **row),
        Score(split=OUR_SPLIT, accuracy=0.7, low=0.5, high=0.85, **row),
    ]
    assert "no significant difference" in leakage_summary(scores)
