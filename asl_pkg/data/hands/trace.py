"""What each pixel sees: one ray per pixel, walked along the distance function to the surface."""

import numpy as np

from asl_pkg.data.hands.flesh import (
    ALONG,
    FINGER_MELT,
    MELT,
    PALM_MELT,
    PALM_PIECE,
    PIECE,
    RADIUS,
    START,
    TAPER,
)
from asl_pkg.data.hands.sdf import distance, jit, touched

# A camera, float64 [4]: distance from the wrist in hand lengths, focal length, and the wrist's pixel
EYE, FOCAL, CENTRE_X, CENTRE_Y = range(4)

# What is known of a pixel, float64 [n, n, GEOMETRY]: covered share, place along the ray, unit normal, nearest capsule
COVER, DEPTH, NORMAL, CAPSULE, GEOMETRY = 0, 1, 2, 5, 6

TILE = 4  # pixels: rays of a tile look at the few capsules near it, and start where the first of them may hit
NEAR_ENOUGH = 0.003  # hand lengths, two fifths of a pixel
MAX_STEPS = 40
BEYOND = 1.3  # hand lengths behind the wrist where a ray gives up


@jit
def trace(capsules: np.ndarray, camera: np.ndarray, size: int) -> np.ndarray:
    """Find the surface behind every pixel.

    Args:
        capsules: float64 [n, COLUMNS], see flesh.py.
        camera: float64 [4].
        size: Side of the image in pixels.

    Returns:
        float64 [size, size, GEOMETRY].
    """
    geometry = np.zeros((size, size, GEOMETRY))
    for top in range(0, size, TILE):
        for left in range(0, size, TILE):
            chosen = near_tile(left, top, capsules, camera)
            if len(chosen) == 0:
                continue
            begin = approach(left, top, capsules, chosen, camera)
            if begin < 0.0:
                continue
            for row in range(top, min(top + TILE, size)):
                for column in range(left, min(left + TILE, size)):
                    see(column, row, begin, capsules, chosen, camera, geometry[row, column])
    return geometry


@jit
def ray(column: float, row: float, camera: np.ndarray) -> tuple[float, float, float]:
    """Unit direction from the camera through a place in the image."""
    dx = (column - camera[CENTRE_X]) / camera[FOCAL]
    dy = (camera[CENTRE_Y] - row) / camera[FOCAL]
    scale = 1.0 / np.sqrt(dx * dx + dy * dy + 1.0)
    return dx * scale, dy * scale, -scale


@jit
def near_tile(left: int, top: int, capsules: np.ndarray, camera: np.ndarray) -> np.ndarray:
    """Rows of the capsules that a tile's rays may meet or feel by melting."""
    rows = np.empty(capsules.shape[0], np.int64)
    count = 0
    u, v = left + TILE / 2 - camera[CENTRE_X], top + TILE / 2 - camera[CENTRE_Y]
    for i in range(capsules.shape[0]):
        c = capsules[i]
        first = camera[FOCAL] / max(camera[EYE] - c[START + 2], 0.3)
        last = camera[FOCAL] / max(camera[EYE] - c[START + 2] - c[ALONG + 2], 0.3)
        x, y = c[START] * first, -c[START + 1] * first
        along_x, along_y = (c[START] + c[ALONG]) * last - x, -(c[START + 1] + c[ALONG + 1]) * last - y
        t = ((u - x) * along_x + (v - y) * along_y) / (along_x * along_x + along_y * along_y + 1e-9)
        t = min(max(t, 0.0), 1.0)
        gap = np.sqrt((u - x - t * along_x) ** 2 + (v - y - t * along_y) ** 2)
        reach = c[RADIUS] + max(c[TAPER], 0.0) + max(c[MELT], PALM_MELT if c[PIECE] == PALM_PIECE else FINGER_MELT)
        if gap < TILE + 1.15 * reach * max(first, last):
            rows[count] = i
            count += 1
    return rows[:count]


@jit
def approach(left: int, top: int, capsules: np.ndarray, chosen: np.ndarray, camera: np.ndarray) -> float:
    """How far all of a tile's rays may go at once before one may hit; -1 where none will."""
    dx, dy, dz = ray(left + TILE / 2, top + TILE / 2, camera)
    spread = 0.75 * TILE / camera[FOCAL]
    t = 0.3
    for _ in range(MAX_STEPS):
        room = distance(t * dx, t * dy, camera[EYE] + t * dz, capsules, chosen) - t * spread
        if room < 0.01:
            return t
        t += room
        if t > camera[EYE] + BEYOND:
            return -1.0
    return t


@jit
def see(
    column: int,
    row: int,
    begin: float,
    capsules: np.ndarray,
    chosen: np.ndarray,
    camera: np.ndarray,
    pixel: np.ndarray,
) -> None:
    """Walk a pixel's ray to the surface and note what it meets.

    A ray that passes within a pixel's width is a partly covered pixel at the outline.
    """
    dx, dy, dz = ray(column + 0.5, row + 0.5, camera)
    t, least, where, gone = begin, 1.0, -1.0, False
    for _ in range(MAX_STEPS):
        d = distance(t * dx, t * dy, camera[EYE] + t * dz, capsules, chosen)
        if d < NEAR_ENOUGH:
            where, least, gone = t + d, 0.0, True
            break
        if d * camera[FOCAL] < least * t:
            where, least = t, d * camera[FOCAL] / t
        t += d
        if t > camera[EYE] + BEYOND:
            break
    if where < 0.0:
        return
    x, y, z = where * dx, where * dy, camera[EYE] + where * dz
    pixel[COVER] = 1.0 if gone else 1.0 - least
    pixel[DEPTH] = where
    pixel[NORMAL], pixel[NORMAL + 1], pixel[NORMAL + 2], pixel[CAPSULE] = touched(x, y, z, capsules, chosen)
