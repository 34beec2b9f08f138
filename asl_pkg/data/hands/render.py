"""Rendering of a hand: what each pixel sees, the light there, and the colour of the skin."""

import zlib
from collections.abc import Callable
from pathlib import Path

import numba
import numpy as np

from asl_pkg.data.hands.light import interpolate, reaching
from asl_pkg.data.hands.sdf import jit
from asl_pkg.data.hands.skin import step, surface
from asl_pkg.data.hands.trace import CAPSULE, COVER, DEPTH, EYE, NORMAL, ray, trace

# Rows of a light, float64 [LIGHT_ROWS, 3]
# The unit vector to the lamp, in the viewer's axes; linear RGB of the lamp and of the ambient light
TO_LIGHT, KEY_LIGHT, SKY, GROUND = range(4)
LIGHT_ROWS = 4

# Light scatters under the skin, red the farthest: it softens and warms the edge of a shadow.
WRAP = (0.35, 0.18, 0.14)  # how far beyond the edge light creeps, by colour
BLEED = (0.12, 0.04, 0.03)  # share of the lamp in a cast shadow


@jit
def lit(
    dx: float,
    dy: float,
    dz: float,
    eye: float,
    pixel: np.ndarray,
    lamp: float,
    room: float,
    capsules: np.ndarray,
    turn: np.ndarray,
    light: np.ndarray,
    look: np.ndarray,
) -> tuple[float, float, float]:
    """Linear RGB of the surface that a ray meets, given the shares of the lamp and of the room's light there."""
    nx, ny, nz = pixel[NORMAL], pixel[NORMAL + 1], pixel[NORMAL + 2]
    lx, ly, lz = light[TO_LIGHT, 0], light[TO_LIGHT, 1], light[TO_LIGHT, 2]
    t = pixel[DEPTH]
    red, green, blue, gloss = surface(
        t * dx, t * dy, eye + t * dz, nx, ny, nz, capsules[int(pixel[CAPSULE])], turn, look
    )
    facing = nx * lx + ny * ly + nz * lz
    hx, hy, hz = lx - dx, ly - dy, lz - dz
    half = max((nx * hx + ny * hy + nz * hz) / np.sqrt(hx * hx + hy * hy + hz * hz), 0.0)
    rim = (1.0 + min(nx * dx + ny * dy + nz * dz, 0.0)) ** 4
    shine = gloss * (0.05 * half**18 * lamp + 0.05 * rim * room) * step(-0.1, 0.2, facing)
    return (
        red * received(0, facing, ny, lamp, room**0.7, light) + shine * light[KEY_LIGHT, 0],
        green * received(1, facing, ny, lamp, room, light) + shine * light[KEY_LIGHT, 1],
        blue * received(2, facing, ny, lamp, room, light) + shine * light[KEY_LIGHT, 2],
    )


@jit
def received(colour: int, facing: float, up: float, lamp: float, room: float, light: np.ndarray) -> float:
    """Light of one colour that a point receives."""
    wrapped = max((facing + WRAP[colour]) / (1.0 + WRAP[colour]), 0.0)
    ambient = light[GROUND, colour] + (light[SKY, colour] - light[GROUND, colour]) * (0.5 + 0.5 * up)
    return light[KEY_LIGHT, colour] * wrapped * (BLEED[colour] + (1.0 - BLEED[colour]) * lamp) + room * ambient


def _fingerprint() -> int:
    """A number that changes with any file of this folder."""
    return zlib.crc32(b"".join(path.read_bytes() for path in sorted(Path(__file__).parent.glob("*.py"))))


def _compiled(fingerprint: int) -> Callable[..., np.ndarray]:
    """The renderer, compiled on its first call, or taken from Numba's cache on disk.

    The cache notices changes only of this file, though it contains code of other files. The function refers to the
    fingerprint, which so becomes part of the key and makes it notice those too.
    """

    def image_of(
        capsules: np.ndarray, turn: np.ndarray, camera: np.ndarray, light: np.ndarray, look: np.ndarray, size: int
    ) -> np.ndarray:
        _ = fingerprint
        image = np.zeros((size, size, 4), np.float32)
        geometry = trace(capsules, camera, size)
        shares = reaching(geometry, capsules, camera, light[TO_LIGHT])
        for row in range(size):
            for column in range(size):
                pixel = geometry[row, column]
                if pixel[COVER] > 0.0:
                    dx, dy, dz = ray(column + 0.5, row + 0.5, camera)
                    lamp, room = interpolate(row, column, shares, geometry)
                    colour = lit(dx, dy, dz, camera[EYE], pixel, lamp, room, capsules, turn, light, look)
                    image[row, column, 0] = colour[0]
                    image[row, column, 1] = colour[1]
                    image[row, column, 2] = colour[2]
                    image[row, column, 3] = pixel[COVER]
        return image

    try:
        return numba.njit(cache=True, nogil=True, fastmath=True)(image_of)
    except RuntimeError:  # no folder is writable: a container with a read-only file system
        return jit(image_of)


_render = _compiled(_fingerprint())


def render_hand(
    capsules: np.ndarray, turn: np.ndarray, camera: np.ndarray, light: np.ndarray, look: np.ndarray, size: int
) -> np.ndarray:
    """Render a hand without a background.

    Args:
        capsules: float64 [n, COLUMNS], see flesh.py.
        turn: float64 [3, 3], from the hand's axes to the viewer's.
        camera: float64 [4], see trace.py.
        light: float64 [LIGHT_ROWS, 3].
        look: float64 [LOOK_ROWS, 3], see skin.py.
        size: Side of the image in pixels.

    Returns:
        float32 [size, size, 4]: linear RGB and coverage.
    """
    return _render(capsules, turn, camera, light, look, size)
