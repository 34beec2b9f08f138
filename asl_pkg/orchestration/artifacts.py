"""What the Kubeflow Pipelines UI shows of a step: metrics, curves, a confusion matrix and pages.

Every artifact gets a file, even if its metadata holds everything: kfp's local cache requires one.
"""

import json
import math
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from asl_pkg import contract
from asl_pkg.lineage.git_commit import commit

if TYPE_CHECKING:
    from kfp import dsl

    from asl_pkg.validation.report_body import ReportBody


def describe_artifact(artifact: "dsl.Artifact", **facts: str | float | bool) -> None:
    """Say what an artifact is, in its metadata, with the version of the code that made it.

    Args:
        artifact: The artifact.
        facts: What the UI shows of it.
    """
    artifact.metadata.update(facts, version=contract.IMAGE_VERSION, commit=commit())


def show_metrics(metrics: "dsl.Metrics", figures: Mapping[str, float | None]) -> None:
    """Show metrics; a value that is not finite cannot be stored and is left out.

    Args:
        metrics: The artifact.
        figures: Values by name.
    """
    for name, figure in figures.items():
        if figure is not None and math.isfinite(figure):
            metrics.log_metric(name, figure)
    _write(metrics)


def show_classification(
    shown: "dsl.ClassificationMetrics", roc: Mapping[str, Sequence[float]], confusion: Sequence[Sequence[int]]
) -> None:
    """Show a ROC curve and a confusion matrix of all classes.

    Args:
        shown: The artifact.
        roc: false_positive_rate, true_positive_rate and threshold, each [points].
        confusion: Number of images, truth in rows [classes, classes].
    """
    shown.log_roc_curve(list(roc["false_positive_rate"]), list(roc["true_positive_rate"]), list(roc["threshold"]))
    shown.log_confusion_matrix(list(contract.CLASSES), [list(row) for row in confusion])
    _write(shown)


def show_report(
    body: "ReportBody", metrics: "dsl.Metrics", classification: "dsl.ClassificationMetrics"
) -> dict[str, Any]:
    """Show the results of validate.

    Args:
        body: Contents of report.json.
        metrics: Artifact for the metrics; it stays empty if the model could not be run.
        classification: Artifact for ROC curve and confusion matrix.

    Returns:
        What to say of the report: release, digests, accuracy and verdict.
    """
    measured = body.metrics
    if measured is None:
        _write(metrics)
        _write(classification)
    else:
        figures: dict[str, float | None] = {}
        figures |= {"accuracy": measured.accuracy.value, "accuracy_low": measured.accuracy.low}
        figures |= {"macro_f1": measured.macro_f1.value, "macro_f1_low": measured.macro_f1.low}
        figures |= {"worst_group": measured.worst_group.accuracy, "roc_auc": measured.roc.area}
        figures |= {
            "calibration_error": measured.calibration_error,
            "unsure": measured.unsure,
            "images": measured.images,
            "latency_to_torch": next((gate.measured for gate in body.gates if gate.name == "latency"), None),
            "bundle_mb": sum(file.size for file in body.bundle.files) / 1e6 if body.bundle else None,
        }
        show_metrics(metrics, figures)
        show_classification(classification, measured.roc.model_dump(), measured.confusion)
    failed = [gate.name for gate in body.gates if not gate.passed]
    named = {name: getattr(body, name) or "none" for name in ("release", "bundle_digest", "dataset_digest", "champion")}
    if measured:
        named |= {"accuracy": measured.accuracy.value, "images": measured.images}
    return named | {"passed": body.passed, "failed": ", ".join(failed), "headline": body.headline}


def show_page(page: "dsl.HTML | dsl.Markdown", source: Path) -> None:
    """Show a self-contained page.

    Args:
        page: The artifact.
        source: File of the page.
    """
    shutil.copyfile(source, page.path)


def _write(artifact: "dsl.Artifact") -> None:
    Path(artifact.path).write_text(json.dumps(artifact.metadata), encoding="utf-8")
