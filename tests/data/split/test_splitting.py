import re
from collections import defaultdict
from random import Random

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from asl_pkg.contract import CLASSES, SPLITS
from asl_pkg.data.hashing import dhash
from asl_pkg.data.split.near_duplicates import SimilarityIndex
from asl_pkg.data.split.splitting import (
    GUARD,
    NEAR_DUPLICATE,
    SampleMeta,
    SplitAssignment,
    by_recording,
    by_signer,
    by_signer_and_class,
    remedy,
    require_every_class,
    without_near_duplicates,
)
from asl_pkg.errors import DataError

SHOTS = st.lists(
    st.builds(SampleMeta, st.integers(0, 2), st.sampled_from("xyz"), st.sampled_from("ab"), st.integers(0, 10**6)),
    min_size=1,
    max_size=200,
)
DENSE = st.lists(
    st.builds(SampleMeta, st.integers(0, 2), st.just("x"), st.sampled_from("ab"), st.integers(0, 300)),
    min_size=30,
    max_size=300,
)
SHARES = st.floats(0.01, 0.5)


def blocks(shots: list[SampleMeta], block: int = 10, guard: int = 3, seed: int = 1) -> list[SplitAssignment]:
    return by_recording(shots, block, guard, 0.15, 0.2, seed)[0]


def splits_of_groups(places: list[SplitAssignment]) -> dict[str, set[str]]:
    found = defaultdict(set)
    for place in places:
        if place.split != GUARD:
            found[place.group].add(place.split)
    return found


@settings(deadline=None)
@given(st.one_of(SHOTS, DENSE), st.integers(1, 200), st.integers(0, 50), SHARES, SHARES, st.integers(0, 9))
def test_no_block_is_in_two_splits_and_the_guard_holds(
    shots: list[SampleMeta], block: int, guard: int, validation: float, test: float, seed: int
) -> None:
    try:
        places, _ = by_recording(shots, block, guard, validation, test, seed)
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


SAME_NUMBERS = [SampleMeta(0, "x", "a", frame // 3, frame % 3) for frame in range(9)]


@settings(deadline=None)
@given(SHOTS, st.randoms(use_true_random=False))
@example(SAME_NUMBERS, Random(2))
def test_the_order_of_the_images_does_not_matter(shots: list[SampleMeta], random: object) -> None:
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
    shots = [SampleMeta(0, str(signer), "a", frame) for frame, signer in enumerate(signers)]
    if len(set(signers)) < 3:
        with pytest.raises(DataError, match="expected at least 3"):
            by_signer(shots, validation, test, seed)
        return
    split_of = {}
    for shot, place in zip(shots, by_signer(shots, validation, test, seed), strict=True):
        assert split_of.setdefault(shot.signer, place.split) == place.split
    assert set(split_of.values()) == set(SPLITS)


def test_signers_who_show_most_of_what_there_is_are_learnt_from() -> None:
    shows = {"ann": 500, "bob": 500} | {f"synthetic/{number}": 29 for number in range(20)}
    shots = [SampleMeta(0, signer, "a", frame) for signer, count in shows.items() for frame in range(count)]
    for seed in range(9):
        placed = zip(shots, by_signer(shots, 0.15, 0.2, seed), strict=True)
        split_of = {shot.signer: place.split for shot, place in placed}
        assert split_of["ann"] == split_of["bob"] == "train"
        assert set(split_of.values()) == set(SPLITS)


def test_whoever_is_unknown_is_no_signer_and_is_learnt_from() -> None:
    shots = [SampleMeta(0, signer, "a", frame) for signer in ("ann", "bob", "cem", "unknown") for frame in range(9)]
    for seed in range(9):
        placed = zip(shots, by_signer(shots, 0.15, 0.2, seed), strict=True)
        assert {place.split for shot, place in placed if shot.signer == "unknown"} == {"train"}
    with pytest.raises(DataError, match="2 signers, expected at least 3"):
        by_signer([shot for shot in shots if shot.signer != "ann"], 0.15, 0.2, 1)


def shown(classes_of: dict[str, str]) -> list[SampleMeta]:
    return [SampleMeta(CLASSES.index(name), signer, "a", 1) for signer, names in classes_of.items() for name in names]


def classes_in(shots: list[SampleMeta], places: list[SplitAssignment]) -> dict[str, str]:
    found = defaultdict(set)
    for shot, place in zip(shots, places, strict=True):
        found[place.split].add(CLASSES[shot.label])
    return {split: "".join(sorted(found[split])) for split in SPLITS}


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize(
    ("classes_of", "expected"),
    [
        ({"ann": "ABCXY", "bob": "ABC", "cem": "ABC"}, ("ABCXY", "ABC", "ABC")),
        ({"ann": "ABCX", "bob": "ABCX", "cem": "ABC", "dan": "ABC"}, ("ABCX", "ABC", "ABCX")),
        ({"ann": "ABC", "bob": "ABC", "cem": "ABC"} | dict.fromkeys("defghijklm", "AB"), ("ABC", "ABC", "ABC")),
    ],
    ids=["shown by one", "shown by two", "three of thirteen"],
)
def test_signers_are_chosen_so_that_as_many_classes_as_can_be_are_held_out(
    classes_of: dict[str, str], expected: tuple[str, ...], seed: int
) -> None:
    shots = shown(classes_of)
    places = by_signer_and_class(shots, 0.15, 0.2, seed)
    assert places == by_signer_and_class(shots, 0.15, 0.2, seed)
    assert places is not None
    assert tuple(classes_in(shots, places).values()) == expected


@pytest.mark.parametrize(
    "classes_of", [{"ann": "A", "bob": "B", "cem": "C"}, {"ann": "ABCDE", "bob": "A", "cem": "AB"}]
)
def test_signers_who_show_too_little_are_not_held_out(classes_of: dict[str, str]) -> None:
    assert by_signer_and_class(shown(classes_of), 0.15, 0.2, 1) is None


@settings(deadline=None)
@given(st.dictionaries(st.sampled_from("abcdefgh"), st.sets(st.sampled_from("ABCDE"), min_size=1), min_size=3))
def test_training_has_every_class_and_no_signer_is_on_both_sides(classes_of: dict[str, set[str]]) -> None:
    shots = shown({signer: "".join(sorted(names)) for signer, names in classes_of.items()})
    places = by_signer_and_class(shots, 0.15, 0.2, 1)
    if places is None:
        return
    assert set(classes_in(shots, places)["train"]) == set().union(*classes_of.values())
    assert set(SPLITS) == {place.split for place in places}
    split_of: dict[str, str] = {}
    assert all(
        split_of.setdefault(shot.signer, place.split) == place.split for shot, place in zip(shots, places, strict=True)
    )


def test_shares_are_shares_of_the_blocks() -> None:
    places, _ = by_recording([SampleMeta(0, "x", "a", frame) for frame in range(2000)], 10, 0, 0.15, 0.2, 1)
    assert [sum(place.split == split for place in places) for split in SPLITS] == [1300, 300, 400]


def test_a_break_in_the_numbers_longer_than_the_guard_costs_no_image() -> None:
    places = blocks(
        [SampleMeta(0, "x", "a", frame) for start in range(0, 200, 20) for frame in range(start, start + 10)], 20, 9
    )
    assert GUARD not in {place.split for place in places}


def test_whole_recordings_are_held_out_where_there_are_three_and_training_gets_the_largest() -> None:
    shots = [SampleMeta(0, "x", "a", frame, (frame > 40) + (frame > 300)) for frame in range(400)]
    places, whole = by_recording(shots, 10, 3, 0.15, 0.2, 1)
    assert whole == {0}
    recordings = {
        split: {shot.recording for shot, place in zip(shots, places, strict=True) if place.split == split}
        for split in SPLITS
    }
    assert recordings["train"] == {1}
    assert sorted(recordings["validation"] | recordings["test"]) == [0, 2]
    assert sum(place.split == GUARD for place in places) == 6


def test_two_recordings_are_cut_into_blocks_that_never_span_both() -> None:
    shots = [SampleMeta(0, "x", "a", frame, int(frame > 44)) for frame in range(100)]
    places, whole = by_recording(shots, 10, 0, 0.15, 0.2, 1)
    assert whole == set()
    recording_of: dict[str, int] = {}
    for shot, place in zip(shots, places, strict=True):
        assert recording_of.setdefault(place.group, shot.recording) == shot.recording


def test_twins_of_held_out_images_are_left_out_of_training_first_of_all() -> None:
    rng = np.random.default_rng(1)
    looks = rng.integers(0, 256, (6, 32, 32, 3), np.uint8)
    looks[3] = looks[1]  # training like test
    looks[4] = looks[2]  # training like validation
    looks[2] = np.where(looks[2] > 250, looks[2], looks[2] + 1)
    hashes = np.array([dhash(image) for image in looks], np.uint64)
    places = [SplitAssignment(split, "g") for split in ("train", "test", "validation", "train", "train", "test")]
    kept = without_near_duplicates(places, SimilarityIndex(hashes, looks))
    assert [place.split for place in kept] == ["train", "test", "validation", NEAR_DUPLICATE, NEAR_DUPLICATE, "test"]
    assert [place.kept for place in kept] == [True, True, True, False, False, True]


def test_seeds_differ() -> None:
    shots = [SampleMeta(0, "x", "a", frame) for frame in range(300)]
    assert blocks(shots, seed=1) != blocks(shots, seed=2)
    assert blocks(shots, seed=1) == blocks(shots, seed=1)


def test_a_class_with_too_few_blocks_is_named() -> None:
    shots = [SampleMeta(0, "x", "a", frame) for frame in range(90)] + [
        SampleMeta(27, "x", "b", frame) for frame in range(20)
    ]
    with pytest.raises(
        DataError, match=r"nothing has 20 in 2 blocks of data\.block_frames=10 .*: set data.block_frames=5"
    ):
        blocks(shots)


def shots_of(*images: int) -> list[SampleMeta]:
    """So many images of each class, in a row."""
    return [SampleMeta(label, "x", "a", frame) for label, count in enumerate(images) for frame in range(count)]


def settings_of(said: str) -> dict[str, str]:
    return dict(re.findall(r"data\.(\w+)=([\w,]*\w)", said))


def cut(shots: list[SampleMeta], block_frames: int, guard_frames: int) -> None:
    places, _ = by_recording(shots, block_frames, guard_frames, 0.15, 0.2, 1)
    require_every_class(
        [shot.label for shot in shots],
        [place.split for place in places],
        mended=lambda lacking: remedy(shots, lacking, block_frames, guard_frames, 0.15, 0.2, 1),
    )


@pytest.mark.parametrize("images", [(90, 90, 20), (90, 90, 3), (90, 90, 2), (90, 90, 1), (90, 5, 4, 90), (40, 40)])
@pytest.mark.parametrize(("block_frames", "guard_frames"), [(100, 20), (2, 0), (2, 9), (30, 29)])
def test_what_is_advised_makes_every_split_hold_every_class(
    images: tuple[int, ...], block_frames: int, guard_frames: int
) -> None:
    shots = shots_of(*images)
    try:
        cut(shots, block_frames, guard_frames)
    except DataError as error:
        advised = settings_of(str(error).rpartition(": ")[2])
        names = advised.get("classes", ",".join(CLASSES)).split(",")
        kept = [shot for shot in shots if CLASSES[shot.label] in names]
        cut(kept, int(advised.get("block_frames", block_frames)), int(advised.get("guard_frames", guard_frames)))


def test_a_class_of_two_images_is_not_cut_smaller_but_left_out_or_added_to() -> None:
    said = remedy(shots_of(9, 9, 2), {2}, 1, 0, 0.15, 0.2, 1)
    assert settings_of(said) == {"classes": "A,B"}
    assert remedy(shots_of(9, 2), {1}, 1, 0, 0.15, 0.2, 1) == "add images of B"


def test_a_class_that_is_missing_in_a_split_is_named() -> None:
    everywhere = [(label, split) for label in range(len(CLASSES)) for split in SPLITS]
    require_every_class(*zip(*everywhere, strict=True))
    missing = [pair for pair in everywhere if pair not in {(2, "test"), (28, "test")}]
    with pytest.raises(DataError, match=r"no image of C \(of 2\), space \(of 2\) in split test"):
        require_every_class(*zip(*missing, strict=True))


def test_classes_that_the_source_does_not_have_are_not_missed() -> None:
    require_every_class(*zip(*[(label, split) for label in (0, 4) for split in SPLITS], strict=True))
