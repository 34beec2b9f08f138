"""report.json: the verdict, the numbers that it follows from, and where they come from."""

import math
from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import onnxruntime
import torch

from asl_pkg import contract
from asl_pkg.bundle.bundle import Bundle
from asl_pkg.class_sets import describe_classes
from asl_pkg.data.dataset import DatasetInfo
from asl_pkg.lineage import git_commit
from asl_pkg.metrics.classification import Interval
from asl_pkg.storage import atomic
from asl_pkg.validation.evaluation import Evaluation
from asl_pkg.validation.gates import Gate
from asl_pkg.validation.measurements import Measurements


def report_json(
    info: DatasetInfo,
    drawn: int,
    bundle_dir: Path,
    bundle: Bundle | None,
    gates: Sequence[Gate],
    evidence: Evaluation | None,
    golden_digest: str | None,
) -> dict[str, Any]:
    """Put report.json together.

    Args:
        info: the data set.
        drawn: signers of its test split whose hands are drawn.
        bundle_dir: the bundle that was judged.
        bundle: the same, None where its files are not what was exported.
        gates: the verdicts.
        evidence: None where the model could not be run.
        golden_digest: SHA-256 of golden.json, None where there is none.

    Returns:
        The contents, ready for JSON.
    """
    measured = evidence.measured if evidence else None
    champion = evidence.champion if evidence else None
    external = evidence.external if evidence else None
    return {
        "headline": headline(info, drawn, measured),
        "passed": all(gate.passed for gate in gates),
        "schema_version": contract.REPORT_SCHEMA,
        "release": bundle.release if bundle else None,
        "bundle_digest": atomic.sha256(bundle_dir / contract.BUNDLE_FILE),
        "dataset_digest": info.digest,
        "champion": champion.digest if champion else None,
        "golden_digest": golden_digest,
        "gates": [asdict(gate) for gate in gates],
        "metrics": _metrics(measured) if measured else None,
        "champion_loss": _interval(champion.loss) if champion and champion.loss else None,
        "external": external.body if external else None,
        "data": {
            "split_by": info.split_by,
            "unseen_signers": info.unseen_signers,
            "signers": info.signers["test"],
            "drawn_signers": drawn,
        },
        "bundle": bundle.manifest if bundle else None,
        "provenance": {
            "validated_at": datetime.now(UTC).isoformat(timespec="seconds"),
            "commit": git_commit.commit(),
            "onnxruntime": onnxruntime.__version__,
            "torch": torch.__version__,
        },
    }


def headline(info: DatasetInfo, drawn: int, measured: Measurements | None) -> str:
    """Say how good the model is, and on whose hands: the first thing that a reader has to know.

    Args:
        info: the data set.
        drawn: signers of its test split whose hands are drawn.
        measured: None where the model could not be run.

    Returns:
        One line.
    """
    if measured is None:
        return "the model could not be measured: see the gates that failed"
    found = measured.accuracy
    some = f"; it knows {said}" if (said := describe_classes(info.known_classes)) else ""
    signers = info.signers["test"]
    few = ", too few groups" if found.too_few else ""
    right = f"{found.value:.1%} of {measured.images:,} test images read right"
    interval = f"(95% interval {found.low:.1%} to {found.high:.1%}{few})"
    letters = ", ".join(info.unmeasurable)
    unmeasured = some + (
        f"; {letters} cannot be measured on this data set: too few signers show it, or its images are too alike"
        if letters
        else ""
    )
    if info.unseen_signers:
        which = "drawn hands, no photographs" if drawn == signers else f"{drawn} of them drawn"
        hands = f": {which}" if drawn else ""
        return f"{right}, of {signers} signers that training never saw{hands} {interval}{unmeasured}"
    held_out = {
        "signer": "signers, some of whom training may have seen",
        "recording": "recordings of the same signer",
        "block": "blocks of the same signer's frames",
    }[info.split_by]
    return f"{right}, from held-out {held_out} {interval}: how well it reads strangers' hands is not known{unmeasured}"


def _metrics(measured: Measurements) -> dict[str, Any]:
    return {
        "images": measured.images,
        "accuracy": _interval(measured.accuracy),
        "macro_f1": _interval(measured.macro_f1),
        "recall": dict(zip(contract.CLASSES, map(_number, measured.recall), strict=True)),
        "calibration_error": measured.reliability.error,
        "unsure": measured.unsure,
        "worst_group": asdict(measured.worst),
        "parity": {**asdict(measured.parity), "greatest": _number(measured.parity.greatest)},
        "confusion": measured.confusion.tolist(),
        "roc": asdict(measured.roc),
    }


def _interval(found: Interval) -> dict[str, Any]:
    return {**asdict(found), "too_few_groups": found.too_few}


def _number(value: float) -> float | None:
    """JSON has neither infinity nor "not a number"."""
    return float(value) if math.isfinite(value) else None
