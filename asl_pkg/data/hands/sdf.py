"""The distance from a point to the hand's surface: tapered capsules, melted together where flesh is one piece.

A signed distance function after I. Quilez, https://iquilezles.org/articles/distfunctions/ and …/smin/. Different
fingers meet in a plain minimum, so that the groove between them stays sharp; a finger melts into the palm by its
first capsule alone, so that a folded finger lies on the palm instead of sinking into it.
"""

import numba
import numpy as np

from asl_pkg.data.hands.flesh import (
    ALONG,
    BULGE,
    FINGER_MELT,
    FLATTENED,
    GROUP,
    INVERSE_SQUARE,
    MELT,
    PALM_GROUP,
    PALM_MELT,
    PALMAR,
    RADIUS,
    ROOT,
    START,
    TAPER,
)

FAR = 1e9
jit = numba.njit(nogil=True, fastmath=True)  # not cached on disk: `render.render` is, with all that it calls


@jit
def melt(a: float, b: float, reach: float) -> float:
    """Smooth minimum of two distances: rounds the crease where they differ by less than `reach`."""
    overlap = max(reach - abs(a - b), 0.0)
    return min(a, b) - overlap * overlap * 0.25 / reach


@jit
def capsule(x: float, y: float, z: float, c: np.ndarray) -> float:
    """Distance from a point to one capsule, a row of `Flesh.capsules`."""
    x -= c[START]
    y -= c[START + 1]
    z -= c[START + 2]
    t = (x * c[ALONG] + y * c[ALONG + 1] + z * c[ALONG + 2]) * c[INVERSE_SQUARE]
    t = min(max(t, 0.0), 1.0)
    x -= t * c[ALONG]
    y -= t * c[ALONG + 1]
    z -= t * c[ALONG + 2]
    radius = c[RADIUS] + t * (c[TAPER] + c[BULGE] * (1.0 - t))
    if c[FLATTENED] == 1.0:
        return np.sqrt(x * x + y * y + z * z) - radius
    stretch = (x * c[PALMAR] + y * c[PALMAR + 1] + z * c[PALMAR + 2]) * (c[FLATTENED] - 1.0)
    x += stretch * c[PALMAR]
    y += stretch * c[PALMAR + 1]
    z += stretch * c[PALMAR + 2]
    return (np.sqrt(x * x + y * y + z * z) - radius) / c[FLATTENED]


@jit
def distance(x: float, y: float, z: float, capsules: np.ndarray, chosen: np.ndarray) -> float:
    """Distance from a point to the hand, or to some of its capsules.

    Args:
        x: of the point in the viewer's axes; `y` and `z` alike.
        y: see x.
        z: see x.
        capsules: float64 [n, COLUMNS], see flesh.py.
        chosen: int64, rows of `capsules` in rising order.

    Returns:
        The distance in hand lengths, negative inside.
    """
    palm, best = FAR, FAR
    finger, group = FAR, float(PALM_GROUP)
    for i in chosen:
        c = capsules[i]
        d = capsule(x, y, z, c)
        if c[GROUP] == PALM_GROUP:
            palm = melt(palm, d, PALM_MELT)
            continue
        if c[GROUP] != group:
            best = min(best, finger)
            finger, group = FAR, c[GROUP]
        if c[ROOT] > 0.0:
            best = min(best, melt(palm, d, c[MELT]))
        finger = melt(finger, d, FINGER_MELT)
    return min(best, finger, palm)


@jit
def nearest(x: float, y: float, z: float, capsules: np.ndarray, chosen: np.ndarray) -> int:
    """Which of the chosen capsules is nearest to a point."""
    best, which = FAR, 0
    for i in chosen:
        d = capsule(x, y, z, capsules[i])
        if d < best:
            best, which = d, i
    return which
