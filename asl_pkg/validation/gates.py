"""The gates: measured claims with a threshold each. A model is served only if it passes all of them."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from asl_pkg import contract
from asl_pkg.config.schema import ValidateSettings
from asl_pkg.metrics.classification import Interval
from asl_pkg.validation.gate_specs import AT_LEAST, GATE_SPECS, required_gates
from asl_pkg.validation.measurements import Measurements
from asl_pkg.validation.report_body import Gate, ReportBody


@dataclass(frozen=True)
class GateInput:
    """Input of a gate.

    Args:
        measured: The number; None if it could not be measured.
        detail: Note on the number, for people.
        unit: What was resampled; empty for a number without an interval.
        interval: 95% interval of the figure whose bound was measured; None for a number without one.
    """

    measured: float | None
    detail: str = ""
    unit: str = ""
    interval: list[float] | None = None


def passes(name: str, measured: float | None, threshold: float) -> bool:
    """Whether a gate passes.

    Args:
        name: Key of GATE_SPECS.
        measured: The number; None if it was not measured.
        threshold: Limit for the number.

    Returns:
        True if it was measured and is on the right side of the threshold; the threshold itself passes.
    """
    if measured is None or not np.isfinite(measured):
        return False
    return measured >= threshold if GATE_SPECS[name].direction == AT_LEAST else measured <= threshold


def gate_inputs(measured: Measurements, unit: str) -> dict[str, GateInput]:
    """Turn the measurements on the test images into inputs of the gates.

    Args:
        measured: Measurements on the test images.
        unit: What was resampled: `signer`, `recording` or `block`.

    Returns:
        An input for each gate that judges answers.
    """
    parity = measured.parity
    worst_class = contract.CLASSES[int(np.nanargmin(measured.recall))]
    return {
        "finite": GateInput(measured.not_finite),
        "parity": GateInput(
            parity.beyond_rounding,
            f"{parity.greatest:.2g} over {parity.images:,} images; torch's own rounding error: {parity.rounding:.2g}",
        ),
        "parity_class": GateInput(parity.other_class, f"{parity.close} images were too close to call"),
        "accuracy": bounded(measured.accuracy, unit),
        "macro_f1": bounded(measured.macro_f1, unit),
        "recall": GateInput(float(np.nanmin(measured.recall)), f"worst: {worst_class}"),
        "worst_group": GateInput(measured.worst.accuracy, f"worst: {measured.worst.name}"),
        "calibration": GateInput(measured.reliability.error),
        "unsure": GateInput(measured.unsure),
    }


def bounded(found: Interval, unit: str) -> GateInput:
    """Give a gate the lower bound of a figure, or its worst group if there are too few groups.

    Args:
        found: The figure.
        unit: What was resampled.

    Returns:
        The finding.
    """
    few = f"too few groups: the worst {unit} decides" if found.too_few else ""
    return GateInput(found.bound, few, unit, [found.low, found.high])


def decide(found: Mapping[str, GateInput], settings: ValidateSettings, names: list[str]) -> list[Gate]:
    """Decide every gate, so that all failures are seen at once.

    Args:
        found: Input of each gate; a gate without one was not measured and fails.
        settings: The thresholds.
        names: Names of the gates, from `required_gates`.

    Returns:
        One verdict for each name.
    """
    return [_gate(name, found.get(name, GateInput(None)), settings) for name in names]


def verdict_is_consistent(body: ReportBody) -> bool:
    """Whether the verdict of a report agrees with its numbers.

    Args:
        body: Contents of report.json.

    Returns:
        True if every required gate occurs once, each `passed` agrees with measured and threshold, and the
        report's `passed` with theirs.
    """
    names = required_gates(body.bundle, body.data.unseen_signers, body.external is not None)
    return (
        [gate.name for gate in body.gates] == names
        and all(gate.passed is passes(gate.name, gate.measured, gate.threshold) for gate in body.gates)
        and body.passed is all(gate.passed for gate in body.gates)
    )


def _gate(name: str, finding: GateInput, settings: ValidateSettings) -> Gate:
    rule = GATE_SPECS[name]
    threshold = float(getattr(settings, rule.setting)) if rule.setting else 0.0
    measured = finding.measured
    measured = None if measured is None or not np.isfinite(measured) else float(measured)  # JSON knows no infinity
    passed = passes(name, measured, threshold)
    said = [rule.measures if measured is not None else f"not measured: {rule.measures}", finding.detail]
    said += [] if passed else [rule.remedy]
    why = "; ".join(filter(None, said))
    return Gate(
        name=name,
        passed=passed,
        measured=measured,
        direction=rule.direction,
        threshold=threshold,
        unit=finding.unit,
        interval=finding.interval,
        why=why,
    )
