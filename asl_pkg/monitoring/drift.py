"""Has what a model is shown drifted from what it was measured on? Distances of distributions, and what is chance."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from asl_pkg import contract
from asl_pkg.config.schema import MonitorSettings

CONFIDENCE = "confidence"
LETTER = "letter"
CONFIDENCE_DIGITS = 4  # a model that is sure is as sure at 0.99999 as at 0.99998
CHANCE = 0.001  # a measure that did not drift exceeds its chance limit once in a thousand comparisons
DRAWS = 2000


@dataclass(frozen=True)
class Shift:
    """How far one measure moved.

    Args:
        name: of the measure.
        distance: 0 where both distributions are the same, 1 where they lie apart.
        allowed: the setting.
        chance: what so few images differ by without any drift.
        before: median of the reference, None for the letters.
        now: median of what is shown now, None likewise.
    """

    name: str
    distance: float
    allowed: float
    chance: float
    before: float | None
    now: float | None

    @property
    def drifted(self) -> bool:
        """Whether it moved further than is allowed and than chance explains."""
        return self.distance > max(self.allowed, self.chance)


def compute_drift(
    reference: Mapping[str, Sequence[Any]], shown: Mapping[str, Sequence[Any]], limits: MonitorSettings
) -> list[Shift]:
    """Compare images and answers with the reference.

    Args:
        reference: numbers by measure, one an image, and under LETTER the answers.
        shown: the same of other images.
        limits: what is allowed.

    Returns:
        A shift for each measure, in the order of the reference.
    """
    shifts = []
    for name, before in reference.items():
        if name == LETTER:
            old, new = shares(before), shares(shown[name])
            chance = _chance_of_shares(old, len(before), len(shown[name]))
            shifts.append(Shift(name, float(np.abs(old - new).sum() / 2), limits.letters_max, chance, None, None))
            continue
        old, new = np.sort(np.asarray(before, float)), np.sort(np.asarray(shown[name], float))
        # https://doi.org/10.1214/aoms/1177730256: the limit of the two-sample statistic
        chance = float(np.sqrt(np.log(2 / CHANCE) / 2 * (1 / len(old) + 1 / len(new))))
        shifts.append(
            Shift(name, _distance(old, new), limits.distance_max, chance, float(np.median(old)), float(np.median(new)))
        )
    return shifts


def shares(answers: Sequence[str]) -> NDArray[np.float64]:
    """Share of each class among answers [29]."""
    counts = np.array([list(answers).count(name) for name in contract.CLASSES])
    return counts / len(answers)


def _distance(before: NDArray[np.float64], now: NDArray[np.float64]) -> float:
    """Kolmogorov-Smirnov: the greatest difference of the two cumulative distributions; both sorted."""
    places = np.concatenate([before, now])
    below = [np.searchsorted(one, places, side="right") / len(one) for one in (before, now)]
    return float(np.abs(below[0] - below[1]).max())


def _chance_of_shares(share: NDArray[np.float64], before: int, now: int) -> float:
    """What half the sum of differences of shares is exceeded by chance, from draws of both samples."""
    rng = np.random.default_rng(0)
    drawn = rng.multinomial(before, share, DRAWS) / before - rng.multinomial(now, share, DRAWS) / now
    return float(np.quantile(np.abs(drawn).sum(axis=1) / 2, 1 - CHANCE))
