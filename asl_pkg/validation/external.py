"""Other people's images: how well a model reads hands, cameras and rooms outside the data set."""

import heapq
import itertools
import math
import os
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from asl_pkg import contract
from asl_pkg.config.schema import FolderData, SplitSettings
from asl_pkg.data.left_out import counted
from asl_pkg.data.preparation import prepare
from asl_pkg.data.sample import UNKNOWN_SIGNER, RejectedFile, Sample, Source
from asl_pkg.data.sources import folder
from asl_pkg.errors import DataError
from asl_pkg.inference.onnx_session import predict
from asl_pkg.metrics import classification
from asl_pkg.metrics.classification import Interval, RiskCoverage
from asl_pkg.progress import track
from asl_pkg.validation.report_body import BrokenFile, ExternalFigures, figure

BLOCK_FRAMES = SplitSettings().block_frames
BLOCKS = 8  # a run of frames too short for so many blocks of BLOCK_FRAMES is cut into as many shorter ones
ALL = range(len(contract.CLASSES))
MISTAKES = 15  # kept with their pixels


@dataclass(frozen=True)
class Mistake:
    """A wrong answer.

    Args:
        origin: Path of the image in its source, or group of a test image.
        pixels: The image, uint8 [200, 200, 3].
        truth: Class of the image.
        answer: Class that the model gave.
        confidence: Confidence of the answer.
    """

    origin: str
    pixels: NDArray[np.uint8]
    truth: int
    answer: int
    confidence: float


@dataclass(frozen=True)
class ExternalScore:
    """How well a model reads other people's images.

    Args:
        source: Origin of the images.
        unit: What was resampled: signer, block or image.
        confusion: Images by truth (rows) and answer (columns) [classes, classes].
        accuracy: Share of correct answers.
        macro_f1: Mean F1 of the classes that the images show.
        broken: Unreadable image files, and the reasons.
        risk: Wrong answers against the share of images answered.
        mistakes: Most confident wrong answers, the most confident first.
        unknown: Images of each class that the model does not know, which are not scored.
    """

    source: str
    unit: str
    confusion: NDArray[np.int64]
    accuracy: Interval
    macro_f1: Interval
    risk: RiskCoverage
    broken: Sequence[RejectedFile]
    mistakes: Sequence[Mistake]
    unknown: Mapping[str, int]

    @property
    def figures(self) -> ExternalFigures:
        """The figures for report.json."""
        shown = [label for label, count in enumerate(self.confusion.sum(axis=1)) if count]
        recall = classification.recall(self.confusion)
        return ExternalFigures(
            source=self.source,
            images=int(self.confusion.sum()),
            unit=self.unit,
            accuracy=figure(self.accuracy),
            macro_f1=figure(self.macro_f1),
            recall={contract.CLASSES[label]: float(recall[label]) for label in shown},
            counts={contract.CLASSES[label]: int(self.confusion[label].sum()) for label in shown},
            confusion=self.confusion.tolist(),
            risk=self.risk.at,
            unknown=dict(self.unknown),
            broken=[BrokenFile(path=file.path, reason=file.reason) for file in self.broken],
        )


def open_external(path: str) -> Source:
    """List a folder of other people's images.

    Args:
        path: The folder, with a sub-folder for each of some classes.

    Returns:
        Its files.

    Raises:
        DataError: There is no such folder, or it is empty.
    """
    if not Path(path).is_dir():
        raise DataError(f"data.external={path}: no such folder, expected …/<CLASS>/<name>.jpg in one")
    return folder.open_source(FolderData(path=path))


def score(
    session: onnxruntime.InferenceSession,
    items: Iterable[Sample | RejectedFile],
    source: str,
    resamples: int,
    seed: int,
    known: Sequence[int] = ALL,
) -> ExternalScore:
    """Score a model on images, a batch in memory at a time.

    Args:
        session: ONNX Runtime on a graph that keeps the contract.
        items: Samples and rejected files, as `Source.read` yields them.
        source: Origin of the images.
        resamples: Number of bootstrap resamples.
        seed: Seed of the resampling.
        known: Labels of the classes that the model knows; images of other classes are only counted.

    Returns:
        The score.

    Raises:
        DataError: No image of a class that the model knows can be read.
    """
    read: list[Sample] = []
    found: list[NDArray[np.float32]] = []
    broken: list[RejectedFile] = []
    mistakes: list[Mistake] = []
    unknown: Counter[int] = Counter()
    for images, pixels, unfit in _prepared(_of_known(items, known, unknown)):
        broken += [file for file in unfit if file.quarantined]
        if not images:
            continue
        probabilities = predict(session, np.stack(pixels))
        found.append(probabilities)
        read += images
        wrong = _wrong(images, pixels, probabilities)
        mistakes = heapq.nlargest(MISTAKES, [*mistakes, *wrong], key=lambda mistake: mistake.confidence)
    if not read:
        others = f"{unknown.total():,} of {', '.join(_names(unknown))}" if unknown else ""
        seen = "; ".join(filter(None, [others, counted(broken)])) or "no image"
        raise DataError(
            f"data.external={source} holds no image of a class that the model knows ({', '.join(_names(known))}), "
            f"expected …/<CLASS>/<name>.jpg, it has {seen}"
        )
    unit, groups = groups_of(read)
    truth = np.array([sample.label for sample in read])
    probabilities = np.concatenate(found)
    answers = probabilities.argmax(axis=1)
    confusions = classification.confusion_by_group(truth, answers, np.unique(groups, return_inverse=True)[1])
    return ExternalScore(
        source=source,
        unit=unit,
        confusion=confusions.sum(axis=0),
        accuracy=classification.interval(classification.accuracy, confusions, resamples, seed),
        macro_f1=classification.interval(classification.macro_f1, confusions, resamples, seed),
        risk=classification.risk_coverage(probabilities.max(axis=1), answers == truth),
        broken=broken,
        mistakes=mistakes,
        unknown={contract.CLASSES[label]: count for label, count in sorted(unknown.items())},
    )


def _of_known(
    items: Iterable[Sample | RejectedFile], known: Sequence[int], unknown: Counter[int]
) -> Iterator[Sample | RejectedFile]:
    """Pass on images of classes that the model knows, and count the rest."""
    for item in items:
        if isinstance(item, Sample) and item.label not in known:
            unknown[item.label] += 1
        else:
            yield item


def _names(labels: Iterable[int]) -> list[str]:
    return [contract.CLASSES[label] for label in sorted(labels)]


def groups_of(images: Sequence[Sample]) -> tuple[str, list[str]]:
    """Group images that resemble one another, to be resampled together.

    Args:
        images: All images that were read.

    Returns:
        The unit, and each image's group: its signer if several are known; else a block of neighbouring frames,
        or the image alone if names have no numbers.
    """
    signers = {sample.signer for sample in images}
    if len(signers) > 1 and UNKNOWN_SIGNER not in signers:
        return "signer", [sample.signer for sample in images]
    frames = defaultdict(list)
    for sample in images:
        frames[sample.label, sample.sequence].append(sample.frame or 0)
    runs = {run: (min(own), _block_length(max(own) - min(own) + 1)) for run, own in frames.items()}
    groups = []
    for sample in images:
        first, length = runs[sample.label, sample.sequence]
        groups.append(f"{sample.label}/{sample.sequence}/{((sample.frame or 0) - first) // length}")
    return "block" if len(set(groups)) < len(groups) else "image", groups


def _block_length(frames: int) -> int:
    return min(BLOCK_FRAMES, math.ceil(frames / BLOCKS))


def _prepared(
    items: Iterable[Sample | RejectedFile],
) -> Iterator[tuple[list[Sample], list[NDArray[np.uint8]], list[RejectedFile]]]:
    """Yield batches: images, their pixels, and unreadable files."""
    remaining = track(items, None, "Reading other people's images")
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        while batch := list(itertools.islice(remaining, contract.MAX_BATCH)):
            outcomes = list(pool.map(_decode, batch))
            good = [outcome for outcome in outcomes if not isinstance(outcome, RejectedFile)]
            unfit = [outcome for outcome in outcomes if isinstance(outcome, RejectedFile)]
            yield [sample for sample, _ in good], [pixels for _, pixels in good], unfit


def _decode(item: Sample | RejectedFile) -> tuple[Sample, NDArray[np.uint8]] | RejectedFile:
    if isinstance(item, RejectedFile):
        return item
    try:
        return replace(item, data=b""), prepare(item.data)  # samples are kept in memory, their bytes are not
    except DataError as error:
        return RejectedFile(item.path, str(error))


def _wrong(
    images: Sequence[Sample], pixels: Sequence[NDArray[np.uint8]], probabilities: NDArray[np.float32]
) -> Iterator[Mistake]:
    for image, own, answer in zip(images, pixels, probabilities, strict=True):
        if answer.argmax() != image.label:
            yield Mistake(image.path, own, image.label, int(answer.argmax()), float(answer.max()))
