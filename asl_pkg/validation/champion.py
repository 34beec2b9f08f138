"""The serving release, run on the same images: a new one must not be significantly worse."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from asl_pkg.bundle.bundle import Bundle
from asl_pkg.class_sets import labels_of
from asl_pkg.inference.onnx_session import open_session
from asl_pkg.metrics.classification import Interval, confusion_by_group, paired_loss
from asl_pkg.validation.answers import answer_by_onnx
from asl_pkg.validation.context import EvaluationContext
from asl_pkg.validation.gates import GateInput

EVERY = slice(None)
FIRST = "no release serves yet: this is the first deployment"


@dataclass(frozen=True)
class Champion:
    """The serving release, and the accuracy that a new one loses against it.

    Args:
        release: Name of the release.
        digest: SHA-256 of its bundle.json.
        loss: Loss of accuracy, as a share of the images; negative for a gain; None if they share no class.
        classes: What was compared if the two know different classes.
    """

    release: str
    digest: str
    loss: Interval | None
    classes: str = ""


def compare_with_champion(champion: Bundle, context: EvaluationContext) -> Champion:
    """Run the champion itself: its own report was measured on other images.

    If the two know different classes, they are compared on the images of the classes that both know.

    Args:
        champion: Bundle of the serving release.
        context: New bundle and its answers.

    Returns:
        The comparison.

    Raises:
        BundleError: The champion does not keep the model contract.
    """
    answers, challenger = context.answers, context.bundle
    by_champion = answer_by_onnx(open_session(champion.model_path), answers.pixels)
    both = [name for name in champion.known_classes if name in challenger.known_classes]
    rows = np.isin(answers.truth, labels_of(both))
    loss = accuracy_loss(by_champion, context, rows) if rows.any() else None
    said = "" if champion.known_classes == challenger.known_classes else _compared(champion, challenger, both, rows)
    return Champion(champion.release, champion.digest, loss, said)


def _compared(champion: Bundle, challenger: Bundle, both: Sequence[str], rows: NDArray[np.bool_]) -> str:
    """What was compared, and which classes users would lose and gain."""
    lost, gained = (
        ", ".join(name for name in bundle.known_classes if name not in both) or "none"
        for bundle in (champion, challenger)
    )
    return (
        f"compared on {rows.sum():,} of {len(rows):,} images, those of the {len(both)} classes that both know; the "
        f"new model no longer knows: {lost}; new classes: {gained}"
    )


def accuracy_loss(
    before: NDArray[np.float32], context: EvaluationContext, rows: NDArray[np.bool_] | slice = EVERY
) -> Interval:
    """Estimate the accuracy that a bundle loses against another model's answers to the same images.

    Args:
        before: Probabilities of the other model [n, 29].
        context: Bundle and its answers.
        rows: Images to compare on.

    Returns:
        The loss of accuracy, in shares of the images.
    """
    answers = context.answers
    _, groups = np.unique(np.asarray(answers.groups)[rows], return_inverse=True)
    first, second = (
        confusion_by_group(answers.truth[rows], probabilities[rows].argmax(axis=1), groups)
        for probabilities in (before, answers.probabilities)
    )
    return paired_loss(first, second, context.resamples, context.seed)


def champion_finding(found: Champion | None, unit: str) -> GateInput:
    """Give the gate the lower bound of the loss: it refuses a significant loss, not what chance may explain.

    Args:
        found: Comparison; None before the first deployment.
        unit: What was resampled.

    Returns:
        The finding.
    """
    if found is None:
        return GateInput(0, FIRST)
    loss = found.loss
    if loss is None:
        return GateInput(0, f"release {found.release} serves; nothing to compare, since {found.classes}")
    said = f"release {found.release} serves; accuracy on the same images changes by {-loss.value:+.1%}"
    said += f"; {found.classes}" if found.classes else ""
    if loss.too_few:  # an interval of so few groups says little
        return GateInput(loss.value, f"{said}; too few groups for an interval", unit)
    return GateInput(loss.low, said, unit, [loss.low, loss.high])
