import numpy as np
import pytest

from asl_pkg.data.audit.label_issues import LISTED, LabelIssues, find_label_issues
from tests.data.audit.test_leakage_probe import unsteady
from tests.support.making import noise

CLASSES, RECORDINGS, FRAMES = 5, 4, 6
PLANTED = {10: 3, 50: 0, 100: 1}  # rows and the wrong labels that they get


def everything(labels: np.ndarray) -> np.ndarray:
    return np.arange(len(labels))


@pytest.fixture(scope="module")
def images() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    labels = np.repeat(np.arange(CLASSES), RECORDINGS * FRAMES)
    groups = np.array([f"{label}/{number // FRAMES % RECORDINGS}" for number, label in enumerate(labels)])
    shapes = [np.asarray(noise(label), float) for label in range(CLASSES)]
    return np.array([unsteady(shapes[label], rng) for label in labels]), labels, groups


def test_planted_wrong_labels_are_found_and_nothing_else(images: tuple[np.ndarray, ...]) -> None:
    thumbnails, labels, groups = images
    wrong = labels.copy()
    wrong[list(PLANTED)] = list(PLANTED.values())
    found = find_label_issues(thumbnails, wrong, groups, everything(labels), seed=0)
    assert {suspect.position: suspect.label for suspect in found.suspects} == PLANTED
    assert [suspect.voted for suspect in found.suspects] == [labels[suspect.position] for suspect in found.suspects]
    assert found.disputed == len(PLANTED)
    assert all(wrong[suspect.neighbour] == suspect.voted for suspect in found.suspects)


def test_a_recording_in_the_wrong_folder_cannot_vouch_for_itself(images: tuple[np.ndarray, ...]) -> None:
    thumbnails, labels, groups = images
    wrong = np.where(groups == "2/1", 4, labels)
    found = find_label_issues(thumbnails, wrong, groups, everything(labels), seed=0)
    assert found.across_groups
    assert {suspect.position for suspect in found.suspects} == set(np.flatnonzero(groups == "2/1"))


def test_right_labels_raise_no_doubt(images: tuple[np.ndarray, ...]) -> None:
    found = find_label_issues(*images, everything(images[1]), seed=0)
    assert (found.agreed, found.disputed, found.suspects) == (1, 0, [])


def test_with_one_recording_a_class_its_own_images_vote(images: tuple[np.ndarray, ...]) -> None:
    thumbnails, labels, _ = images
    assert find_label_issues(thumbnails, labels, labels.astype(str), everything(labels), seed=0).disputed == 0


def test_where_recordings_have_nothing_in_common_all_images_vote() -> None:
    rng = np.random.default_rng(0)
    groups = np.repeat(np.arange(12), 10)
    thumbnails = np.array([unsteady(np.asarray(noise(group), float), rng) for group in groups])
    found = find_label_issues(thumbnails, groups % 4, groups.astype(str), everything(groups), seed=0)
    assert not found.across_groups
    assert found.agreed == 1


def test_the_list_is_short_however_many_are_wrong(images: tuple[np.ndarray, ...]) -> None:
    thumbnails, labels, groups = images
    wrong = np.where(np.arange(len(labels)) % 6 == 0, (labels + 1) % CLASSES, labels)
    found = find_label_issues(thumbnails, wrong, groups, everything(labels), seed=0)
    assert found.disputed > LISTED == len(found.suspects)


def test_a_few_images_are_not_judged() -> None:
    thumbnails = np.array([np.asarray(noise(seed)) for seed in range(4)])
    rows = np.arange(4)
    assert find_label_issues(thumbnails, rows, rows.astype(str), rows, seed=0) == LabelIssues(0, 0.0, True, 0, [])


def test_images_that_were_left_out_neither_vote_nor_are_judged(images: tuple[np.ndarray, ...]) -> None:
    thumbnails, labels, groups = images
    wrong = labels.copy()
    wrong[list(PLANTED)] = list(PLANTED.values())
    rows = np.setdiff1d(everything(labels), [10])
    found = find_label_issues(thumbnails, wrong, groups, rows, seed=0)
    assert {suspect.position for suspect in found.suspects} == {50, 100}
    assert found.judged == len(rows)
