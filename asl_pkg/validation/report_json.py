"""report.json: the verdict, the numbers behind it, and their provenance."""

import math
from datetime import UTC, datetime

import onnxruntime
import torch

from asl_pkg import contract
from asl_pkg.class_sets import describe_classes
from asl_pkg.data.dataset import DatasetInfo
from asl_pkg.lineage import git_commit
from asl_pkg.validation.evaluation import Judgement
from asl_pkg.validation.measurements import Measurements
from asl_pkg.validation.report_body import (
    Metrics,
    ParityFigures,
    ReportBody,
    ReportProvenance,
    RocFigures,
    SplitFacts,
    WorstGroup,
    figure,
)


def report_json(judgement: Judgement, drawn: int, bundle_digest: str, golden_digest: str | None) -> ReportBody:
    """Assemble report.json.

    Args:
        judgement: Verdicts and the measurements behind them.
        drawn: Number of synthetic signers in the test split.
        bundle_digest: SHA-256 of bundle.json.
        golden_digest: SHA-256 of golden.json; None if there is none.

    Returns:
        The contents of report.json.
    """
    info, bundle, evaluation = judgement.info, judgement.bundle, judgement.evaluation
    measured = evaluation.measured if evaluation else None
    champion = evaluation.champion if evaluation else None
    external = evaluation.external if evaluation else None
    return ReportBody(
        headline=headline(info, drawn, measured),
        passed=all(gate.passed for gate in judgement.gates),
        schema_version=contract.REPORT_SCHEMA,
        release=bundle.release if bundle else None,
        bundle_digest=bundle_digest,
        dataset_digest=info.digest,
        champion=champion.digest if champion else None,
        golden_digest=golden_digest,
        gates=judgement.gates,
        metrics=_metrics(measured) if measured else None,
        champion_loss=figure(champion.loss) if champion and champion.loss else None,
        external=external.figures if external else None,
        data=SplitFacts(
            split_by=info.split_by,
            unseen_signers=info.unseen_signers,
            signers=info.signers["test"],
            drawn_signers=drawn,
        ),
        bundle=bundle.manifest if bundle else None,
        provenance=ReportProvenance(
            validated_at=datetime.now(UTC).isoformat(timespec="seconds"),
            commit=git_commit.commit(),
            onnxruntime=onnxruntime.__version__,
            torch=str(torch.__version__),
        ),
    )


def headline(info: DatasetInfo, drawn: int, measured: Measurements | None) -> str:
    """Say how good the model is, and on whose hands: what a reader has to know first.

    Args:
        info: The data set.
        drawn: Number of synthetic signers in its test split.
        measured: The measurements; None if the model could not be run.

    Returns:
        One line.
    """
    if measured is None:
        return "the model could not be measured: see the failed gates"
    found = measured.accuracy
    some = f"; it knows {said}" if (said := describe_classes(info.known_classes)) else ""
    signers = info.signers["test"]
    few = ", too few groups" if found.too_few else ""
    right = f"{found.value:.1%} of {measured.images:,} test images read correctly"
    interval = f"(95% interval {found.low:.1%} to {found.high:.1%}{few})"
    letters = ", ".join(info.unmeasurable)
    unmeasured = some + (
        f"; {letters} cannot be measured on this data set: too few signers show it, or its images are too alike"
        if letters
        else ""
    )
    if info.unseen_signers:
        which = "synthetic hands, no photographs" if drawn == signers else f"{drawn} of them synthetic"
        hands = f": {which}" if drawn else ""
        return f"{right}, of {signers} signers that training never saw{hands} {interval}{unmeasured}"
    held_out = {
        "signer": "signers, some of whom training may have seen",
        "recording": "recordings of the same signer",
        "block": "blocks of the same signer's frames",
    }[info.split_by]
    return f"{right}, from held-out {held_out} {interval}: how well it reads strangers' hands is not known{unmeasured}"


def _metrics(measured: Measurements) -> Metrics:
    worst, parity, roc = measured.worst, measured.parity, measured.roc
    return Metrics(
        images=measured.images,
        accuracy=figure(measured.accuracy),
        macro_f1=figure(measured.macro_f1),
        recall=dict(zip(contract.CLASSES, map(_number, measured.recall), strict=True)),
        calibration_error=measured.reliability.error,
        unsure=measured.unsure,
        worst_group=WorstGroup(**vars(worst)),
        parity=ParityFigures(**vars(parity) | {"greatest": _number(parity.greatest)}),
        confusion=measured.confusion.tolist(),
        roc=RocFigures(**vars(roc)),
        risk=measured.risk.at,
    )


def _number(value: float) -> float | None:
    """JSON has neither infinity nor "not a number"."""
    return float(value) if math.isfinite(value) else None
