"""Whether the exported graph computes what the checkpoint computes in torch."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

LEAST_PROBABILITY = 1e-6  # below it, rounding alone moves the logarithm
CLOSE = 1e-4  # torch's top two classes nearer than this: either may come out first


@dataclass(frozen=True)
class Parity:
    """How two computations of the same images compare.

    Args:
        greatest: greatest difference of log-probabilities where either reaches LEAST_PROBABILITY.
        other_class: images answered differently though torch's top two classes are further apart than CLOSE.
        close: images whose top two classes are nearer than that.
        images: that were compared.
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
        What differs; `greatest` is infinite where either has a value that is not a probability.
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


def join_parities(parts: Sequence[Parity]) -> Parity:
    """Put comparisons of different images together."""
    return Parity(
        greatest=max(one.greatest for one in parts),
        other_class=sum(one.other_class for one in parts),
        close=sum(one.close for one in parts),
        images=sum(one.images for one in parts),
    )
