import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from asl_pkg.data.hashing import dhash
from asl_pkg.data.split.near_duplicates import MAX_BITS, SimilarityIndex
from tests.support.making import noise

SIDE = 32


def looks_of(images: list[np.ndarray]) -> SimilarityIndex:
    return SimilarityIndex(np.array([dhash(image) for image in images], np.uint64), np.stack(images))


def image(seed: int) -> np.ndarray:
    return np.asarray(noise(seed, SIDE))


def test_a_brighter_noisier_copy_is_a_twin_and_another_image_is_none() -> None:
    rng = np.random.default_rng(1)
    copy = np.clip(image(1) * 0.9 + 12 + rng.normal(0, 2, (SIDE, SIDE, 3)), 0, 255).astype(np.uint8)
    looks = looks_of([image(1), image(2), copy])
    assert looks.near_duplicates(np.array([0, 1]), np.array([2])).tolist() == [0]


def test_empty_walls_of_one_colour_are_twins() -> None:
    rng = np.random.default_rng(1)
    walls = [np.full((SIDE, SIDE, 3), tone, np.uint8) for tone in (120, 121, 200)]
    looks = SimilarityIndex(np.zeros(3, np.uint64), np.stack(walls) + rng.integers(0, 2, (3, SIDE, SIDE, 3), np.uint8))
    assert looks.near_duplicates(np.array([0]), np.array([1, 2])).tolist() == [0]
    assert looks.near_duplicates(np.array([2]), np.array([0, 1])).tolist() == []


@settings(deadline=None)
@given(st.lists(st.integers(0, 2**64 - 1), min_size=2, max_size=40), st.integers(1, 39))
def test_every_pair_of_near_hashes_is_found(hashes: list[int], cut: int) -> None:
    cut = min(cut, len(hashes) - 1)
    looks = SimilarityIndex(np.array(hashes, np.uint64), np.zeros((len(hashes), 2, 2, 3), np.uint8))
    rows, others = np.arange(cut), np.arange(cut, len(hashes))
    expected = {(a, b) for a in rows for b in others if (hashes[a] ^ hashes[b]).bit_count() <= MAX_BITS}
    found = {pair for pairs in looks.near(rows, others) for pair in zip(pairs.rows, pairs.others, strict=True)}
    assert found == expected


def test_the_most_alike_come_first_one_pair_a_image() -> None:
    base = image(3)
    rng = np.random.default_rng(2)
    blurred = [np.clip(base + rng.normal(0, spread, base.shape), 0, 255).astype(np.uint8) for spread in (1, 8, 20)]
    looks = looks_of([base, image(4), *blurred])
    pairs = looks.most_alike(np.array([2, 3, 4]), np.array([0, 1]), 2)
    assert pairs is not None
    assert pairs.rows.tolist() == [2, 3]
    assert pairs.others.tolist() == [0, 0]
    assert looks.most_alike(np.array([0]), np.array([1]), 2) is None
