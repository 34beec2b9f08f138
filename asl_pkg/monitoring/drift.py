"""Distances between the distributions of new images and of the reference, and what chance explains."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray
from pydantic import AliasChoices, Field

from asl_pkg import contract
from asl_pkg.config.schema import MonitorSettings
from asl_pkg.storage.json_model import JsonModel

CONFIDENCE = "confidence"
LETTER = "letter"
CONFIDENCE_DIGITS = 4  # a model that is sure is as sure at 0.99999 as at 0.99998
CHANCE = 0.001  # a measure that did not drift exceeds its chance limit once in a thousand comparisons
DRAWS = 2000


class Shift(JsonModel):
    """How far one measure moved.

    Args:
        name: Name of the measure.
        distance: 0 where both distributions are the same, 1 where they have nothing in common.
        allowed: The setting.
        chance: Distance that so few images can reach without drift.
        before: Median of the reference; None for the letters.
        now: Median of the new images; None for the letters.
        drifted: Whether the distance is larger than both what is allowed and what chance explains.
    """

    name: str
    distance: float
    allowed: float
    chance: float
    before: float | None
    now: float | None
    drifted: bool


class DriftReport(JsonModel):
    """Contents of monitor.json; the order of the fields is that of the file. Version 0.1.0 wrote `pictures`.

    Args:
        drifted: Names of the measures that drifted, the farthest first.
        release: Release of the model.
        images: Number of images compared.
        unread: Number of images that could not be read.
        reference_images: Number of images of the reference.
        measures: How far each measure moved.
    """

    drifted: list[str]
    release: str
    images: Annotated[int, Field(validation_alias=AliasChoices("images", "pictures"))]
    unread: int
    reference_images: Annotated[int, Field(validation_alias=AliasChoices("reference_images", "reference_pictures"))]
    measures: list[Shift]

    @property
    def summary(self) -> str:
        """The verdict in one line."""
        shifts = {shift.name: shift for shift in self.measures}
        moved = ", ".join(
            f"{name} by {shifts[name].distance:.2f} ({shifts[name].allowed:.2f} allowed)" for name in self.drifted
        )
        unread = f", {self.unread} could not be read" if self.unread else ""
        return f"{self.images:,} images{unread}: {moved or 'as what release ' + self.release + ' was measured on'}"


def compute_drift(
    reference: Mapping[str, Sequence[Any]], shown: Mapping[str, Sequence[Any]], limits: MonitorSettings
) -> list[Shift]:
    """Compare images and answers with the reference.

    Args:
        reference: Numbers by measure, one per image, and under LETTER the answers.
        shown: The same for the new images.
        limits: Largest distances allowed.

    Returns:
        A shift for each measure, in the order of the reference.
    """
    shifts = []
    for name, before in reference.items():
        if name == LETTER:
            old, new = shares(before), shares(shown[name])
            chance = _chance_of_shares(old, len(before), len(shown[name]))
            distance = float(np.abs(old - new).sum() / 2)
            shifts.append(_shift(name, distance, limits.letters_max, chance))
            continue
        old, new = np.sort(np.asarray(before, float)), np.sort(np.asarray(shown[name], float))
        # https://doi.org/10.1214/aoms/1177730256: the limit of the two-sample statistic
        chance = float(np.sqrt(np.log(2 / CHANCE) / 2 * (1 / len(old) + 1 / len(new))))
        medians = float(np.median(old)), float(np.median(new))
        shifts.append(_shift(name, _distance(old, new), limits.distance_max, chance, medians))
    return shifts


def shares(answers: Sequence[str]) -> NDArray[np.float64]:
    """Share of each class among answers [29]."""
    counts = np.array([list(answers).count(name) for name in contract.CLASSES])
    return counts / len(answers)


def _shift(
    name: str,
    distance: float,
    allowed: float,
    chance: float,
    medians: tuple[float | None, float | None] = (None, None),
) -> Shift:
    return Shift(
        name=name,
        distance=distance,
        allowed=allowed,
        chance=chance,
        before=medians[0],
        now=medians[1],
        drifted=distance > max(allowed, chance),
    )


def _distance(before: NDArray[np.float64], now: NDArray[np.float64]) -> float:
    """Kolmogorov-Smirnov: the greatest difference of the two cumulative distributions; both sorted."""
    values = np.concatenate([before, now])
    below = [np.searchsorted(numbers, values, side="right") / len(numbers) for numbers in (before, now)]
    return float(np.abs(below[0] - below[1]).max())


def _chance_of_shares(share: NDArray[np.float64], before: int, now: int) -> float:
    """Half the sum of differences of shares that chance rarely exceeds, from draws of both samples."""
    rng = np.random.default_rng(0)
    drawn = rng.multinomial(before, share, DRAWS) / before - rng.multinomial(now, share, DRAWS) / now
    return float(np.quantile(np.abs(drawn).sum(axis=1) / 2, 1 - CHANCE))
