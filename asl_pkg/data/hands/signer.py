"""What stays the same for one signer: bones, build, skin, sleeve, camera, lighting habit and personal style."""

from dataclasses import dataclass

import numpy as np

from asl_pkg.data.hands.flesh import Build
from asl_pkg.data.hands.skeleton import Bones

# An adult's hand in hand lengths (wrist to middle fingertip along the bones)
KNUCKLES = np.array([[0.152, 0.5, 0.0], [0.049, 0.51, -0.014], [-0.055, 0.479, -0.014], [-0.149, 0.423, 0.0]])
PHALANGES = np.array([[0.2, 0.119, 0.119], [0.219, 0.139, 0.129], [0.2, 0.134, 0.124], [0.155, 0.098, 0.108]])
THUMB_BASE = np.array([0.113, 0.124, 0.041])
THUMB = np.array([0.211, 0.175, 0.144])

# Skin from the lightest to the darkest, sRGB in 0..1
SKIN = np.array([
    [0.93, 0.79, 0.73],
    [0.87, 0.70, 0.61],
    [0.77, 0.60, 0.50],
    [0.63, 0.47, 0.38],
    [0.49, 0.35, 0.28],
    [0.37, 0.27, 0.22],
    [0.27, 0.20, 0.17],
])  # fmt: skip
PALM_PINK = np.array([0.86, 0.66, 0.60])  # every palm tends to it, dark hands' the more
LEFT_HANDED_SHARE = 0.1


@dataclass(frozen=True)
class Camera:
    """A signer's camera, without its position."""

    distance: float  # from the hand, hand lengths: near ones exaggerate perspective
    white_balance: np.ndarray  # float32 [3], gains of red, green, blue
    contrast: float  # exponent around mid-grey
    noise: float  # standard deviation, share of full scale
    resolution_px: int  # side of the sensor's image before it became 200 px


@dataclass(frozen=True)
class Signer:
    """One person in one place with one camera."""

    bones: Bones
    build: Build
    look: np.ndarray  # float64 [5, 3], see skin.py
    camera: Camera
    left_handed: bool
    hand_share: float  # hand length as a share of the image's side
    turn: np.ndarray  # float64 [3], usual yaw, pitch, roll in degrees beyond the hand shape's own
    elbow: float  # degrees that the forearm swings outward beyond the hand shape's own
    lamp: np.ndarray  # float64 [2], usual azimuth and height of the lamp in degrees
    contrast: float  # of the lamp to the ambient light, 0 flat to 1 hard
    backlit: float  # how much brighter the room is than the hand, 0 to 1
    room: int  # which kinds of background: a seed


def make_signer(seed: np.random.SeedSequence) -> Signer:
    """Draw a person.

    Args:
        seed: Seed of all that is random about the person.

    Returns:
        The signer.
    """
    rng = np.random.default_rng(seed)
    return Signer(
        bones=_bones(rng),
        build=_build(rng),
        look=_look(rng),
        camera=_camera(rng),
        left_handed=bool(rng.random() < LEFT_HANDED_SHARE),
        hand_share=rng.uniform(0.65, 0.95),
        turn=rng.normal(0.0, (7.0, 6.0, 5.0)),
        elbow=rng.normal(4.0, 9.0),
        lamp=np.array([rng.uniform(-100.0, 100.0), rng.uniform(5.0, 75.0)]),
        contrast=rng.beta(2.0, 2.0),
        backlit=max(rng.uniform(-0.9, 0.75), 0.0),
        room=int(rng.integers(2**31)),
    )


def _bones(rng: np.random.Generator) -> Bones:
    """Proportions: long or short fingers, a wide or narrow palm; scaled so that the hand's length is 1."""
    fingers, width = rng.normal(1.0, 0.05), rng.normal(1.0, 0.06)
    knuckles = KNUCKLES * [width, 1.0, 1.0] * rng.normal(1.0, 0.012, (4, 1))
    phalanges = PHALANGES * fingers * rng.normal(1.0, 0.025, (4, 1)) * rng.normal(1.0, 0.03, (4, 3))
    length = np.linalg.norm(knuckles[1]) + phalanges[1].sum()
    thumb = THUMB * rng.normal(1.0, 0.05) * rng.normal(1.0, 0.03, 3)
    return Bones(knuckles / length, phalanges / length, THUMB_BASE * [width, 1.0, 1.0] / length, thumb / length)


def _build(rng: np.random.Generator) -> Build:
    thickness = rng.normal(1.0, 0.08)
    sleeved = rng.random() < 0.5
    return Build(
        fingers=float(np.clip(thickness, 0.8, 1.2)),
        palm=float(np.clip(0.5 + 0.5 * thickness + rng.normal(0.0, 0.03), 0.85, 1.15)),
        forearm=float(np.clip(0.3 + 0.7 * thickness + rng.normal(0.0, 0.06), 0.8, 1.25)),
        sleeve_start=rng.uniform(0.12, 0.7),
        sleeve_radius=rng.uniform(0.17, 0.23) if sleeved else 0.0,
    )


def _look(rng: np.random.Generator) -> np.ndarray:
    """Colours of skin, nails and cloth, and how deep creases, blotches and the cloth's weave are."""
    darkness = rng.uniform(0.0, 1.0)
    place = darkness * (len(SKIN) - 1)
    back = np.array([np.interp(place, np.arange(len(SKIN)), SKIN[:, channel]) for channel in range(3)])
    undertone, redness = rng.normal(0.0, 0.015, 2)
    back = np.clip(back + [0.5 * redness, -0.5 * redness + 0.2 * undertone, -0.5 * redness - undertone], 0.05, 0.95)
    palm = back + (PALM_PINK - back) * rng.uniform(0.2, 0.4) * (0.5 + 0.6 * darkness)
    palm = np.clip(palm + [0.02, -0.02, -0.02] * rng.uniform(0.0, 1.5, 3), 0.05, 0.95)
    nail = np.clip(palm * 0.75 + np.array([0.9, 0.72, 0.68]) * 0.25, 0.05, 0.95)
    if rng.random() < 0.12:
        nail = rng.uniform(0.1, 0.9, 3)  # varnished
    cloth = np.clip(rng.uniform(0.05, 0.9) + rng.normal(0.0, 0.15, 3), 0.03, 0.95)
    texture = np.array([rng.uniform(0.25, 0.6), rng.uniform(0.04, 0.14), rng.uniform(0.1, 0.3)])
    return np.vstack([np.array([palm, back, nail, cloth]) ** 2.2, texture])


def _camera(rng: np.random.Generator) -> Camera:
    warmth = rng.normal(0.0, 0.05)
    tint = rng.normal(0.0, 0.025)
    return Camera(
        distance=rng.uniform(2.6, 6.0),
        white_balance=np.array([1.0 + warmth, 1.0 + tint, 1.0 - warmth], np.float32),
        contrast=float(rng.normal(1.0, 0.1)),
        noise=rng.uniform(0.002, 0.02),
        resolution_px=int(rng.integers(72, 180)),
    )
