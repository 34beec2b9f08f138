"""Contents of report.json. Version 0.1.0 wrote `pictures` for `images`."""

from typing import Annotated

from pydantic import AliasChoices, Field

from asl_pkg.bundle.manifest import Manifest
from asl_pkg.metrics.classification import Interval
from asl_pkg.storage.json_model import JsonModel

ImageCount = Annotated[int, Field(validation_alias=AliasChoices("images", "pictures"))]


class Gate(JsonModel):
    """Verdict of a gate.

    Args:
        name: Key of GATE_SPECS.
        passed: Whether `measured` is on the right side of `threshold`.
        measured: The number; None if it could not be measured, which never passes.
        direction: AT_LEAST or AT_MOST.
        threshold: The limit.
        unit: What was resampled; empty for a number without an interval.
        interval: 95% interval of the figure whose bound was measured; None for a number without one.
        why: What was measured, and what to do if the gate fails.
    """

    name: str
    passed: bool
    measured: float | None
    direction: str
    threshold: float
    unit: str
    interval: list[float] | None
    why: str


class Figure(JsonModel):
    """A figure over all images, its 95% interval over resampled groups, and its value in the worst group."""

    value: float
    low: float
    high: float
    worst: float
    groups: int
    too_few_groups: bool


class WorstGroup(JsonModel):
    """The group of images with the lowest accuracy."""

    name: str
    images: ImageCount
    accuracy: float


class ParityFigures(JsonModel):
    """ONNX Runtime against torch; `greatest` is None if an answer is not a probability."""

    greatest: float | None
    other_class: int
    close: int
    images: ImageCount
    rounding: float = 0.0  # torch's own error; reports of 0.2 and before do not have it


class RocFigures(JsonModel):
    """Micro-average ROC curve."""

    false_positive_rate: list[float]
    true_positive_rate: list[float]
    threshold: list[float]
    area: float


class Metrics(JsonModel):
    """Figures on the test images; recall is None for a class without test images."""

    images: ImageCount
    accuracy: Figure
    macro_f1: Figure
    recall: dict[str, float | None]
    calibration_error: float
    unsure: float
    worst_group: WorstGroup
    parity: ParityFigures
    confusion: list[list[int]]
    roc: RocFigures
    risk: dict[str, float] = {}  # share of wrong answers by percent of images answered, the surest; since 0.3


class BrokenFile(JsonModel):
    """A file that should have been an image."""

    path: str
    reason: str


class ExternalFigures(JsonModel):
    """Figures on other people's images; `recall` and `counts` name the classes that the images show."""

    source: str
    images: ImageCount
    unit: str
    accuracy: Figure
    macro_f1: Figure
    recall: dict[str, float]
    counts: dict[str, int]
    confusion: list[list[int]]
    risk: dict[str, float] = {}
    unknown: dict[str, int] = {}
    broken: list[BrokenFile]


class SplitFacts(JsonModel):
    """The test split."""

    split_by: str
    unseen_signers: bool
    signers: int
    drawn_signers: int


class ReportProvenance(JsonModel):
    """Time and versions with which the report was made."""

    validated_at: str
    commit: str
    onnxruntime: str
    torch: str


class ReportBody(JsonModel):
    """Contents of report.json; the order of the fields is that of the file."""

    headline: str
    passed: bool
    schema_version: int
    release: str | None
    bundle_digest: str
    dataset_digest: str
    champion: str | None
    golden_digest: str | None
    gates: list[Gate]
    metrics: Metrics | None
    champion_loss: Figure | None
    external: ExternalFigures | None = None
    data: SplitFacts
    bundle: Manifest | None
    provenance: ReportProvenance


def figure(found: Interval) -> Figure:
    """Convert an interval for report.json."""
    return Figure(**vars(found), too_few_groups=found.too_few)
