"""report.html: the report as one self-contained page."""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from asl_pkg import contract
from asl_pkg.class_sets import describe_classes
from asl_pkg.reporting.html import data_uri, image_uri, render_page
from asl_pkg.validation import plots
from asl_pkg.validation.answers import Answers
from asl_pkg.validation.evaluation import Evaluation
from asl_pkg.validation.external import MISTAKES, Mistake
from asl_pkg.validation.gate_specs import knows_nothing
from asl_pkg.validation.report_body import ReportBody

TEMPLATE = Path(__file__).with_name("report.html.jinja")
SVG = "image/svg+xml"
QUALITY = 85  # of the mistakes' JPEG
CONFUSIONS = 8  # pairs of letters listed


def report_html(body: ReportBody, evaluation: Evaluation | None) -> str:
    """Render the report.

    Args:
        body: Contents of report.json.
        evaluation: The same numbers as arrays, and the images; None if the model could not be run.

    Returns:
        HTML that needs no other file and no network.
    """
    drawn: dict[str, str] = {}
    measured = evaluation.measured if evaluation else None
    external = evaluation.external if evaluation else None
    if measured:
        least = next(gate.threshold for gate in body.gates if gate.name == "recall")
        drawn = {
            "confusion": data_uri(plots.confusion_plot(measured.confusion).encode(), SVG),
            "recall": data_uri(plots.recall_plot(measured.recall, least).encode(), SVG),
            "reliability": data_uri(plots.reliability_plot(measured.reliability).encode(), SVG),
            "risk": data_uri(plots.risk_plot(measured.risk, external.risk if external else None).encode(), SVG),
        }
    if external:
        drawn["external"] = data_uri(plots.confusion_plot(external.confusion).encode(), SVG)
    return render_page(
        TEMPLATE,
        body=body,
        some=describe_classes(body.bundle.known_classes if body.bundle else contract.CLASSES),
        knows_nothing=knows_nothing(body.bundle),
        plots=drawn,
        mistakes=worst_mistakes(evaluation.answers) if evaluation else [],
        confusions=confusions(measured.confusion) if measured else [],
        strangers=[_mistake(mistake) for mistake in external.mistakes] if external else [],
        taken_for=_taken_for(external.confusion) if external else {},
    )


def worst_mistakes(answers: Answers) -> list[dict[str, Any]]:
    """List the most confident wrong answers.

    Args:
        answers: All answers.

    Returns:
        Image, truth, answer, confidence and group of each, the most confident first.
    """
    answer = answers.probabilities.argmax(axis=1)
    confidence = answers.probabilities.max(axis=1)
    wrong = np.flatnonzero(answer != answers.truth)
    surest = wrong[np.argsort(-confidence[wrong], kind="stable")][:MISTAKES]
    return [
        _mistake(
            Mistake(
                origin=answers.groups[position],
                pixels=answers.pixels[position],
                truth=int(answers.truth[position]),
                answer=int(answer[position]),
                confidence=float(confidence[position]),
            )
        )
        for position in surest
    ]


def confusions(confusion: NDArray[np.int64]) -> list[dict[str, Any]]:
    """List the most frequent confusions of classes.

    Args:
        confusion: Images, truth in rows [classes, classes].

    Returns:
        Truth, answer, images of that truth, and the number with that answer, the most frequent first.
    """
    wrong = confusion - np.diag(np.diag(confusion))
    order = np.argsort(-wrong, axis=None, kind="stable")[:CONFUSIONS]
    pairs = [np.unravel_index(position, wrong.shape) for position in order]
    return [
        {
            "truth": contract.CLASSES[truth],
            "answer": contract.CLASSES[answer],
            "count": int(wrong[truth, answer]),
            "images": int(confusion[truth].sum()),
        }
        for truth, answer in pairs
        if wrong[truth, answer]
    ]


def _mistake(mistake: Mistake) -> dict[str, Any]:
    return {
        "image": image_uri(mistake.pixels, QUALITY),
        "truth": contract.CLASSES[mistake.truth],
        "answer": contract.CLASSES[mistake.answer],
        "confidence": mistake.confidence,
        "group": mistake.origin,
    }


def _taken_for(confusion: NDArray[np.int64]) -> dict[str, str]:
    """The most frequent wrong answer to each class, with its number of images."""
    wrong = confusion - np.diag(np.diag(confusion))
    return {
        contract.CLASSES[truth]: f"{contract.CLASSES[row.argmax()]} ({row.max():,})"
        for truth, row in enumerate(wrong)
        if row.any()
    }
