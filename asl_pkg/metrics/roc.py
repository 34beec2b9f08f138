"""The micro-average ROC curve: every probability of every image is one yes-or-no question."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

POINTS = 101  # thresholds from 1 to 0, all finite


@dataclass(frozen=True)
class Roc:
    """A ROC curve.

    Args:
        false_positive_rate: share of wrong classes with at least this probability [points].
        true_positive_rate: share of right classes with at least this probability [points].
        threshold: the probability, falling [points].
        area: under the curve.
    """

    false_positive_rate: list[float]
    true_positive_rate: list[float]
    threshold: list[float]
    area: float


def micro_average_roc(probabilities: NDArray[np.floating], truth: NDArray[np.int64]) -> Roc:
    """Draw the curve.

    Args:
        probabilities: of the classes [n, classes]; what is not a number counts as 0.
        truth: class of each image [n].

    Returns:
        The curve, from no answer at all to every answer.
    """
    finite = np.nan_to_num(probabilities, nan=0.0)
    right = np.zeros(finite.shape, bool)
    right[np.arange(len(truth)), truth] = True
    threshold = np.linspace(1, 0, POINTS)
    rates = [_share_at_least(finite[of], threshold) for of in (~right, right)]
    # An area needs the point where nothing is answered, which no finite threshold gives.
    area = np.trapezoid(np.r_[0, rates[1]], np.r_[0, rates[0]])
    return Roc(rates[0].tolist(), rates[1].tolist(), threshold.tolist(), float(area))


def _share_at_least(values: NDArray[np.floating], threshold: NDArray[np.float64]) -> NDArray[np.float64]:
    rising = np.sort(values)
    return 1 - np.searchsorted(rising, threshold, side="left") / max(1, len(rising))
