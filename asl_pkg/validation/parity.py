"""Whether the exported graph gives the same results as the checkpoint in torch."""

import copy
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from asl_pkg import contract
from asl_pkg.data.augmentation import augment, draw_numbers
from asl_pkg.data.decoding import Pixels
from asl_pkg.inference.onnx_session import predict
from asl_pkg.progress import track
from asl_pkg.validation.context import EvaluationContext

LEAST_PROBABILITY = 1e-6  # below it, rounding alone moves the logarithm
THOROUGH_IMAGES = 5_000  # compared at least with `validate.thorough`, the test images included
ROUNDING_IMAGES = 32  # on which torch's own rounding error is measured
# The greatest difference of hundreds of images, with two rounding errors in each, is several times that of 32 with one.
ROUNDING_FACTOR = 10
CLOSE = 1e-4  # torch's top two classes nearer than this: either may come out first


@dataclass(frozen=True)
class Parity:
    """Comparison of two computations on the same images.

    Args:
        greatest: Greatest difference of log-probabilities, where either probability reaches LEAST_PROBABILITY.
        other_class: Images answered differently though torch's top two classes are further apart than CLOSE.
        close: Images whose top two classes are closer than that.
        images: Number of images compared.
        rounding: Greatest rounding error of torch: of single against double precision.
    """

    greatest: float
    other_class: int
    close: int
    images: int
    rounding: float

    @property
    def beyond_rounding(self) -> float:
        """The part of the greatest difference that rounding does not explain."""
        return max(self.greatest - ROUNDING_FACTOR * self.rounding, 0.0)


def rounding_error(served: torch.nn.Module, pixels: Pixels, single: NDArray[np.float32]) -> float:
    """Measure how far rounding moves torch's log-probabilities: single against double precision.

    Without this measure, deep networks would be refused: two of 50 layers one after the other, as in model=hand, round
    log-probabilities by some 1e-4, whichever library computes them.

    Args:
        served: Network in evaluation mode.
        pixels: Images, uint8 [n, 200, 200, 3], RGB; the first ROUNDING_IMAGES count.
        single: The network's answers to them in single precision [n, classes].

    Returns:
        Greatest difference of log-probabilities.
    """
    images = torch.from_numpy(np.array(pixels[:ROUNDING_IMAGES]))
    with torch.inference_mode():
        double = copy.deepcopy(served).double()(images).numpy()
    return float(_differences(double, single[:ROUNDING_IMAGES]).max(initial=0.0))


def measure_parity(reference: NDArray[np.float32], other: NDArray[np.float32], rounding: float) -> Parity:
    """Compare probabilities.

    Args:
        reference: torch's [n, classes].
        other: ONNX Runtime's [n, classes].
        rounding: torch's rounding error, from `rounding_error`.

    Returns:
        The comparison; `greatest` is infinite if either has a value that is not a probability.
    """
    top = np.sort(reference, axis=1)[:, -2:]
    close = top[:, 1] - top[:, 0] <= CLOSE
    differs = reference.argmax(axis=1) != other.argmax(axis=1)
    other_class = int((differs & ~close).sum())
    if not (np.isfinite(reference).all() and np.isfinite(other).all()):
        return Parity(float("inf"), other_class, int(close.sum()), len(reference), rounding)
    greatest = float(_differences(reference, other).max(initial=0.0))
    return Parity(greatest, other_class, int(close.sum()), len(reference), rounding)


def _differences(reference: NDArray[Any], other: NDArray[Any]) -> NDArray[Any]:
    """Differences of the log-probabilities that count."""
    large = np.maximum(reference, other) >= LEAST_PROBABILITY
    logarithms = np.log(np.clip([reference, other], LEAST_PROBABILITY, None))
    return np.asarray(np.abs(logarithms[0] - logarithms[1])[large])


def parity_with_torch(context: EvaluationContext) -> Parity:
    """Compare ONNX Runtime with torch on the test images, and with `validate.thorough` on augmented ones too.

    Args:
        context: Both computations and their answers.

    Returns:
        The comparison over all images.
    """
    rounding = rounding_error(context.served, context.answers.pixels, context.answers.by_torch)
    found = measure_parity(context.answers.by_torch, context.answers.probabilities, rounding)
    return join_parities([found, *_varied(context, rounding)]) if context.settings.validate.thorough else found


def join_parities(parts: Sequence[Parity]) -> Parity:
    """Join comparisons of different images."""
    return Parity(
        greatest=max(part.greatest for part in parts),
        other_class=sum(part.other_class for part in parts),
        close=sum(part.close for part in parts),
        images=sum(part.images for part in parts),
        rounding=max(part.rounding for part in parts),
    )


def _varied(context: EvaluationContext, rounding: float) -> Iterator[Parity]:
    """Compare on test images, augmented as in training, until THOROUGH_IMAGES are reached."""
    pixels, size = context.answers.pixels, contract.MAX_BATCH
    rounds = math.ceil(THOROUGH_IMAGES / len(pixels)) - 1
    starts = [(number, start) for number in range(rounds) for start in range(0, len(pixels), size)]
    for number, start in track(starts, len(starts), "Comparing varied images with torch", "batches"):
        rows = np.arange(start, min(start + size, len(pixels)))
        varied = augment(torch.from_numpy(np.array(pixels[rows])), draw_numbers(context.seed, number, rows))
        with torch.inference_mode():
            yield measure_parity(context.served(varied).numpy(), predict(context.session, varied.numpy()), rounding)
