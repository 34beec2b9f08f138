from collections import defaultdict

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from asl_pkg.contract import CLASSES, SPLITS
from asl_pkg.data.splitting import GUARD, Place, Shot, by_block, by_signer, require_every_class
from asl_pkg.errors import DataError

SHOTS = st.lists(
    st.builds(Shot, st.integers(0, 2), st.sampled_from("xyz"), st.sampled_from("ab"), st.integers(0, 10**6)),
    min_size=1,
    max_size=200,
)
DENSE = st.lists(
    st.builds(Shot, st.integers(0, 2), st.just("x"), st.sampled_from("ab"), st.integers(0, 300)),
    min_size=30,
    max_size=300,
)
SHARES = st.floats(0.01, 0.5)


def blocks(shots: list[Shot], block: int = 10, guard: int = 3, seed: int = 1) -> list[Place]:
    return by_block(shots, block, guard, 0.15, 0.2, seed)


def splits_of_groups(places: list[Place]) -> dict[str, set[str]]:
    found = defaultdict(set)
    for place in places:
        if place.split != GUARD:
            found[place.group].add(place.split)
    return found


@settings(deadline=None)
@given(st.one_of(SHOTS, DENSE), st.integers(1, 200), st.integers(0, 50), SHARES, SHARES, st.integers(0, 9))
def test_no_block_is_in_two_splits_and_the_guard_holds(
    shots: list[Shot], block: int, guard: int, validation: float, test: float, seed: int
) -> None:
    try:
        places = by_block(shots, block, guard, validation, test, seed)
    except DataError:
        return
    assert all(len(splits) == 1 for splits in splits_of_groups(places).values())
    runs = defaultdict(list)
    for shot, place in zip(shots, places, strict=True):
        if place.split != GUARD:
            runs[shot.label, shot.signer, shot.sequence].append((shot.frame, place.split))
    for run in runs.values():
        run.sort()
        for (frame, split), (later, other) in zip(run, run[1:], strict=False):
            assert split == other or later - frame > guard


@settings(deadline=None)
@given(SHOTS, st.randoms(use_true_random=False))
def test_the_order_of_the_pictures_does_not_matter(shots: list[Shot], random: object) -> None:
    shots = sorted(set(shots))
    mixed = shots.copy()
    random.shuffle(mixed)
    try:
        expected = dict(zip(shots, blocks(shots), strict=True))
    except DataError:
        return
    assert dict(zip(mixed, blocks(mixed), strict=True)) == expected


@settings(deadline=None)
@given(st.lists(st.integers(0, 30), min_size=1, max_size=100), SHARES, SHARES, st.integers(0, 9))
def test_no_signer_is_in_two_splits(signers: list[int], validation: float, test: float, seed: int) -> None:
    shots = [Shot(0, str(signer), "a", frame) for frame, signer in enumerate(signers)]
    if len(set(signers)) < 3:
        with pytest.raises(DataError, match="expected at least 3"):
            by_signer(shots, validation, test, seed)
        return
    split_of = {}
    for shot, place in zip(shots, by_signer(shots, validation, test, seed), strict=True):
        assert split_of.setdefault(shot.signer, place.split) == place.split
    assert set(split_of.values()) == set(SPLITS)


def test_shares_are_shares_of_the_blocks() -> None:
    places = by_block([Shot(0, "x", "a", frame) for frame in range(2000)], 10, 0, 0.15, 0.2, 1)
    assert [sum(place.split == split for place in places) for split in SPLITS] == [1300, 300, 400]


def test_a_break_in_the_numbers_longer_than_the_guard_costs_no_picture() -> None:
    places = blocks(
        [Shot(0, "x", "a", frame) for start in range(0, 200, 20) for frame in range(start, start + 10)], 20, 9
    )
    assert GUARD not in {place.split for place in places}


def test_seeds_differ() -> None:
    shots = [Shot(0, "x", "a", frame) for frame in range(300)]
    assert blocks(shots, seed=1) != blocks(shots, seed=2)
    assert blocks(shots, seed=1) == blocks(shots, seed=1)


def test_a_class_with_too_few_blocks_is_named() -> None:
    shots = [Shot(0, "x", "a", frame) for frame in range(90)] + [Shot(27, "x", "b", frame) for frame in range(20)]
    with pytest.raises(DataError, match=r"class nothing has 2 blocks of data\.block_frames=10 .* a smaller"):
        blocks(shots)


def test_a_class_that_is_missing_in_a_split_is_named() -> None:
    everywhere = [(label, split) for label in range(len(CLASSES)) for split in SPLITS]
    require_every_class(*zip(*everywhere, strict=True))
    missing = [pair for pair in everywhere if pair not in {(2, "test"), (28, "test")}]
    with pytest.raises(DataError, match="no picture of C, space in split test"):
        require_every_class(*zip(*missing, strict=True))
