"""How people differ from the table of hand shapes, and a hand from itself: a habit, a recording, a moment."""

import numpy as np

from asl_pkg.data.hands.hand_shapes import POSES
from asl_pkg.data.hands.signer import Signer
from asl_pkg.data.hands.skeleton import ANGLES, HAND, WRIST

# Standard deviations in degrees, as one finger's row, the thumb's, the hand's, the wrist's
HABIT = ((1.5, 4.0, 4.0, 3.0), (3.0, 3.0, 4.0, 4.0, 4.0), (5.0, 4.0, 4.0), (4.0, 3.0))
RECORDING = ((1.0, 2.5, 2.5, 2.0), (2.0, 2.0, 2.5, 2.5, 2.5), (5.0, 4.0, 4.0), (4.0, 3.0))
MOMENT = ((0.2, 0.7, 0.7, 0.5), (0.5, 0.5, 0.6, 0.6, 0.6), (0.9, 0.9, 0.9), (0.6, 0.6))
SWAY = (1.2, 1.2, 0.6, 0.6)  # pixels a frame
USUAL = 0.5  # share of the signers who make a letter in its first form
SHARED = 0.75  # share of a finger's deviation that all fingers have in common: they move together


def deviation(rng: np.random.Generator, spread: tuple[tuple[float, ...], ...]) -> np.ndarray:
    """Draw angles [26] to add to a pose; what all fingers share keeps neighbours side by side."""
    finger, thumb, hand, wrist = (np.array(part) for part in spread)
    common, own = rng.standard_normal(4), rng.standard_normal((4, 4))
    fingers = finger * (SHARED * common + (1.0 - SHARED) * own)
    rest = (rng.standard_normal(len(part)) * part for part in (thumb, hand, wrist))
    return np.concatenate([fingers.ravel(), *rest])


def recorded_pose(letter: str, signer: Signer, habit: np.random.Generator, rng: np.random.Generator) -> np.ndarray:
    """The pose [26], in degrees, that a recording of a letter starts from.

    Args:
        letter: One of `hand_shapes.POSES`.
        signer: The signer.
        habit: Random generator of this signer's way to make this letter.
        rng: Random generator of the recording.

    Returns:
        Joint angles in degrees.
    """
    pose = deviation(habit, HABIT) + deviation(rng, RECORDING) + _form(letter, habit)
    pose[HAND] += signer.turn
    pose[WRIST] += [0.0, signer.elbow]
    return pose


def _form(letter: str, habit: np.random.Generator) -> np.ndarray:
    """The form [26] of a letter that a signer is used to."""
    first, *others = POSES[letter]
    return first if habit.random() < USUAL or not others else others[habit.integers(len(others))]


def drift(rng: np.random.Generator, frames: int) -> tuple[np.ndarray, np.ndarray]:
    """Slow random walks from 0: joint angles [frames, 26] in degrees, and the camera's and the hand's sway [frames, 4].

    The sway is in pixels: x and y of the camera over the room, x and y of the hand in the image.
    """
    spread = np.concatenate([np.tile(MOMENT[0], 4), *MOMENT[1:], SWAY])
    steps = rng.standard_normal((frames, len(spread))) * spread
    steps[0] = 0.0
    ways = np.cumsum(steps, axis=0)
    return ways[:, :ANGLES], ways[:, ANGLES:]
