"""From a model's probabilities to a letter: the same for the command line and the transformer."""

from dataclasses import dataclass

import numpy as np

from asl_pkg import contract

UNSURE = "unsure"
TOP = 3
PROBABILITY_SUM_TOLERANCE = 1e-3


@dataclass(frozen=True)
class Letter:
    """A model's answer to one image.

    Args:
        letter: The likeliest class, `unsure` below the confidence threshold.
        confidence: Probability of the likeliest class.
        top3: The likeliest classes with their probabilities.
    """

    letter: str
    confidence: float
    top3: list[tuple[str, float]]


def decode_prediction(probabilities: np.ndarray, threshold: float) -> Letter:
    """Name the letter of one image.

    Args:
        probabilities: float32 [29], in the order of contract.CLASSES.
        threshold: Confidence below which the answer is `unsure`.

    Returns:
        The letter.
    """
    order = np.argsort(-probabilities, kind="stable")[:TOP]
    top = [(contract.CLASSES[index], round(float(probabilities[index]), 6)) for index in order]
    letter, confidence = top[0]
    return Letter(letter if confidence >= threshold else UNSURE, confidence, top)


def check_output(answer: np.ndarray | None, images: int) -> str:
    """Check a server's answer.

    Args:
        answer: Output of the server; None if it has none of that name.
        images: Number of images sent.

    Returns:
        Empty if it is float32 [images, 29] and every row holds probabilities, else what it is instead.
    """
    expected = (images, len(contract.CLASSES))
    if answer is None or answer.dtype != np.float32 or answer.shape != expected:
        found = "no such output" if answer is None else f"{answer.dtype} {list(answer.shape)}"
        return f"{found}, expected float32 {list(expected)}"
    if not np.allclose(answer.sum(axis=1), 1, atol=PROBABILITY_SUM_TOLERANCE) or (answer < 0).any():
        return "numbers that are not probabilities: it serves another model"
    return ""
