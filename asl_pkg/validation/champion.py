"""The release that serves, asked about the same pictures: a new one may not be surely worse."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from asl_pkg.serving.bundle import Bundle
from asl_pkg.serving.onnx_session import open_session
from asl_pkg.validation.answers import Answers, answer_by_onnx
from asl_pkg.validation.gates import Finding
from asl_pkg.validation.metrics import Interval, confusion_by_group, paired_loss

FIRST = "no release serves yet: this is the first deployment"


@dataclass(frozen=True)
class Champion:
    """The release that serves and what a new one loses against it.

    Args:
        release: its name.
        digest: of its bundle.
        loss: of accuracy, in shares of the pictures; negative for a gain.
    """

    release: str
    digest: str
    loss: Interval


def compare_with_champion(champion: Bundle, answers: Answers, resamples: int, seed: int) -> Champion:
    """Ask the champion itself: what was once measured of it was measured on other pictures.

    Args:
        champion: the release that serves.
        answers: the challenger's.
        resamples: bootstrap resamples.
        seed: of the resampling.

    Returns:
        How the two compare.

    Raises:
        BundleError: the champion does not keep the model contract.
    """
    by_champion = answer_by_onnx(open_session(champion.model_path), answers.pixels)
    return Champion(champion.release, champion.digest, accuracy_loss(by_champion, answers, resamples, seed))


def accuracy_loss(before: NDArray[np.float32], answers: Answers, resamples: int, seed: int) -> Interval:
    """Estimate what a bundle loses against other answers to the same pictures.

    Args:
        before: the other probabilities [n, 29].
        answers: the bundle's, and which pictures belong together.
        resamples: bootstrap resamples.
        seed: of the resampling.

    Returns:
        The loss of accuracy, in shares of the pictures.
    """
    _, groups = np.unique(np.asarray(answers.groups), return_inverse=True)
    first, second = (
        confusion_by_group(answers.truth, probabilities.argmax(axis=1), groups)
        for probabilities in (before, answers.probabilities)
    )
    return paired_loss(first, second, resamples, seed)


def champion_finding(found: Champion | None, unit: str) -> Finding:
    """Give the gate the lower bound of the loss: it refuses what is surely worse, not what chance may explain.

    Args:
        found: None before the first deployment.
        unit: what was resampled.

    Returns:
        The finding.
    """
    if found is None:
        return Finding(0, FIRST)
    loss = found.loss
    said = f"release {found.release} serves; the new one reads {-loss.value:+.1%} of the pictures rightly"
    if loss.too_few:  # an interval of so few groups says little
        return Finding(loss.value, f"{said}; too few groups for an interval", unit)
    return Finding(loss.low, said, unit, [loss.low, loss.high])
