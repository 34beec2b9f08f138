"""Light that reaches a point of the hand: the lamp's, shaded by other fingers, and the room's."""

import numpy as np

from asl_pkg.data.hands.sdf import distance, jit
from asl_pkg.data.hands.trace import COVER, DEPTH, EYE, NORMAL, ray

GRID = 3  # pixels: shadows are soft, so one in nine pixels is enough; the others take their neighbours'


@jit
def reaching(geometry: np.ndarray, capsules: np.ndarray, camera: np.ndarray, lamp: np.ndarray) -> np.ndarray:
    """Shares of the lamp's and the room's light at each point of a coarse grid of pixels.

    Args:
        geometry: float64 [n, n, GEOMETRY], see trace.py.
        capsules: float64 [m, COLUMNS], see flesh.py.
        camera: float64 [4], see trace.py.
        lamp: float64 [3], unit vector to it.

    Returns:
        float64 [n / GRID, n / GRID, 2], rounded up.
    """
    side = -(-geometry.shape[0] // GRID)
    shares = np.zeros((side, side, 2))
    everything = np.arange(capsules.shape[0])
    for row in range(side):
        for column in range(side):
            pixel = geometry[row * GRID, column * GRID]
            if pixel[COVER] > 0.0:
                dx, dy, dz = ray(column * GRID + 0.5, row * GRID + 0.5, camera)
                t = pixel[DEPTH]
                x, y, z = t * dx, t * dy, camera[EYE] + t * dz
                shares[row, column, 0] = lamp_share(x, y, z, pixel, lamp, capsules, everything)
                shares[row, column, 1] = room_share(x, y, z, pixel, capsules, everything)
    return shares


@jit
def room_share(x: float, y: float, z: float, pixel: np.ndarray, capsules: np.ndarray, chosen: np.ndarray) -> float:
    """Share of ambient light: how far the surface stays away along the normal."""
    blocked = 0.0
    for reach, weight in ((0.02, 0.45), (0.06, 0.35), (0.14, 0.3)):
        d = distance(
            x + reach * pixel[NORMAL],
            y + reach * pixel[NORMAL + 1],
            z + reach * pixel[NORMAL + 2],
            capsules,
            chosen,
        )
        blocked += weight * max(1.0 - d / reach, 0.0)
    return max(1.0 - blocked, 0.1)


@jit
def lamp_share(
    x: float, y: float, z: float, pixel: np.ndarray, lamp: np.ndarray, capsules: np.ndarray, chosen: np.ndarray
) -> float:
    """Share of the lamp, with a soft edge: how near the hand comes to the way there."""
    x, y, z = x + 0.008 * pixel[NORMAL], y + 0.008 * pixel[NORMAL + 1], z + 0.008 * pixel[NORMAL + 2]
    if pixel[NORMAL] * lamp[0] + pixel[NORMAL + 1] * lamp[1] + pixel[NORMAL + 2] * lamp[2] < -0.3:
        return 0.0
    share, t = 1.0, 0.015
    for _ in range(7):
        d = distance(x + t * lamp[0], y + t * lamp[1], z + t * lamp[2], capsules, chosen)
        share = min(share, 0.5 + 0.5 * d / (0.12 * t + 0.004))
        if share <= 0.0:
            return 0.0
        t += max(d, 0.04)
        if t > 0.7:
            break
    return share * share * (3 - 2 * share)


@jit
def interpolate(row: int, column: int, shares: np.ndarray, geometry: np.ndarray) -> tuple[float, float]:
    """Shares at a pixel from the grid points around it; points at another depth count little."""
    lamp, room, total = 0.0, 0.0, 1e-9
    depth = geometry[row, column, DEPTH]
    for i in range(row // GRID, min(row // GRID + 2, shares.shape[0])):
        for j in range(column // GRID, min(column // GRID + 2, shares.shape[1])):
            point = geometry[i * GRID, j * GRID]
            if point[COVER] > 0.0:
                aside = abs(i * GRID - row) + abs(j * GRID - column)
                apart = (point[DEPTH] - depth) / 0.02
                weight = (1.0 / (0.3 + aside)) * (1.0 / (0.001 + apart * apart))
                lamp += weight * shares[i, j, 0]
                room += weight * shares[i, j, 1]
                total += weight
    return (lamp / total, room / total) if total > 1e-6 else (0.6, 0.6)
