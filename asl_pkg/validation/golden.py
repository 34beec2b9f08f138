"""The golden set: one test image per class with ONNX Runtime's answer, which a server must repeat before it serves."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray
from pydantic import AliasChoices, Field

from asl_pkg import contract
from asl_pkg.data.preparation import prepare
from asl_pkg.errors import BundleError
from asl_pkg.storage import atomic
from asl_pkg.storage.json_model import JsonModel, parse_json

TOLERANCE = 1e-4  # of a probability: a server's ONNX Runtime is another version than the one that validated


class GoldenImage(JsonModel):
    """An image of the golden set and the expected answer."""

    path: str
    sha256: str
    letter: Annotated[str, Field(validation_alias="class", serialization_alias="class")]
    probabilities: list[float]


class GoldenBody(JsonModel):
    """Contents of golden.json. Version 0.1.0 wrote `pictures` for `images`."""

    preparation_version: int
    classes: list[str]
    images: Annotated[list[GoldenImage], Field(min_length=1, validation_alias=AliasChoices("images", "pictures"))]


@dataclass(frozen=True)
class GoldenSet:
    """The images and the expected answers.

    Args:
        pixels: uint8 [n, 200, 200, 3].
        probabilities: float32 [n, 29].
    """

    pixels: NDArray[np.uint8]
    probabilities: NDArray[np.float32]


@dataclass(frozen=True)
class GoldenCheck:
    """A server's answers to the golden set, compared with the expected ones.

    Args:
        otherwise: Number of images with a probability that differs by more than TOLERANCE.
        greatest: Greatest difference of a probability.
    """

    otherwise: int
    greatest: float


def check_golden_set(golden: GoldenSet, answers: NDArray[np.float32]) -> GoldenCheck:
    """Compare a server's answers [n, 29] with the expected ones; NaN counts as a difference."""
    difference = np.nan_to_num(np.abs(answers - golden.probabilities), nan=np.inf).max(axis=1)
    return GoldenCheck(int((difference > TOLERANCE).sum()), float(difference.max()))


def choose_golden_rows(labels: NDArray[np.int64], digests: Sequence[str]) -> list[int]:
    """Choose one image per class, independent of the order of the images.

    Args:
        labels: Class of each image [n].
        digests: SHA-256 of each image's bytes [n].

    Returns:
        Positions of the images with the smallest digest of each class, in the order of the classes.
    """
    order = sorted(range(len(labels)), key=lambda position: digests[position])
    first: dict[int, int] = {}
    for position in order:
        first.setdefault(int(labels[position]), position)
    return [first[label] for label in sorted(first)]


def write_golden(
    folder: Path, labels: Sequence[int], images: Sequence[dict[str, Any]], probabilities: NDArray[np.float32]
) -> None:
    """Write the golden set.

    Args:
        folder: Folder to create.
        labels: Class of each chosen image [n], all different.
        images: `bytes` and `path` of each, from the data set.
        probabilities: ONNX Runtime's answers [n, 29].
    """
    folder.mkdir()
    listed = []
    for label, image, answer in zip(labels, images, probabilities, strict=True):
        path = folder / (contract.CLASSES[label] + Path(image["path"]).suffix.lower())
        path.write_bytes(image["bytes"])
        listed.append(
            GoldenImage(
                path=path.name,
                sha256=atomic.sha256(path),
                letter=contract.CLASSES[label],
                probabilities=[float(value) for value in answer],
            )
        )
    body = GoldenBody(preparation_version=contract.PREPARATION_VERSION, classes=list(contract.CLASSES), images=listed)
    atomic.write_json(folder / contract.GOLDEN_FILE, body.model_dump(mode="json", by_alias=True))


def read_golden(folder: Path) -> GoldenSet:
    """Read the golden set.

    Args:
        folder: Folder that `asl validate` wrote.

    Returns:
        Its images, prepared, and the expected answers.

    Raises:
        BundleError: It is missing or damaged, or an image was changed.
    """
    try:
        images = parse_json(GoldenBody, (folder / contract.GOLDEN_FILE).read_bytes()).images
        files = [folder / Path(image.path).name for image in images]
        for file, image in zip(files, images, strict=True):
            if atomic.sha256(file) != image.sha256:
                raise BundleError(f"{file} is not the image that was answered: run `asl validate` again")
        pixels = np.stack([prepare(file) for file in files])
        probabilities = np.array([image.probabilities for image in images], np.float32)
    except (OSError, ValueError) as error:
        raise BundleError(f"no golden set in {folder} ({error}): `asl validate` writes one") from error
    return GoldenSet(pixels, probabilities)
