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
    INVERSE_SQUARE,
    MELT,
    PALM_MELT,
    PALM_PIECE,
    PALMAR,
    PIECE,
    RADIUS,
    ROOT,
    START,
    TAPER,
)

FAR = 1e9
jit = numba.njit(nogil=True, fastmath=True)  # not cached on disk: `render.render_hand` is, with all that it calls


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
        x: Coordinate of the point in the viewer's axes; likewise `y` and `z`.
        y: See x.
        z: See x.
        capsules: float64 [n, COLUMNS], see flesh.py.
        chosen: int64, rows of `capsules` in rising order.

    Returns:
        The distance in hand lengths, negative inside.
    """
    palm, best = FAR, FAR
    finger, group = FAR, float(PALM_PIECE)
    for i in chosen:
        c = capsules[i]
        d = capsule(x, y, z, c)
        if c[PIECE] == PALM_PIECE:
            palm = melt(palm, d, PALM_MELT)
            continue
        if c[PIECE] != group:
            best = min(best, finger)
            finger, group = FAR, c[PIECE]
        if c[ROOT] > 0.0:
            best = min(best, melt(palm, d, c[MELT]))
        finger = melt(finger, d, FINGER_MELT)
    return min(best, finger, palm)


@jit
def slope(x: float, y: float, z: float, c: np.ndarray) -> tuple[float, float, float, float]:
    """Distance from a point to one capsule, and how it grows along each axis."""
    x -= c[START]
    y -= c[START + 1]
    z -= c[START + 2]
    t = (x * c[ALONG] + y * c[ALONG + 1] + z * c[ALONG + 2]) * c[INVERSE_SQUARE]
    inside = 0.0 < t < 1.0
    t = min(max(t, 0.0), 1.0)
    x -= t * c[ALONG]
    y -= t * c[ALONG + 1]
    z -= t * c[ALONG + 2]
    squeeze = c[FLATTENED] - 1.0
    stretch = (x * c[PALMAR] + y * c[PALMAR + 1] + z * c[PALMAR + 2]) * squeeze
    x += stretch * c[PALMAR]
    y += stretch * c[PALMAR + 1]
    z += stretch * c[PALMAR + 2]
    length = np.sqrt(x * x + y * y + z * z) + 1e-12
    radius = c[RADIUS] + t * (c[TAPER] + c[BULGE] * (1.0 - t))
    x, y, z = x / length, y / length, z / length
    stretch = (x * c[PALMAR] + y * c[PALMAR + 1] + z * c[PALMAR + 2]) * squeeze
    x += stretch * c[PALMAR]
    y += stretch * c[PALMAR + 1]
    z += stretch * c[PALMAR + 2]
    drift = 0.0  # of the nearest point of the bone, as the point moves along it
    if inside:
        widening = c[TAPER] + c[BULGE] * (1.0 - 2.0 * t)
        drift = (x * c[ALONG] + y * c[ALONG + 1] + z * c[ALONG + 2] + widening) * c[INVERSE_SQUARE]
    return (
        (length - radius) / c[FLATTENED],
        (x - drift * c[ALONG]) / c[FLATTENED],
        (y - drift * c[ALONG + 1]) / c[FLATTENED],
        (z - drift * c[ALONG + 2]) / c[FLATTENED],
    )


@jit
def melt_slopes(
    a: tuple[float, float, float, float], b: tuple[float, float, float, float], reach: float
) -> tuple[float, float, float, float]:
    """`melt` for distances with their growth, which mixes as they do."""
    near, far = (a, b) if a[0] < b[0] else (b, a)
    overlap = max(reach - (far[0] - near[0]), 0.0)
    share = 0.5 * overlap / reach
    return (
        near[0] - 0.5 * overlap * share,
        near[1] + (far[1] - near[1]) * share,
        near[2] + (far[2] - near[2]) * share,
        near[3] + (far[3] - near[3]) * share,
    )


@jit
def touched(
    x: float, y: float, z: float, capsules: np.ndarray, chosen: np.ndarray
) -> tuple[float, float, float, float]:
    """Unit normal at a point of the surface, the gradient of `distance`, and the row of the nearest capsule."""
    palm = best = finger = (FAR, 0.0, 0.0, 0.0)
    group, least, which = float(PALM_PIECE), FAR, 0.0
    for i in chosen:
        c = capsules[i]
        own = slope(x, y, z, c)
        if own[0] < least:
            least, which = own[0], float(i)
        if c[PIECE] == PALM_PIECE:
            palm = melt_slopes(palm, own, PALM_MELT)
            continue
        if c[PIECE] != group:
            best = finger if finger[0] < best[0] else best
            finger, group = (FAR, 0.0, 0.0, 0.0), c[PIECE]
        if c[ROOT] > 0.0:
            joined = melt_slopes(palm, own, c[MELT])
            best = joined if joined[0] < best[0] else best
        finger = melt_slopes(finger, own, FINGER_MELT)
    best = finger if finger[0] < best[0] else best
    best = palm if palm[0] < best[0] else best
    length = np.sqrt(best[1] * best[1] + best[2] * best[2] + best[3] * best[3]) + 1e-12
    return best[1] / length, best[2] / length, best[3] / length, which
