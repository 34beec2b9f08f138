"""The setting of a recording: background, lamp, and where the hand is in the image."""

from dataclasses import dataclass

import numpy as np

from asl_pkg.contract import IMAGE_PX
from asl_pkg.data.hands.render import GROUND, KEY_LIGHT, LIGHT_ROWS, SKY, TO_LIGHT
from asl_pkg.data.hands.scene import make_background
from asl_pkg.data.hands.signer import Signer
from asl_pkg.data.hands.skeleton import Skeleton

SWAY_MARGIN_PX = 12  # how far the camera may sway during a recording
FULL_SHARE = 0.93  # the hand's joints fill at most this share of the image


@dataclass(frozen=True)
class RecordingStage:
    """What all frames of a recording share."""

    background: np.ndarray  # float32 [200 + 2 margins, same, 3], sRGB in 0..1
    light: np.ndarray  # float64 [4, 3], see render.py
    hand_share: float  # hand length as a share of the image's side
    place: np.ndarray  # float64 [2], -1..1: left to right, top to bottom of the space around the hand


def set_stage(rng: np.random.Generator, signer: Signer) -> RecordingStage:
    """Draw the setting of a recording.

    Args:
        rng: Random generator of the recording.
        signer: Signer whose habits it follows.

    Returns:
        The stage.
    """
    room = np.random.default_rng(signer.room)
    background = make_background(rng, room, IMAGE_PX + 2 * SWAY_MARGIN_PX)
    brightness = float(background.mean())
    light = _light(rng, signer, background.mean(axis=(0, 1)))
    exposure = rng.normal(1.0, 0.12) * (0.75 + 0.55 * brightness) * (1.0 - 0.8 * signer.backlit)
    light[KEY_LIGHT:] *= max(exposure, 0.12)
    share = signer.hand_share * rng.normal(1.0, 0.1)
    return RecordingStage(background, light, share, np.clip(rng.normal(0.0, 0.45, 2), -1.0, 1.0))


def _light(rng: np.random.Generator, signer: Signer, surroundings: np.ndarray) -> np.ndarray:
    """A lamp, and light from above and below that takes on the room's colour."""
    azimuth, height = np.radians(signer.lamp + rng.normal(0.0, (20.0, 10.0)))
    light = np.empty((LIGHT_ROWS, 3))
    light[TO_LIGHT] = np.sin(azimuth) * np.cos(height), np.sin(height), np.cos(azimuth) * np.cos(height)
    warmth = rng.normal(0.0, 0.05)
    lamp, tint = np.array([1.0 + warmth, 1.0, 1.0 - warmth]), 0.75 + 0.25 * surroundings / surroundings.mean()
    light[KEY_LIGHT] = lamp * (0.45 + 0.95 * signer.contrast)
    light[SKY] = tint * (0.75 - 0.45 * signer.contrast)
    light[GROUND] = tint * (0.55 - 0.4 * signer.contrast) * [1.05, 1.0, 0.95]
    return light


def aim(skeleton: Skeleton, stage: RecordingStage, distance: float) -> np.ndarray:
    """Point the camera so that the hand's joints are in the image.

    Args:
        skeleton: The posed hand.
        stage: Size and position of the hand.
        distance: Distance from the camera to the wrist, in hand lengths.

    Returns:
        float64 [4], the camera as render.py takes it: distance, focal length, and the wrist's pixel x and y.
    """
    flat = project(skeleton.joints, np.array([distance, distance, 0.0, 0.0]))
    low, high = flat.min(axis=0), flat.max(axis=0)
    scale = min(stage.hand_share, FULL_SHARE / (high - low).max()) * IMAGE_PX
    room = (IMAGE_PX - scale * (high - low)) / 2
    centre = IMAGE_PX / 2 + stage.place * room * 0.75 - scale * (low + high) / 2
    return np.array([distance, distance * scale, *centre])


def project(points: np.ndarray, camera: np.ndarray) -> np.ndarray:
    """Pixels [n, 2] of points [n, 3] in the viewer's axes, seen by a camera [4] (see render.py)."""
    distance, focal, x, y = camera
    depth = distance - points[:, 2]
    return np.stack([x + focal * points[:, 0] / depth, y - focal * points[:, 1] / depth], axis=1)
