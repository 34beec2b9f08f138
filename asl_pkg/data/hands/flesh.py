"""Flesh around the bones: which tapered capsules make a hand, a forearm and a sleeve.

This module holds the layout that the renderer's compiled functions share; it imports no compiler.
"""

from dataclasses import dataclass

import numpy as np

from asl_pkg.data.hands.skeleton import Skeleton

# Columns of a capsule
START = 0  # 3: its first end
ALONG = 3  # 3: from the first end to the other
INVERSE_SQUARE = 6  # 1 / length²
RADIUS = 7  # at the first end
TAPER = 8  # added to the radius at the other end
BULGE = 9  # four times what is added to the radius midway
FLATTENED = 10  # how many times thinner toward the palm than sideways
PALMAR = 11  # 3: unit vector out of the palm's side
MELT = 14  # how far a finger's first capsule melts into the palm
HAND_PART = 15  # which part of the hand it is
PIECE = 16  # which piece of flesh it belongs to
ROOT = 17  # 1 for the first capsule of a finger
COLUMNS = 18

# Parts, for colour: creases, nails and cloth
PALM, FOREARM, PROXIMAL, MIDDLE, DISTAL, SLEEVE, METACARPAL = range(7)

# Groups, for distance: palm and forearm, then one a finger from the thumb on, the sleeve last
PALM_PIECE = 0

FINGER_MELT = 0.02  # how far capsules of one finger melt, hand lengths
PALM_MELT = 0.07  # and those of the palm

FINGER_RADII = np.array([  # at knuckle, middle joint, end joint, tip
    [0.060, 0.054, 0.048, 0.039],
    [0.061, 0.054, 0.048, 0.040],
    [0.057, 0.051, 0.045, 0.038],
    [0.050, 0.044, 0.039, 0.033],
])  # fmt: skip
THUMB_RADII = np.array([0.088, 0.066, 0.057, 0.044])


@dataclass(frozen=True)
class Build:
    """How a person's hand is fleshed: factors on the usual thickness, and the sleeve."""

    fingers: float
    palm: float
    forearm: float
    sleeve_start: float  # from the wrist toward the elbow, hand lengths
    sleeve_radius: float  # 0 for a bare arm


def flesh_out(skeleton: Skeleton, build: Build) -> np.ndarray:
    """Put flesh on a skeleton.

    Args:
        skeleton: The posed joints.
        build: How thick the person's hand is.

    Returns:
        float64 [n, COLUMNS], capsules in the viewer's axes, group by group.
    """
    groups = [_palm(skeleton, build), _thumb(skeleton, build)]
    groups += [_finger(skeleton, number, build.fingers) for number in range(4)]
    groups += [_sleeve(skeleton, build)]
    for number, group in enumerate(groups):
        for row in group:
            row[PIECE] = number
    return np.array([row for group in groups for row in group])


def stray_arm(angle: float, build: Build) -> np.ndarray:
    """An arm that crosses the image, its hand beyond the border, `angle` degrees from upright: [1, COLUMNS]."""
    along = np.array([np.sin(np.radians(angle)), np.cos(np.radians(angle)), 0.0])
    part = SLEEVE if build.sleeve_radius else FOREARM
    ends = (0.15 * build.forearm, 0.22 * build.forearm)
    return _capsule(-2.5 * along, 2.5 * along, ends, np.array([0.0, 0.0, 1.0]), part, flattened=1.2)[None]


def _capsule(
    start: np.ndarray,
    end: np.ndarray,
    radii: tuple[float, float],
    palmar: np.ndarray,
    part: int,
    bulge: float = 0.0,
    flattened: float = 1.0,
    melt: float = 0.0,
) -> np.ndarray:
    along = end - start
    tail = (
        1.0 / (along @ along),
        radii[0],
        radii[1] - radii[0],
        4.0 * bulge,
        flattened,
        *palmar,
        melt,
        part,
        PALM_PIECE,
        float(melt > 0.0),
    )
    return np.array([*start, *along, *tail])


def _palm(skeleton: Skeleton, build: Build) -> list[np.ndarray]:
    """Four metacarpals, the pads at the roots of thumb and little finger, and the forearm."""
    joints, palmar, turn = skeleton.joints, skeleton.palmar[0], skeleton.rotation.T
    wide = build.palm
    rows = []
    for number, across in enumerate((0.065, 0.022, -0.022, -0.065)):
        root = np.array([across * wide, 0.06, 0.0]) @ turn
        rows.append(_capsule(root, joints[5 + 4 * number], (0.08 * wide, 0.062 * wide), palmar, PALM))
    thenar = np.array([[0.065, 0.1, 0.045], [0.1, 0.26, 0.03]]) @ turn
    rows.append(_capsule(thenar[0], thenar[1], (0.08 * wide, 0.06 * wide), palmar, PALM))
    hypothenar = np.array([[-0.075, 0.08, 0.03], [-0.115, 0.3, 0.015]]) @ turn
    rows.append(_capsule(hypothenar[0], hypothenar[1], (0.075 * wide, 0.06 * wide), palmar, PALM))
    side = _perpendicular(palmar, skeleton.elbow)
    radii = (0.132 * build.forearm, 0.21 * build.forearm)
    start, end = -0.06 * skeleton.elbow, 1.8 * skeleton.elbow
    rows.append(_capsule(start, end, radii, side, FOREARM, 0.02, 1.35))
    return rows


def _perpendicular(vector: np.ndarray, axis: np.ndarray) -> np.ndarray:
    across = vector - (vector @ axis) * axis
    length = np.linalg.norm(across)
    return np.asarray(across / length)


def _thumb(skeleton: Skeleton, build: Build) -> list[np.ndarray]:
    rows = _chain(skeleton, 1, THUMB_RADII * build.fingers, (METACARPAL, PROXIMAL, DISTAL), melt=0.13)
    rows[0][PALMAR : PALMAR + 3] = skeleton.palmar[0]  # its ball is part of the palm and coloured like it
    return rows


def _finger(skeleton: Skeleton, number: int, thickness: float) -> list[np.ndarray]:
    return _chain(skeleton, 5 + 4 * number, FINGER_RADII[number] * thickness, (PROXIMAL, MIDDLE, DISTAL), melt=0.05)


def _chain(
    skeleton: Skeleton, first: int, radii: np.ndarray, parts: tuple[int, int, int], melt: float
) -> list[np.ndarray]:
    """The three capsules of a finger; the last stops short of the tip by most of its radius."""
    rows = []
    for bone, part in enumerate(parts):
        start, end = skeleton.joints[first + bone], skeleton.joints[first + bone + 1]
        if part == DISTAL:
            along = end - start
            end = end - along / np.linalg.norm(along) * radii[3] * 0.8
        waist = -0.002 if part != DISTAL else 0.002
        palmar = skeleton.palmar[first + bone + 1]
        ends = (radii[bone], radii[bone + 1])
        rows.append(_capsule(start, end, ends, palmar, part, waist, melt=melt if bone == 0 else 0.0))
    return rows


def _sleeve(skeleton: Skeleton, build: Build) -> list[np.ndarray]:
    if build.sleeve_radius == 0.0:
        return []
    side = _perpendicular(skeleton.palmar[0], skeleton.elbow)
    start, end = build.sleeve_start * skeleton.elbow, 1.9 * skeleton.elbow
    radii = (build.sleeve_radius, build.sleeve_radius + 0.12)
    return [_capsule(start, end, radii, side, SLEEVE, flattened=1.2)]
