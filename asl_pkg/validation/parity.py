"""Whether the exported graph gives the same results as the checkpoint in torch."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from asl_pkg import contract
from asl_pkg.data.augmentation import augment, draw_numbers
from asl_pkg.inference.onnx_session import predict
from asl_pkg.progress import track
from asl_pkg.validation.context import EvaluationContext

LEAST_PROBABILITY = 1e-6  # below it, rounding alone moves the logarithm
THOROUGH_IMAGES = 5_000  # compared at least with `validate.thorough`, the test images included
CLOSE = 1e-4  # torch's top two classes nearer than this: either may come out first


@dataclass(frozen=True)
class Parity:
    """Comparison of two computations on the same images.

    Args:
        greatest: Greatest difference of log-probabilities, where either probability reaches LEAST_PROBABILITY.
        other_class: Images answered differently though torch's top two classes are further apart than CLOSE.
        close: Images whose top two classes are closer than that.
        images: Number of images compared.
    """

    greatest: float
    other_class: int
    close: int
    images: int


def measure_parity(reference: NDArray[np.float32], other: NDArray[np.float32]) -> Parity:
    """Compare probabilities.

    Args:
        reference: torch's [n, classes].
        other: ONNX Runtime's [n, classes].

    Returns:
        The comparison; `greatest` is infinite if either has a value that is not a probability.
    """
    top = np.sort(reference, axis=1)[:, -2:]
    close = top[:, 1] - top[:, 0] <= CLOSE
    differs = reference.argmax(axis=1) != other.argmax(axis=1)
    if not (np.isfinite(reference).all() and np.isfinite(other).all()):
        return Parity(float("inf"), int((differs & ~close).sum()), int(close.sum()), len(reference))
    large = np.maximum(reference, other) >= LEAST_PROBABILITY
    logarithms = np.log(np.clip([reference, other], LEAST_PROBABILITY, None))
    difference = np.abs(logarithms[0] - logarithms[1])[large]
    return Parity(float(difference.max(initial=0.0)), int((differs & ~close).sum()), int(close.sum()), len(reference))


def parity_with_torch(context: EvaluationContext) -> Parity:
    """Compare ONNX Runtime with torch on the test images, and with `validate.thorough` on augmented ones too.

    Args:
        context: Both computations and their answers.

    Returns:
        The comparison over all images.
    """
    found = measure_parity(context.answers.by_torch, context.answers.probabilities)
    return join_parities([found, *_varied(context)]) if context.settings.validate.thorough else found


def join_parities(parts: Sequence[Parity]) -> Parity:
    """Join comparisons of different images."""
    return Parity(
        greatest=max(part.greatest for part in parts),
        other_class=sum(part.other_class for part in parts),
        close=sum(part.close for part in parts),
        images=sum(part.images for part in parts),
    )


def _varied(context: EvaluationContext) -> Iterator[Parity]:
    """Compare on test images, augmented as in training, until THOROUGH_IMAGES are reached."""
    pixels, size = context.answers.pixels, contract.MAX_BATCH
    rounds = math.ceil(THOROUGH_IMAGES / len(pixels)) - 1
    starts = [(number, start) for number in range(rounds) for start in range(0, len(pixels), size)]
    for number, start in track(starts, len(starts), "Comparing varied images with torch", "batches"):
        rows = np.arange(start, min(start + size, len(pixels)))
        varied = augment(torch.from_numpy(np.array(pixels[rows])), draw_numbers(context.seed, number, rows))
        with torch.inference_mode():
            yield measure_parity(context.served(varied).numpy(), predict(context.session, varied.numpy()))
