"""A model's behaviour where the correct answer is known without a label."""

import numpy as np
import pytest

from asl_pkg import contract
from asl_pkg.inference.onnx_session import open_session
from asl_pkg.validation import robustness
from asl_pkg.validation.robustness import CHANGES, NOTHING_LABEL, called_empty, letters_in_noise, stability, stratified
from tests.support.exported import Exported, image

SHAPE = (contract.IMAGE_PX, contract.IMAGE_PX, 3)


@pytest.fixture
def answering(monkeypatch: pytest.MonkeyPatch) -> list[np.ndarray]:
    """Probabilities that a session which does not look at its images gives, call by call."""
    queue: list[np.ndarray] = []
    monkeypatch.setattr(robustness, "predict_in_batches", lambda session, images: queue.pop(0)[: len(images)])
    return queue


def always(label: int, confidence: float = 1.0) -> np.ndarray:
    probabilities = np.full((robustness.SCENES, len(contract.CLASSES)), (1 - confidence) / (len(contract.CLASSES) - 1))
    probabilities[:, label] = confidence
    return probabilities


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_a_change_is_small_and_keeps_the_form(change: robustness.Change) -> None:
    images = np.stack([image(label, 0) for label in range(3)])
    changed = change(images)
    assert (changed.shape, changed.dtype) == (images.shape, np.uint8)
    difference = np.abs(changed.astype(int) - images).mean()
    assert 0 < difference < 40


@pytest.mark.parametrize("make", [robustness.empty_scenes, robustness.noise_images])
def test_the_same_seed_makes_the_same_images(make: robustness.Change) -> None:
    first = make(3)
    assert first.shape == (robustness.SCENES, *SHAPE)
    assert (first == make(3)).all()
    assert (first != make(4)).any()


def test_the_sample_has_as_many_images_of_each_class() -> None:
    truth = np.repeat(np.arange(5), [2, 9, 30, 4, 7])
    rows = stratified(truth, seed=1)
    assert np.bincount(truth[rows]).tolist() == [2, 4, 4, 4, 4]


def test_a_model_that_reads_only_where_the_hand_lies_is_not_stable(exported: Exported) -> None:
    session = open_session(exported.bundle / contract.MODEL_FILE)
    images = np.stack([image(label, 0) for label in range(len(contract.CLASSES))])
    found = stability(session, images, np.arange(len(images)))
    assert found.images == len(images)
    far = np.roll(images, contract.IMAGE_PX // 2, axis=2)
    assert stability(session, far, np.arange(len(images))).images < len(images)


def test_a_model_that_is_never_right_is_not_stable(answering: list[np.ndarray]) -> None:
    answering += [always(1)]
    images = np.zeros((4, *SHAPE), np.uint8)
    assert stability(None, images, np.zeros(4, int)).share == 0  # type: ignore[arg-type]


@pytest.mark.parametrize(("label", "share"), [(NOTHING_LABEL, 1.0), (0, 0.0)], ids=["nothing", "a letter"])
def test_an_empty_scene_is_nothing(answering: list[np.ndarray], label: int, share: float) -> None:
    answering += [always(label)]
    assert called_empty(None, seed=1) == share  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("probabilities", "share"),
    [(always(0), 1.0), (always(0, 0.4), 0.0), (always(NOTHING_LABEL), 0.0)],
    ids=["a sure letter", "an unsure letter", "nothing"],
)
def test_only_a_sure_letter_in_noise_counts(
    answering: list[np.ndarray], probabilities: np.ndarray, share: float
) -> None:
    answering += [probabilities]
    assert letters_in_noise(None, 0.5, seed=1) == share  # type: ignore[arg-type]
