"""Metrics of a model's answers; all but the calibration error come from confusion matrices [truth, answer]."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from asl_pkg import contract

CALIBRATION_BINS = 15  # as in Guo et al. 2017, https://arxiv.org/abs/1706.04599
COVERAGES = (50, 80, 100)  # percent of the images, at which the risk is stated
FEWEST_GROUPS = 8  # with fewer, a percentile over resampled groups says little: the worst group decides instead

Confusion = NDArray[np.integer] | NDArray[np.floating]  # counts, or weighted counts
Metric = Callable[[Confusion], NDArray[np.float64]]  # [..., classes, classes] -> [...]


@dataclass(frozen=True)
class Interval:
    """A metric and its 95% interval.

    Args:
        value: Value over all images.
        low: 2.5th percentile over resampled groups.
        high: 97.5th percentile.
        worst: Value in the worst group.
        groups: Number of groups that were resampled.
    """

    value: float
    low: float
    high: float
    worst: float
    groups: int

    @property
    def too_few(self) -> bool:
        """Whether the interval cannot be trusted, because there are too few groups."""
        return self.groups < FEWEST_GROUPS

    @property
    def bound(self) -> float:
        """The value that a gate compares: the lower bound, or the worst group where there are too few groups."""
        return self.worst if self.too_few else self.low


@dataclass(frozen=True)
class Reliability:
    """Images in equal bins of confidence.

    Args:
        counts: Number of images in each bin [bins].
        confidence: Mean confidence in each bin [bins]; 0 if it is empty.
        accuracy: Share of correct answers in each bin [bins]; 0 if it is empty.
    """

    counts: NDArray[np.int64]
    confidence: NDArray[np.float64]
    accuracy: NDArray[np.float64]

    @property
    def error(self) -> float:
        """Expected calibration error: mean distance of confidence and accuracy over the images."""
        return float(np.abs(self.confidence - self.accuracy) @ self.counts / max(1, self.counts.sum()))


@dataclass(frozen=True)
class RiskCoverage:
    """What is gained where a model answers only when it is surest (Geifman and El-Yaniv 2017, section 2).

    Args:
        risk: Share of wrong answers among the surest 1 to n [n].
    """

    risk: NDArray[np.float64]

    @property
    def at(self) -> dict[str, float]:
        """Risk where so many percent of the images are answered."""
        count = len(self.risk)
        return {f"{percent}": float(self.risk[max(1, count * percent // 100) - 1]) for percent in COVERAGES}


def confusion_by_group(
    truth: NDArray[np.int64], answer: NDArray[np.int64], group: NDArray[np.int64]
) -> NDArray[np.int64]:
    """Count the answers of each group of images.

    Args:
        truth: Class of each image [n].
        answer: Class that the model gave each image [n].
        group: Number of each image's group, from 0 [n].

    Returns:
        [groups, classes, classes], truth in rows and answers in columns.
    """
    classes = len(contract.CLASSES)
    counts = np.zeros((int(group.max()) + 1, classes, classes), np.int64)
    np.add.at(counts, (group, truth, answer), 1)
    return counts


def accuracy(confusion: Confusion) -> NDArray[np.float64]:
    """Share of correct answers of each confusion matrix [..., classes, classes]."""
    right = np.trace(confusion, axis1=-2, axis2=-1)
    return _ratio(right, confusion.sum(axis=(-2, -1)))


def recall(confusion: Confusion) -> NDArray[np.float64]:
    """Share of correct answers for each class [..., classes]; NaN for a class without images."""
    right = np.diagonal(confusion, axis1=-2, axis2=-1)
    images = confusion.sum(axis=-1)
    return np.where(images > 0, _ratio(right, images), np.nan)


def macro_f1(confusion: Confusion) -> NDArray[np.float64]:
    """Mean over the classes that have images of F1 = 2 right / (images + answers) [..., classes, classes] -> [...].

    An external set or a resample may lack a class: it does not count in the mean, whatever is answered.
    """
    right = np.diagonal(confusion, axis1=-2, axis2=-1)
    shown = confusion.sum(axis=-1) > 0
    f1 = _ratio(2 * right, confusion.sum(axis=-1) + confusion.sum(axis=-2))
    return _ratio(np.where(shown, f1, 0).sum(axis=-1), shown.sum(axis=-1))


def interval(metric: Metric, confusions: NDArray[np.int64], resamples: int, seed: int) -> Interval:
    """Estimate the interval of a metric by resampling whole groups with replacement.

    Images of one signer resemble one another: resampling single images would claim too much precision.
    One group fewer than there are is drawn and weighted up, which makes the variance right even for few groups
    (rescaling bootstrap; Rao and Wu 1988, https://doi.org/10.1080/01621459.1988.10478591).

    Args:
        metric: Accuracy or macro_f1.
        confusions: One confusion matrix per group [groups, classes, classes].
        resamples: Number of resamples.
        seed: Seed of the resampling.

    Returns:
        The metric with its 95% interval.
    """
    weights = _weights(confusions, resamples, np.random.default_rng(seed))
    totals = (weights @ confusions.reshape(len(confusions), -1)).reshape(-1, *confusions.shape[1:])
    low, high = np.percentile(metric(totals), [2.5, 97.5])
    value = metric(confusions.sum(axis=0))
    return Interval(float(value), float(low), float(high), float(metric(confusions).min()), len(confusions))


def paired_loss(champion: NDArray[np.int64], challenger: NDArray[np.int64], resamples: int, seed: int) -> Interval:
    """Estimate how much accuracy a challenger loses against a champion on the same images.

    Whole groups are resampled with both models' answers: what makes a group hard for both does not count.

    Args:
        champion: Confusion matrices of the champion, one per group [groups, classes, classes].
        challenger: Those of the challenger, for the same groups.
        resamples: Number of resamples.
        seed: Seed of the resampling.

    Returns:
        The loss with its 95% interval, as a share of the images, negative for a gain; `worst` is the greatest loss.
    """
    weights = _weights(champion, resamples, np.random.default_rng(seed))
    lost = np.trace(champion, axis1=1, axis2=2) - np.trace(challenger, axis1=1, axis2=2)
    images = champion.sum(axis=(1, 2))
    low, high = np.percentile((weights @ lost) / (weights @ images), [2.5, 97.5])
    worst = float((lost / images).max())
    return Interval(float(lost.sum() / images.sum()), float(low), float(high), worst, len(champion))


def reliability(probabilities: NDArray[np.float32], truth: NDArray[np.int64]) -> Reliability:
    """Compare confidence with accuracy (Guo et al. 2017, equations 1 to 3).

    Args:
        probabilities: Probabilities of the classes for each image [n, classes].
        truth: Class of each image [n].

    Returns:
        The bins of a reliability diagram; its `error` is the expected calibration error.
    """
    confidence = probabilities.max(axis=1).astype(np.float64)
    right = probabilities.argmax(axis=1) == truth
    bins = np.clip(np.ceil(np.nan_to_num(confidence) * CALIBRATION_BINS).astype(np.int64) - 1, 0, CALIBRATION_BINS - 1)
    counts = np.bincount(bins, minlength=CALIBRATION_BINS)
    return Reliability(
        counts,
        _ratio(np.bincount(bins, confidence, CALIBRATION_BINS), counts),
        _ratio(np.bincount(bins, right, CALIBRATION_BINS), counts),
    )


def risk_coverage(confidence: NDArray[Any], right: NDArray[np.bool_]) -> RiskCoverage:
    """Order the answers by confidence and count the wrong ones.

    Args:
        confidence: Confidence of each answer [n].
        right: Whether it is right [n].

    Returns:
        The curve.
    """
    order = np.argsort(-confidence, kind="stable")
    return RiskCoverage(np.cumsum(~right[order]) / np.arange(1, len(order) + 1))


def _weights(confusions: NDArray[np.int64], resamples: int, generator: np.random.Generator) -> NDArray[np.float64]:
    """Weight of each group in each resample [resamples, groups].

    Blocks of frames belong to one class each and are drawn within it, or some resamples would lack a class. But where a
    class has only one group, nothing would vary within it, as if its accuracy were exact: then all are drawn together.
    """
    has_class = confusions.sum(axis=2) > 0
    strata = has_class.argmax(axis=1) if (has_class.sum(axis=1) == 1).all() else np.zeros(len(confusions), np.int64)
    if (np.bincount(strata)[strata] == 1).any():
        strata = np.zeros(len(confusions), np.int64)
    weights = np.ones((resamples, len(confusions)))
    for stratum in np.unique(strata):
        members = np.flatnonzero(strata == stratum)
        count = len(members)
        if count > 1:
            drawn = generator.multinomial(count - 1, np.full(count, 1 / count), size=resamples)
            weights[:, members] = drawn * count / (count - 1)
    return weights


def _ratio(part: NDArray[Any], whole: NDArray[Any]) -> NDArray[np.float64]:
    """Part of the whole; 0 if the whole is 0."""
    return np.divide(part, whole, out=np.zeros(np.shape(whole), np.float64), where=np.asarray(whole) > 0)
