"""A model's behaviour where the correct answer is known without a label: small changes, empty scenes, noise."""

import io
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import onnxruntime
from numpy.typing import NDArray
from PIL import Image

from asl_pkg import contract
from asl_pkg.inference.onnx_session import predict_in_batches

A_CLASS = 4  # test images of each class that are changed
SCENES = 64
NOTHING_LABEL = contract.CLASSES.index("nothing")
BRIGHTNESS = 0.2  # of each pixel's value, each way
JPEG_QUALITY = 50
SHIFT_PX = 8
TURN_DEG = 5.0

PixelBatch = NDArray[np.uint8]  # [n, 200, 200, 3]
Change = Callable[[PixelBatch], PixelBatch]


@dataclass(frozen=True)
class Stability:
    """Share of correctly read images that stay correct under the worst change.

    Args:
        share: Share of images that stay correct.
        change: Name of the worst change.
        images: Number of images read correctly before.
    """

    share: float
    change: str
    images: int


def stratified(truth: NDArray[np.int64], seed: int) -> NDArray[np.int64]:
    """Draw the same number of images of each class.

    Args:
        truth: Class of each image [n].
        seed: Seed of the choice.

    Returns:
        Rows, in rising order: at most A_CLASS of each class.
    """
    order = np.random.default_rng(seed).permutation(len(truth))
    chosen = [order[truth[order] == label][:A_CLASS] for label in np.unique(truth)]
    return np.sort(np.concatenate(chosen))


def stability(session: onnxruntime.InferenceSession, images: PixelBatch, truth: NDArray[np.int64]) -> Stability:
    """Change images slightly, in ways that keep their letter, and run the model again.

    Args:
        session: ONNX Runtime on a graph that keeps the contract.
        images: Pixels, uint8 [n, 200, 200, 3].
        truth: Class of each image [n].

    Returns:
        The worst of CHANGES; a share of 0 if no image was read correctly before.
    """
    right = _answers(session, images) == truth
    if not right.any():
        return Stability(0.0, "none", 0)
    kept = {name: _answers(session, change(images[right])) == truth[right] for name, change in CHANGES.items()}
    worst = min(kept, key=lambda name: kept[name].mean())
    return Stability(float(kept[worst].mean()), worst, int(right.sum()))


def called_empty(session: onnxruntime.InferenceSession, seed: int) -> float:
    """Share of plain scenes without a hand, made from the seed, that are answered with `nothing`."""
    return float((_answers(session, empty_scenes(seed)) == NOTHING_LABEL).mean())


def letters_in_noise(session: onnxruntime.InferenceSession, threshold: float, seed: int) -> float:
    """Share of images of pure noise, made from the seed, that are confidently answered with a letter."""
    probabilities = predict_in_batches(session, noise_images(seed))
    sure = probabilities.max(axis=1) >= threshold
    return float((sure & (probabilities.argmax(axis=1) != NOTHING_LABEL)).mean())


def empty_scenes(seed: int) -> PixelBatch:
    """Draw walls: one colour each, lit from one side, with a faint unevenness of large spots."""
    rng = np.random.default_rng(seed)
    axis = np.linspace(-1, 1, contract.IMAGE_PX)
    drawn = []
    for _ in range(SCENES):
        colour, slope = rng.uniform(40, 220, 3), rng.uniform(-25, 25, 2)
        light = slope[0] * axis[None, :, None] + slope[1] * axis[:, None, None]
        drawn.append(colour + light + rng.uniform(0, 8) * _spots(rng)[..., None])
    return np.clip(drawn, 0, 255).astype(np.uint8)


def noise_images(seed: int) -> PixelBatch:
    """Draw images of independent pixels, half of them grey, in grains of one to eight pixels."""
    rng = np.random.default_rng(seed)
    drawn = []
    for number in range(SCENES):
        grain = 2 ** (number % 4)
        cells = contract.IMAGE_PX // grain
        values = rng.integers(0, 256, (cells, cells, 1 if number % 2 else 3), np.uint8)
        drawn.append(np.broadcast_to(values, (cells, cells, 3)).repeat(grain, axis=0).repeat(grain, axis=1))
    return np.stack(drawn)


def _spots(rng: np.random.Generator) -> NDArray[np.float32]:
    """Soft spots in -1..1 [200, 200]."""
    coarse = Image.fromarray(rng.uniform(-1, 1, (6, 6)).astype(np.float32))
    return np.asarray(coarse.resize((contract.IMAGE_PX, contract.IMAGE_PX), Image.Resampling.BICUBIC))


def _brighter(by: float) -> Change:
    return lambda images: np.clip(images * (1 + by), 0, 255).astype(np.uint8)


def _each(change: Callable[[Image.Image], Image.Image]) -> Change:
    return lambda images: np.stack([np.asarray(change(Image.fromarray(image))) for image in images])


def _compressed(image: Image.Image) -> Image.Image:
    file = io.BytesIO()
    image.save(file, "JPEG", quality=JPEG_QUALITY)
    return Image.open(file)


def _placed(turn_deg: float, shift_px: int) -> Change:
    """Rotate about the centre and move to the right; the new border repeats the edge."""
    margin = contract.IMAGE_PX // 4
    inner = (margin, margin, margin + contract.IMAGE_PX, margin + contract.IMAGE_PX)

    def change(images: PixelBatch) -> PixelBatch:
        wide = np.pad(images, ((0, 0), (margin, margin), (margin, margin), (0, 0)), "edge")
        moved = _each(
            lambda image: image.rotate(turn_deg, Image.Resampling.BILINEAR, translate=(shift_px, 0)).crop(inner)
        )
        return moved(wide)

    return change


CHANGES: dict[str, Change] = {
    "darker": _brighter(-BRIGHTNESS),
    "brighter": _brighter(BRIGHTNESS),
    "compressed": _each(_compressed),
    "moved": _placed(0, SHIFT_PX),
    "turned": _placed(TURN_DEG, 0),
}


def _answers(session: onnxruntime.InferenceSession, images: PixelBatch) -> NDArray[np.int64]:
    return predict_in_batches(session, images).argmax(axis=1)
