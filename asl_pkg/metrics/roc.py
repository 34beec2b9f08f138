"""The micro-average ROC curve: every probability of every image is one binary decision."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

POINTS = 101  # thresholds from 1 to 0, all finite


@dataclass(frozen=True)
class Roc:
    """A ROC curve.

    Args:
        false_positive_rate: Share of wrong classes with at least this probability [points].
        true_positive_rate: Share of right classes with at least this probability [points].
        threshold: The probabilities, from 1 to 0 [points].
        area: Area under the curve.
    """

    false_positive_rate: list[float]
    true_positive_rate: list[float]
    threshold: list[float]
    area: float


def micro_average_roc(probabilities: NDArray[np.floating], truth: NDArray[np.int64]) -> Roc:
    """Compute the curve.

    Args:
        probabilities: Probabilities of the classes [n, classes]; NaN counts as 0.
        truth: Class of each image [n].

    Returns:
        The curve at POINTS thresholds, and the area under all of it.
    """
    from sklearn.metrics import auc, roc_curve

    finite = np.nan_to_num(probabilities, nan=0.0)
    right = np.zeros(finite.shape, bool)
    right[np.arange(len(truth)), truth] = True
    false_positive, true_positive, thresholds = roc_curve(right.ravel(), finite.ravel(), drop_intermediate=False)
    chosen = np.linspace(1, 0, POINTS)
    points = np.searchsorted(-thresholds, -chosen, side="right") - 1  # thresholds fall, from infinity
    area = float(auc(false_positive, true_positive))
    return Roc(false_positive[points].tolist(), true_positive[points].tolist(), chosen.tolist(), area)
