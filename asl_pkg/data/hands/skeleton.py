"""The hand's joints in space from bone lengths and joint angles.

Axes of the hand, a right one held up with the palm toward the viewer: x to the thumb's side, y along the fingers,
z out of the palm, toward the viewer. The wrist is the origin; the unit is one hand length.
"""

from dataclasses import dataclass

import numpy as np

JOINTS = 21  # MediaPipe's order: wrist, then thumb, index, middle, ring, little from base to tip

# A pose is 26 angles in degrees, float64 [26]:
# 4 a finger, index to little: lean to the thumb's side, flexion of knuckle, middle and end joint;
# 5 of the thumb: its metacarpal swings out by `spread` in the plane of the palm and rises by `lift` out of it, `roll`
# turns its pad from facing the index finger (0) to facing the palm (90), two joints bend toward the pad;
# 3 of the hand, which turns by `yaw` (thumb's side to the viewer), then `pitch` (fingertips to the viewer), then
# `roll` (counter-clockwise in the image); 2 of the wrist: flexion, and deviation to the thumb's side.
FINGERS, THUMB, HAND, WRIST = slice(0, 16), slice(16, 21), slice(21, 24), slice(24, 26)
ANGLES = 26


@dataclass(frozen=True)
class Bones:
    """Where a hand's joints sit and how long its bones are, in hand lengths."""

    knuckles: np.ndarray  # float64 [4, 3], index to little
    phalanges: np.ndarray  # float64 [4, 3], proximal to distal
    thumb_base: np.ndarray  # float64 [3]
    thumb: np.ndarray  # float64 [3], metacarpal, proximal, distal


@dataclass(frozen=True)
class Skeleton:
    """A posed hand, in the viewer's axes: x right, y up, z toward the viewer."""

    joints: np.ndarray  # float64 [21, 3]
    palmar: np.ndarray  # float64 [21, 3], unit vectors out of the palm's side of the bone that ends at each joint
    elbow: np.ndarray  # float64 [3], unit vector from the wrist along the forearm
    rotation: np.ndarray  # float64 [3, 3], from the hand's axes to the viewer's


def pose_hand(bones: Bones, pose: np.ndarray) -> Skeleton:
    """Place every joint of a right hand.

    Args:
        bones: Lengths and places in hand lengths.
        pose: float64 [26], joint angles in degrees.

    Returns:
        The skeleton around the wrist in the viewer's axes.
    """
    joints, palmar = np.zeros((JOINTS, 3)), np.zeros((JOINTS, 3))
    palmar[0] = 0.0, 0.0, 1.0
    joints[1:5], palmar[1:5] = _thumb(bones, *pose[THUMB])
    for number, angles in enumerate(pose[FINGERS].reshape(4, 4)):
        chain = slice(5 + 4 * number, 9 + 4 * number)
        joints[chain], palmar[chain] = _finger(bones.knuckles[number], bones.phalanges[number], angles)
    flexion, deviation = np.radians(pose[WRIST])
    elbow = np.array([np.sin(deviation), -np.cos(deviation) * np.cos(flexion), np.cos(deviation) * np.sin(flexion)])
    turn = rotation(*pose[HAND])
    return Skeleton(joints @ turn.T, palmar @ turn.T, turn @ elbow, turn)


def rotation(yaw: float, pitch: float, roll: float) -> np.ndarray:
    """Rotation matrix [3, 3] of a hand that is turned by `yaw`, `pitch`, then `roll`, in degrees (see HAND)."""
    (cy, cp, cr), (sy, sp, sr) = (f(np.radians([yaw, pitch, roll])) for f in (np.cos, np.sin))
    about_y = np.array([[cy, 0, -sy], [0, 1, 0], [sy, 0, cy]])
    about_x = np.array([[1, 0, 0], [0, cp, -sp], [0, sp, cp]])
    about_z = np.array([[cr, -sr, 0], [sr, cr, 0], [0, 0, 1]])
    return np.asarray(about_z @ about_x @ about_y)


def _finger(knuckle: np.ndarray, lengths: np.ndarray, angles: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Joints [4, 3] of a finger, knuckle to tip, and the palm's side [4, 3] of the bones that end there."""
    lean = np.radians(angles[0])
    forward, out = np.array([np.sin(lean), np.cos(lean), 0.0]), np.array([0.0, 0.0, 1.0])
    bend = np.radians(np.cumsum(angles[1:]))[:, None]
    directions = np.cos(bend) * forward + np.sin(bend) * out
    palmar = np.cos(bend) * out - np.sin(bend) * forward
    ends = knuckle + np.cumsum(lengths[:, None] * directions, axis=0)
    return np.vstack([knuckle, ends]), np.vstack([out, palmar])


def _thumb(
    bones: Bones, spread: float, lift: float, roll: float, mcp: float, ip: float
) -> tuple[np.ndarray, np.ndarray]:
    """Joints [4, 3] of the thumb, base to tip, and the pad's side [4, 3] of the bones that end there."""
    (ss, sl, sr), (cs, cl, cr) = (f(np.radians([spread, lift, roll])) for f in (np.sin, np.cos))
    forward = np.array([ss * cl, cs * cl, sl])
    to_index, to_palm = np.array([-cs, ss, 0.0]), np.array([ss * sl, cs * sl, -cl])
    pad = cr * to_index + sr * to_palm
    bend = np.radians(np.cumsum([0.0, mcp, ip]))[:, None]
    directions = np.cos(bend) * forward + np.sin(bend) * pad
    palmar = np.cos(bend) * pad - np.sin(bend) * forward
    ends = bones.thumb_base + np.cumsum(bones.thumb[:, None] * directions, axis=0)
    return np.vstack([bones.thumb_base, ends]), np.vstack([palmar[:1], palmar])
