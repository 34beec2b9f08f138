"""Measurements on the test images, from the answers of bundle and checkpoint."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from asl_pkg.metrics import classification
from asl_pkg.metrics.classification import Interval, Reliability, RiskCoverage
from asl_pkg.metrics.roc import Roc, micro_average_roc
from asl_pkg.validation.context import EvaluationContext
from asl_pkg.validation.parity import Parity, parity_with_torch


@dataclass(frozen=True)
class Group:
    """A group of images that are resampled together.

    Args:
        name: Name of the signer, recording or block.
        images: Number of images.
        accuracy: Share of right answers.
    """

    name: str
    images: int
    accuracy: float


@dataclass(frozen=True)
class Measurements:
    """Measurements on the test images.

    Args:
        confusion: Images by truth (rows) and answer (columns) [classes, classes].
        accuracy: Share of right answers.
        macro_f1: Mean F1 of the classes.
        recall: Recall by class [classes]; NaN for a class without test images.
        reliability: Confidence against accuracy.
        risk: Wrong answers against the share of images answered.
        roc: Micro-average ROC curve.
        unsure: Share of answers below the confidence threshold.
        worst: The group with the lowest accuracy.
        parity: ONNX Runtime against torch.
        not_finite: Number of answers with a value that is infinite or NaN.
    """

    confusion: NDArray[np.int64]
    accuracy: Interval
    macro_f1: Interval
    recall: NDArray[np.float64]
    reliability: Reliability
    risk: RiskCoverage
    roc: Roc
    unsure: float
    worst: Group
    parity: Parity
    not_finite: int

    @property
    def images(self) -> int:
        """Number of images."""
        return int(self.confusion.sum())


def measure_test_images(context: EvaluationContext) -> Measurements:
    """Measure the answers to the test images.

    Args:
        context: Answers of the bundle, and those of its checkpoint to compare with.

    Returns:
        The measurements.
    """
    answers, resamples, seed = context.answers, context.resamples, context.seed
    probabilities, truth = answers.probabilities, answers.truth
    names, numbers = np.unique(np.asarray(answers.groups), return_inverse=True)
    confusions = classification.confusion_by_group(truth, probabilities.argmax(axis=1), numbers)
    by_group = classification.accuracy(confusions)
    worst = int(by_group.argmin())
    total = confusions.sum(axis=0)
    return Measurements(
        confusion=total,
        accuracy=classification.interval(classification.accuracy, confusions, resamples, seed),
        macro_f1=classification.interval(classification.macro_f1, confusions, resamples, seed),
        recall=classification.recall(total),
        reliability=classification.reliability(probabilities, truth),
        risk=classification.risk_coverage(probabilities.max(axis=1), probabilities.argmax(axis=1) == truth),
        roc=micro_average_roc(probabilities, truth),
        unsure=float((probabilities.max(axis=1) < context.bundle.confidence_threshold).mean()),
        worst=Group(str(names[worst]), int(confusions[worst].sum()), float(by_group[worst])),
        parity=parity_with_torch(context),
        not_finite=int((~np.isfinite(probabilities)).any(axis=1).sum()),
    )
