import unicodedata
from collections import defaultdict
from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from asl_pkg.data.split.signers import People, people_of_folders, people_of_source, spelled_once
from asl_pkg.errors import DataError

ANN_BOB_CEM = ("ann", "bob", "cem")


def images(*folders: str, each: int = 3) -> list[str]:
    return [f"{folder}/{name}/{name}{number}.jpg" for folder in folders for name in "AB" for number in range(each)]


def found(*folders: str) -> list[str]:
    """The signer of each folder."""
    people = people_of_folders(images(*folders))
    return people.signers[:: len(people.signers) // len(folders)]


def certain(people: People) -> bool:
    return not people.warnings and "unknown" not in people.signers


def nested(*levels: Sequence[str]) -> list[str]:
    paths = [""]
    for level in levels:
        paths = [f"{path}/{name}".lstrip("/") for path in paths for name in level]
    return paths


def test_folders_above_the_classes_are_signers() -> None:
    assert found("set/ann", "set/bob") == ["set/ann", "set/bob"]
    people = people_of_folders(images(*ANN_BOB_CEM))
    assert certain(people)
    assert "3 signers (ann, bob, cem)" in people.found


@pytest.mark.parametrize(
    "folders",
    [
        ["asl"],
        ["asl_alphabet_train", "asl_alphabet_test"],
        ["trainData", "valData", "testData"],
        ["original", "augmented", "cropped"],
        ["cam_left", "cam_right", "cam_front"],
        ["user_dataset/train", "user_dataset/val", "user_dataset/test"],
        ["fold1", "fold2", "fold3"],
        ["", "extra"],
    ],
)
def test_one_folder_or_parts_of_one_set_are_nobody(folders: list[str]) -> None:
    assert set(found(*folders)) == {"unknown"}


def test_a_folder_that_repeats_the_class_is_nobody() -> None:
    paths = [f"{name}/{name}/1.jpg" for name in "ABC"]
    assert set(people_of_folders(paths).signers) == {"unknown"}


@pytest.mark.parametrize(
    "folders",
    [
        nested(["train", "Test"], ["user_1", "User_2", "user_3"]),
        nested(["user_1", "user_2", "user_3"], ["train", "Test"]),
        nested(["session1", "session2"], ["cam_left", "cam_right"], ANN_BOB_CEM),
        nested(["train", "valid"], ANN_BOB_CEM, ["day1", "2021-05-03"]),
        ["users/1/a", "users/1/b", "users/2/a", "users/3/b"],
        ["ann_train", "ann_test", "bob_train", "cem_test"],
        ["train/Jose\u0301", "test/Jos\u00e9", "train/bob", "train/cem"],
        ["ann1", "ann2", "bob", "cem"],
    ],
)
def test_the_same_person_in_several_parts_is_one_signer(folders: list[str]) -> None:
    people = people_of_folders(images(*folders))
    assert certain(people)
    assert len(set(people.signers)) == 3


def test_of_two_levels_that_may_be_people_the_coarser_stays_together() -> None:
    signers = found("siteA/ann", "siteB/bob", "siteB/cem", "siteC/dan")
    assert signers[1] == signers[2]
    assert len(set(signers)) == 3


@pytest.mark.parametrize(
    "folders",
    [
        ["Val", "ann", "bob"],
        ["train/ann", "train/bob", "train/cem", "test/Val"],
        ["1", "2", "3"],
        ["s1", "s2", "s3"],
        ["ann1", "ann2", "ann3"],
        nested(ANN_BOB_CEM, ["1", "2"]),
        nested(ANN_BOB_CEM, ["sofa", "desk"]),
        nested(["p1", "p2", "p3"], ["s1", "s2"]),
        ["user_1", "user_2", "user_3", "extra"],
        ["ann", "bob", "cem", "cem/sofa"],
    ],
)
def test_what_may_be_people_or_not_is_doubted_with_an_example_and_what_settles_it(folders: list[str]) -> None:
    people = people_of_folders(images(*folders))
    assert any(folder.split("/")[0] in people.warnings[0] for folder in folders)
    assert "data.signers_csv" in people.warnings[0]


def test_folders_that_share_a_word_may_be_one_person_s() -> None:
    folders = nested(["ann_garden_shed", "ann_roof", "bob_garden_shed", "bob_roof", "cem_pier"])
    assert "share a word" in people_of_folders(images(*folders)).warnings[0]
    assert certain(people_of_folders(images("team ann", "team bob", "team cem")))


def test_images_outside_of_the_signers_folders_are_refused_beyond_a_small_share() -> None:
    with pytest.raises(DataError, match=r"6 of 24 images lie in no signer's folder, as A/A0.jpg, .* as ann/A/A0.jpg"):
        people_of_folders([path.lstrip("/") for path in images("", *ANN_BOB_CEM)])
    people = people_of_folders(["A/A0.jpg", *images(*ANN_BOB_CEM, each=100)])
    assert people.signers[0] == "unknown"
    assert "1 of 601 images" in people.warnings[0]


PERSONS = st.lists(st.sampled_from(["ann", "Bob", "cem", "Dörte", "user_1", "User 2"]), unique=True, min_size=1)
LEVELS = st.lists(
    st.sampled_from(
        [
            ["train", "Test"],
            ["session1", "session2"],
            ["day1", "day2"],
            ["cam_left", "cam_right"],
            ["1", "2"],
            ["ok", "xy"],
        ]
    ),
    max_size=3,
)


@settings(deadline=None)
@given(PERSONS, LEVELS, st.integers(0, 3), st.randoms(use_true_random=False), st.booleans())
def test_no_person_has_two_names_where_nothing_is_doubted(
    persons: list[str], levels: list[list[str]], at: int, random: object, some: bool
) -> None:
    at = min(at, len(levels))
    folders = nested(*levels[:at], persons, *levels[at:])
    if some:
        folders = random.sample(folders, random.randint(1, len(folders)))
    if len({folder.split("/")[at] for folder in folders}) < 2:
        return  # what all images share is taken for the name of the set
    try:
        people = people_of_folders(images(*folders))
    except DataError:
        return
    if not certain(people):
        return
    signers_of = defaultdict(set)
    for path, signer in zip(images(*folders), people.signers, strict=True):
        signers_of[path.split("/")[at]].add(signer)
    assert all(len(signers) == 1 for signers in signers_of.values())


def test_spellings_of_one_name_are_one_signer_and_said() -> None:
    people = people_of_source(["ann", " Ann", "ann", "bob", "Jos\u00e9", "Jose\u0301"], "signers.csv")
    assert len(set(people.signers)) == 3
    assert "' Ann' and 'ann' were taken for one signer" in people.found
    assert certain(people)


@pytest.mark.parametrize(
    "name", ["", " ", "unknown", "Unknown", "N/A", "n/a", "-", "?", "nan", "None", "NULL", "#REF!", "-1"]
)
def test_a_name_that_says_nothing_is_a_doubt(name: str) -> None:
    people = people_of_source(["ann", "bob", "cem", name], "the column signer")
    assert people.signers[3] == "unknown"
    assert "1 of 4 images" in people.warnings[0]


@pytest.mark.parametrize(
    "names",
    [
        ["train", "test", "valid"],
        ["ann", "ann (left)", "bob", "cem"],
        [*["anna"] * 20, "ana", "bob", "cem"],
        [*["anna"] * 20, "anan", "bob", "cem"],
    ],
)
def test_names_that_may_be_one_person_s_are_doubted_in_a_table_too(names: list[str]) -> None:
    assert "may be" in people_of_source(names, "signers.csv").warnings[0]


@pytest.mark.parametrize("names", [["anna", "ana", "bob"], [*["s12"] * 20, "s13", "s2"], ["Jan", "April", "Park"]])
def test_people_who_are_called_alike_are_several(names: list[str]) -> None:
    people = people_of_source(names, "signers.csv")
    assert certain(people)
    assert people.signers == names


def test_a_number_that_a_table_made_decimal_is_the_same_signer() -> None:
    assert len(set(people_of_source(["1", "1.0", "2.0", "2", "3.00"], "signers.csv").signers)) == 3


def test_the_parts_of_a_mix_are_different_people_unless_a_part_knows_some_only() -> None:
    assert certain(people_of_source(["ann/p1", "bob/p1", "cem"], "the mix", True))
    people = people_of_source(["ann/p1", "ann/N/A", "ann", "bob", "cem"], "the mix", True)
    assert "some images of 'ann'" in people.warnings[0]


@settings(deadline=None)
@given(st.text("aäß é", min_size=1), st.sampled_from(["NFC", "NFD"]))
def test_names_do_not_depend_on_form(name: str, form: str) -> None:
    other = unicodedata.normalize(form, name).upper()  # type: ignore[arg-type]
    assert len(set(spelled_once([name, other, f"{name} "])[0])) == 1
