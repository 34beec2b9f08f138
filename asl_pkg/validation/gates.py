"""The gates: measured claims with a threshold each. A model is served only if it passes all of them."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from asl_pkg import contract
from asl_pkg.config import ValidateSettings
from asl_pkg.validation.measurements import Measurements

AT_LEAST = "at least"
AT_MOST = "at most"


@dataclass(frozen=True)
class Rule:
    """What a gate asks.

    Args:
        direction: AT_LEAST or AT_MOST the threshold.
        measures: what the measured number is.
        remedy: what to do where the gate fails.
    """

    direction: str
    measures: str
    remedy: str


RULES = {
    "integrity": Rule(
        AT_MOST,
        "faults of the bundle against the digests in bundle.json",
        "`asl export` writes the bundle again",
    ),
    "contract": Rule(
        AT_MOST,
        "departures from the model contract: files, tensors, types, shapes, classes, operators",
        "export with this version of the code: `asl export`",
    ),
    "data_set": Rule(
        AT_MOST,
        "data sets other than the one whose training split the model learnt from",
        "validate with the data set of the training: its test pictures are the ones that training never saw",
    ),
    "parity": Rule(
        AT_MOST,
        "greatest difference of log-probabilities between ONNX Runtime and torch",
        "name the checkpoint that the bundle was made from, or export again",
    ),
    "parity_class": Rule(
        AT_MOST,
        "pictures for which ONNX Runtime names another class than torch, though torch was not torn between the two",
        "name the checkpoint that the bundle was made from, or export again",
    ),
    "accuracy": Rule(
        AT_LEAST,
        "share of right answers, lower bound",
        "train longer, on more signers, or with model=resnet; the confusion matrix shows which letters are mixed up",
    ),
    "macro_f1": Rule(
        AT_LEAST,
        "mean F1 of the classes, lower bound",
        "see which classes have a low recall, and give training more pictures of them",
    ),
    "recall": Rule(
        AT_LEAST,
        "recall of the worst class",
        "look at that class's pictures in the data set's contact sheet: a wrong label or too few signers are usual",
    ),
    "calibration": Rule(
        AT_MOST,
        "expected calibration error: how far confidence is from the share of right answers",
        "train again: the temperature is fitted on the validation split, whose signers may be too few",
    ),
}


@dataclass(frozen=True)
class Finding:
    """What a gate judges.

    Args:
        measured: the number, None where it could not be measured.
        detail: what people should know of it.
        unit: what was resampled, empty for a number without an interval.
    """

    measured: float | None
    detail: str = ""
    unit: str = ""


@dataclass(frozen=True)
class Gate:
    """A verdict.

    Args:
        name: key of RULES.
        passed: follows from the next three.
        measured: the number; None where it could not be measured, which never passes.
        direction: AT_LEAST or AT_MOST.
        threshold: what the number is compared with.
        unit: what was resampled, empty for a number without an interval.
        why: what was measured, and what to do where the gate fails.
    """

    name: str
    passed: bool
    measured: float | None
    direction: str
    threshold: float
    unit: str
    why: str


def holds(name: str, measured: float | None, threshold: float) -> bool:
    """Whether a gate passes.

    Args:
        name: key of RULES.
        measured: the number, None where it was not measured.
        threshold: what it is compared with.

    Returns:
        True where it was measured and is on the right side of the threshold; the threshold itself passes.
    """
    if measured is None or not np.isfinite(measured):
        return False
    return measured >= threshold if RULES[name].direction == AT_LEAST else measured <= threshold


def findings(measured: Measurements, unit: str) -> dict[str, Finding]:
    """What the answers to the test pictures give the gates.

    Args:
        measured: on the test pictures.
        unit: what was resampled, `signer` or `block`.

    Returns:
        A finding for each gate that judges answers.
    """
    parity = measured.parity
    worst_class = contract.CLASSES[int(np.nanargmin(measured.recall))]
    few = f"too few groups: the worst {unit} decides" if measured.accuracy.too_few else ""
    return {
        "parity": Finding(parity.greatest),
        "parity_class": Finding(parity.other_class, f"{parity.close} pictures were too close to call"),
        "accuracy": Finding(measured.accuracy.bound, few, unit),
        "macro_f1": Finding(measured.macro_f1.bound, few, unit),
        "recall": Finding(float(np.nanmin(measured.recall)), f"worst: {worst_class}"),
        "calibration": Finding(measured.reliability.error),
    }


def decide(found: Mapping[str, Finding], settings: ValidateSettings) -> list[Gate]:
    """Decide every gate, so that all failures are seen at once.

    Args:
        found: by gate; a gate without a finding was not measured and fails.
        settings: the thresholds.

    Returns:
        One verdict for each of RULES, in its order.
    """
    thresholds = {
        "parity": settings.parity_max,
        "accuracy": settings.accuracy_min,
        "macro_f1": settings.macro_f1_min,
        "recall": settings.recall_min,
        "calibration": settings.calibration_error_max,
    }
    return [_gate(name, found.get(name, Finding(None)), thresholds.get(name, 0.0)) for name in RULES]


def follows(body: dict[str, Any]) -> bool:
    """Whether the verdict of a report follows from its own numbers.

    Args:
        body: contents of report.json.

    Returns:
        True where every gate of RULES is there once, each `passed` follows from measured and threshold, and the
        report's own `passed` from theirs.
    """
    try:
        gates = body["gates"]
        each = all(gate["passed"] is holds(gate["name"], gate["measured"], gate["threshold"]) for gate in gates)
        complete = [gate["name"] for gate in gates] == list(RULES)
        return each and complete and body["passed"] is all(gate["passed"] for gate in gates)
    except (KeyError, TypeError):
        return False


def _gate(name: str, finding: Finding, threshold: float) -> Gate:
    rule = RULES[name]
    measured = finding.measured
    measured = None if measured is None or not np.isfinite(measured) else float(measured)  # JSON knows no infinity
    passed = holds(name, measured, threshold)
    said = [rule.measures if measured is not None else f"not measured: {rule.measures}", finding.detail]
    said += [] if passed else [rule.remedy]
    return Gate(name, passed, measured, rule.direction, threshold, finding.unit, "; ".join(filter(None, said)))
