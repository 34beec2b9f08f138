"""Metrics compared with scikit-learn and with known values."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import confusion_matrix, f1_score, recall_score

from asl_pkg import contract
from asl_pkg.metrics import classification

CLASSES = len(contract.CLASSES)
labels = st.integers(0, CLASSES - 1)
answered = st.lists(st.tuples(labels, labels, st.integers(0, 3)), min_size=1, max_size=60)


def as_arrays(rows: list[tuple[int, int, int]]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    truth, answer, group = (np.array(column) for column in zip(*rows, strict=True))
    return truth, answer, np.unique(group, return_inverse=True)[1]


def spread_over_signers(right: np.ndarray, images: int) -> np.ndarray:
    """Confusion matrices of signers with so many right answers each, as A or as B."""
    confusions = np.zeros((len(right), CLASSES, CLASSES), np.int64)
    confusions[:, 0, 0] = right - right // 2
    confusions[:, 1, 1] = right // 2
    confusions[:, 0, 1] = (images - right) - (images - right) // 2
    confusions[:, 1, 0] = (images - right) // 2
    return confusions


@settings(max_examples=60, deadline=None)
@given(answered)
def test_the_figures_are_scikit_learns(rows: list[tuple[int, int, int]]) -> None:
    truth, answer, group = as_arrays(rows)
    confusion = classification.confusion_by_group(truth, answer, group).sum(axis=0)
    present = np.unique(truth)
    assert (confusion == confusion_matrix(truth, answer, labels=range(CLASSES))).all()
    assert float(classification.accuracy(confusion)) == pytest.approx((truth == answer).mean())
    f1 = f1_score(truth, answer, labels=present, average="macro")
    assert float(classification.macro_f1(confusion)) == pytest.approx(f1)
    assert classification.recall(confusion)[present] == pytest.approx(
        recall_score(truth, answer, labels=present, average=None)
    )
    assert np.isnan(np.delete(classification.recall(confusion), present)).all()


def test_the_interval_is_as_wide_as_the_signers_differ() -> None:
    right = np.random.default_rng(3).integers(60, 101, 40)
    found = classification.interval(classification.accuracy, spread_over_signers(right, 100), 4000, seed=1)
    half = 1.96 * (right / 100).std(ddof=1) / np.sqrt(len(right))
    assert found.value == pytest.approx(right.mean() / 100)
    assert found.high - found.low == pytest.approx(2 * half, rel=0.08)


def test_the_interval_is_right_for_two_blocks_a_class() -> None:
    """Blocks belong to one class each: a resample without a class would make the mean over classes fall."""
    generator = np.random.default_rng(0)
    confusions = np.zeros((2 * CLASSES, CLASSES, CLASSES), np.int64)
    right = generator.integers(10, 21, 2 * CLASSES)
    for block, label in enumerate(np.repeat(np.arange(CLASSES), 2)):
        confusions[block, label, label] = right[block]
        confusions[block, label, (label + 1) % CLASSES] = 20 - right[block]
    found = classification.interval(classification.macro_f1, confusions, 2000, seed=1)
    assert found.low < found.value < found.high
    accuracy = classification.interval(classification.accuracy, confusions, 4000, seed=1)
    within = (right / 20).reshape(CLASSES, 2).var(axis=1, ddof=1)  # variance of a class's two blocks
    half = 1.96 * np.sqrt((within / 2).sum()) / CLASSES
    assert accuracy.high - accuracy.low == pytest.approx(2 * half, rel=0.08)


def test_a_class_with_one_group_is_not_taken_for_known() -> None:
    labels = np.repeat(np.arange(CLASSES), 2)[1:]  # the first class has one block, the others two
    confusions = np.zeros((len(labels), CLASSES, CLASSES), np.int64)
    confusions[np.arange(len(labels)), labels, labels] = 20
    confusions[0, 0] = np.eye(CLASSES, dtype=np.int64)[1] * 20  # and all of it is read wrong
    found = classification.interval(classification.accuracy, confusions, 2000, seed=1)
    assert found.low < found.value - 0.01 < found.value + 0.01 < found.high


@pytest.mark.parametrize(("signers", "bound"), [(7, 0.5), (8, None)], ids=["seven signers", "eight signers"])
def test_with_too_few_signers_the_worst_one_decides(signers: int, bound: float | None) -> None:
    right = np.full(signers, 90)
    right[0] = 50
    found = classification.interval(classification.accuracy, spread_over_signers(right, 100), 1000, seed=1)
    assert found.too_few is (bound is not None)
    assert found.bound == (bound or found.low)


@pytest.mark.parametrize(
    ("confidence", "right", "error"),
    [(0.7, 0.7, 0.0), (0.9, 0.5, 0.4), (0.35, 1.0, 0.65)],
    ids=["calibrated", "too sure", "too timid"],
)
def test_the_calibration_error_is_the_distance_of_confidence_and_accuracy(
    confidence: float, right: float, error: float
) -> None:
    probabilities = np.full((1000, CLASSES), (1 - confidence) / (CLASSES - 1), np.float32)
    probabilities[:, 0] = confidence
    truth = (np.arange(1000) >= 1000 * right).astype(np.int64)
    found = classification.reliability(probabilities, truth)
    assert found.error == pytest.approx(error, abs=1e-6)
    assert (found.counts > 0).sum() == 1


def test_full_confidence_falls_into_the_last_bin() -> None:
    probabilities = np.eye(CLASSES, dtype=np.float32)
    found = classification.reliability(probabilities, np.arange(CLASSES))
    assert found.counts[-1] == CLASSES
    assert found.error == 0


def test_risk_falls_where_a_model_answers_only_what_it_is_sure_of() -> None:
    right = np.array([True, True, False, True, False])
    curve = classification.risk_coverage(np.array([0.9, 0.8, 0.3, 0.7, 0.2]), right)
    np.testing.assert_allclose(curve.risk, [0, 0, 0, 1 / 4, 2 / 5])
    assert curve.at == {"50": 0, "80": 1 / 4, "100": 2 / 5}


@given(st.lists(st.booleans(), min_size=1, max_size=40))
def test_the_risk_of_all_answers_is_one_less_the_accuracy(right: list[bool]) -> None:
    confidence = np.random.default_rng(0).random(len(right))
    assert classification.risk_coverage(confidence, np.array(right)).at["100"] == pytest.approx(1 - np.mean(right))
