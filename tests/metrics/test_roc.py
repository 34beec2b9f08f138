import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from asl_pkg.metrics.roc import POINTS, micro_average_roc


def test_each_point_counts_the_classes_with_at_least_that_probability() -> None:
    rng = np.random.default_rng(0)
    probabilities = rng.dirichlet(np.ones(5), 40).astype(np.float32)
    truth = rng.integers(0, 5, 40)
    right = np.eye(5, dtype=bool)[truth]
    curve = micro_average_roc(probabilities, truth)
    assert len(curve.threshold) == POINTS
    for point, threshold in enumerate(curve.threshold):
        assert curve.true_positive_rate[point] == pytest.approx((probabilities[right] >= threshold).mean())
        assert curve.false_positive_rate[point] == pytest.approx((probabilities[~right] >= threshold).mean())
    assert curve.area == pytest.approx(roc_auc_score(right.ravel(), probabilities.ravel()))


def test_a_perfect_model_has_all_of_the_area() -> None:
    assert micro_average_roc(np.eye(3, dtype=np.float32), np.arange(3)).area == 1


def test_what_is_not_a_number_counts_as_no_probability() -> None:
    curve = micro_average_roc(np.full((4, 3), np.nan, np.float32), np.array([0, 1, 2, 0]))
    assert curve.true_positive_rate[0] == curve.false_positive_rate[0] == 0
    assert curve.true_positive_rate[-1] == curve.false_positive_rate[-1] == 1
    assert curve.area == pytest.approx(0.5)
