"""The verb infer: images -> letter, confidence, top three, release."""

import itertools
import json
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, field

import numpy as np

from asl_pkg import contract
from asl_pkg.config.schema import InferenceSettings
from asl_pkg.data.preparation import MAX_IMAGE_BYTES, prepare
from asl_pkg.data.sample import RejectedFile
from asl_pkg.errors import DataError, SettingError
from asl_pkg.inference.image_paths import STANDARD_INPUT, Named, find_images
from asl_pkg.inference.postprocess import decode_prediction
from asl_pkg.inference.runtimes import Runtime, open_runtime
from asl_pkg.monitoring.features import describe_image

PATH_COLUMNS = 40


@dataclass(frozen=True)
class Prediction:
    """A model's answer to one image.

    Args:
        path: The image, `-` for standard input.
        release: Release of the model.
        letter: The likeliest class, `unsure` below the confidence threshold; empty if the image is broken.
        confidence: Probability of the likeliest class.
        top3: The likeliest classes with their probabilities.
        error: Reason why there is no answer.
        measures: The image in a few numbers, for `asl monitor`; only with output=json.
    """

    path: str
    release: str
    letter: str = ""
    confidence: float = 0.0
    top3: list[tuple[str, float]] = field(default_factory=list)
    error: str | None = None
    measures: dict[str, float] = field(default_factory=dict)


def infer(settings: InferenceSettings, images: Sequence[str]) -> Iterator[Prediction]:
    """Name the letters in images.

    Args:
        settings: Runtime, its model, confidence_threshold, img_size.
        images: Files, folders, globs, or `-` for the bytes of one image on standard input.

    Returns:
        One answer per image, in order; for a broken image, `error` is set.

    Raises:
        DataError: No image is named, or none found.
        SettingError: img_size is not what the model takes.
        BundleError: The model is missing or damaged.
        ServingError: The server does not answer, at first or later.
    """
    found = find_images(images)
    runtime = open_runtime(settings)
    if settings.img_size not in (None, runtime.image_px):
        raise SettingError(f"img_size={settings.img_size}: release {runtime.release} takes {runtime.image_px} only")
    threshold = settings.confidence_threshold
    threshold = runtime.confidence_threshold if threshold is None else threshold
    return _answers(runtime, threshold, settings.output == "json", found)


def as_table_line(answer: Prediction) -> str:
    """One line of text: image, letter, confidence, and the likeliest three or the error."""
    # a name may hold line breaks or bytes that are not text: neither may reach the terminal
    path = answer.path if answer.path.isprintable() else ascii(answer.path)
    if answer.error is not None:
        return f"{path:{PATH_COLUMNS}}  broken: {answer.error}"
    top = ", ".join(f"{letter} {probability:.1%}" for letter, probability in answer.top3)
    return f"{path:{PATH_COLUMNS}}  {answer.letter:8} {answer.confidence:6.1%}  {top}"


def as_json_line(answer: Prediction) -> str:
    """One line of JSON; names that are not text are escaped."""
    return json.dumps(asdict(answer))


def _answers(runtime: Runtime, threshold: float, described: bool, images: Iterable[Named]) -> Iterator[Prediction]:
    remaining = iter(images)
    while batch := list(itertools.islice(remaining, contract.MAX_BATCH)):
        prepared = [_prepare(image) for image in batch]
        whole = [item for item in prepared if isinstance(item, np.ndarray)]
        rows = iter(runtime.predict(np.stack(whole)) if whole else ())
        for image, item in zip(batch, prepared, strict=True):
            path = image.path if isinstance(image, RejectedFile) else STANDARD_INPUT if image is None else str(image)
            if isinstance(item, np.ndarray):
                named = decode_prediction(next(rows), threshold)
                measures = describe_image(item) if described else {}
                yield Prediction(path, runtime.release, named.letter, named.confidence, named.top3, measures=measures)
            else:
                yield Prediction(path, runtime.release, error=item)


def _prepare(image: Named) -> np.ndarray | str:
    """The pixels of an image, uint8 [200, 200, 3], or an error message."""
    if isinstance(image, RejectedFile):
        return image.reason
    try:
        return prepare(sys.stdin.buffer.read(MAX_IMAGE_BYTES + 1) if image is None else image)
    except DataError as error:
        return str(error).removeprefix(f"{image}: ")
