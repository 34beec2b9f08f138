"""The colour of a point on the hand: palm and back, creases, nails, blotches, cloth."""

import numpy as np

from asl_pkg.data.hands.flesh import (
    ALONG,
    DISTAL,
    FOREARM,
    HAND_PART,
    INVERSE_SQUARE,
    METACARPAL,
    PALM,
    PALMAR,
    PROXIMAL,
    RADIUS,
    SLEEVE,
    START,
)
from asl_pkg.data.hands.sdf import jit

# Rows of a look, float64 [LOOK_ROWS, 3], linear RGB
PALM_SKIN, BACK_SKIN, NAIL, CLOTH, TEXTURE = range(5)  # the last: depth of creases, of blotches, of cloth's weave
LOOK_ROWS = 5


@jit
def value_noise(x: float, y: float, z: float) -> float:
    """Value noise in -1..1: random numbers at the whole points of a grid, smoothly interpolated."""
    fx, fy, fz = np.floor(x), np.floor(y), np.floor(z)
    ix, iy, iz = int(fx), int(fy), int(fz)
    ux, uy, uz = x - fx, y - fy, z - fz
    ux, uy, uz = ux * ux * (3 - 2 * ux), uy * uy * (3 - 2 * uy), uz * uz * (3 - 2 * uz)
    total = 0.0
    for corner in range(8):
        dx, dy, dz = corner & 1, (corner >> 1) & 1, corner >> 2
        mixed = ((ix + dx) * 374761393 + (iy + dy) * 668265263 + (iz + dz) * 2147483647) & 0xFFFFFFFF
        mixed = ((mixed ^ (mixed >> 13)) * 1274126177) & 0xFFFFFFFF
        value = ((mixed ^ (mixed >> 16)) & 0xFFFF) / 32767.5 - 1.0
        weight = (ux if dx else 1 - ux) * (uy if dy else 1 - uy) * (uz if dz else 1 - uz)
        total += weight * value
    return total


@jit
def bell(offset: float, width: float) -> float:
    """A bump of height 1 around 0."""
    return np.exp(-(offset * offset) / (width * width))


@jit
def step(low: float, high: float, value: float) -> float:
    """Smooth step from 0 at `low` to 1 at `high`."""
    t = min(max((value - low) / (high - low), 0.0), 1.0)
    return t * t * (3 - 2 * t)


@jit
def palm_lines(x: float, y: float) -> float:
    """Darkness of the palm's three great creases at a place in the hand's axes."""
    life = bell(np.sqrt((x - 0.15) ** 2 + (y - 0.2) ** 2) - 0.16, 0.009) * step(0.13, 0.08, x)
    head = bell(y - 0.33 - 0.35 * x + 1.2 * x * x, 0.008) * step(0.12, 0.09, x) * step(-0.13, -0.08, x)
    heart = bell(y - 0.39 - 0.28 * x - 0.9 * x * x, 0.008) * step(0.08, 0.04, x)
    return 0.7 * min(life + head + heart, 1.0)


@jit
def finger_creases(part: int, along: float, length: float, palm: float) -> float:
    """Darkness of the creases over a finger's joints, `along` hand lengths from the bone's start."""
    if part == PROXIMAL:
        inner = bell(along - 0.5 * length, 0.009)
        outer = bell(along - length, 0.02)
    else:
        inner = bell(along, 0.008)
        outer = bell(along, 0.022) * (1.0 if part != DISTAL else 0.7)
    wrinkled = outer * (0.45 + 0.55 * np.cos(along * 420.0))
    return 0.7 * inner * step(0.1, 0.6, palm) + 0.3 * wrinkled * step(0.3, 0.7, -palm)


@jit
def nail(t: float, across: float, palm: float) -> float:
    """How much of a point on the last bone is nail: 1 inside its oval, on the back of the finger."""
    oval = np.sqrt((across / 0.72) ** 4 + ((t - 0.78) / 0.42) ** 4)
    return step(1.05, 0.85, oval) * step(0.2, 0.35, -palm)


@jit
def surface(
    px: float, py: float, pz: float, nx: float, ny: float, nz: float, c: np.ndarray, turn: np.ndarray, look: np.ndarray
) -> tuple[float, float, float, float]:
    """Colour of a point of the surface.

    Args:
        px: Coordinate of the point in the viewer's axes; likewise `py` and `pz`.
        py: See px.
        pz: See px.
        nx: Component of the unit normal there; likewise `ny` and `nz`.
        ny: See nx.
        nz: See nx.
        c: The nearest capsule, a row of `Flesh.capsules`.
        turn: float64 [3, 3], from the hand's axes to the viewer's.
        look: float64 [LOOK_ROWS, 3], the signer's colours.

    Returns:
        Linear red, green and blue of the reflected share, and gloss (0 cloth, 1 skin, above it nails).
    """
    hx = px * turn[0, 0] + py * turn[1, 0] + pz * turn[2, 0]
    hy = px * turn[0, 1] + py * turn[1, 1] + pz * turn[2, 1]
    hz = px * turn[0, 2] + py * turn[1, 2] + pz * turn[2, 2]
    part = int(c[HAND_PART])
    if part == SLEEVE:
        weave = 1.0 + look[TEXTURE, 2] * (
            value_noise(hx * 9, hy * 9, hz * 9) + 0.5 * value_noise(hx * 60, hy * 60, hz * 60)
        )
        return look[CLOTH, 0] * weave, look[CLOTH, 1] * weave, look[CLOTH, 2] * weave, 0.0
    qx, qy, qz = px - c[START], py - c[START + 1], pz - c[START + 2]
    t = (qx * c[ALONG] + qy * c[ALONG + 1] + qz * c[ALONG + 2]) * c[INVERSE_SQUARE]
    length = 1.0 / np.sqrt(c[INVERSE_SQUARE])
    palm = nx * c[PALMAR] + ny * c[PALMAR + 1] + nz * c[PALMAR + 2]
    inner = step(-0.75, 0.6, palm)
    if part == FOREARM:
        inner *= 0.6 * step(0.25, 0.0, t)
    dark, bed = 0.0, 0.0
    if part == PALM:
        dark = palm_lines(hx, hy) * step(0.3, 0.7, palm)
    elif part not in (FOREARM, METACARPAL):
        dark = finger_creases(part, t * length, length, palm)
    if part == DISTAL:
        ax = c[ALONG + 1] * c[PALMAR + 2] - c[ALONG + 2] * c[PALMAR + 1]
        ay = c[ALONG + 2] * c[PALMAR] - c[ALONG] * c[PALMAR + 2]
        az = c[ALONG] * c[PALMAR + 1] - c[ALONG + 1] * c[PALMAR]
        bed = nail(t, (qx * ax + qy * ay + qz * az) / (length * c[RADIUS]), palm)
    blotch = value_noise(hx * 14, hy * 14, hz * 14) + 0.6 * value_noise(hx * 45, hy * 45, hz * 45)
    light = (1.0 - look[TEXTURE, 0] * dark) * (1.0 + 0.5 * look[TEXTURE, 1] * blotch)
    flush = look[TEXTURE, 1] * blotch + 0.25 * look[TEXTURE, 0] * dark
    red = mix(look[BACK_SKIN, 0], look[PALM_SKIN, 0], inner)
    green = mix(look[BACK_SKIN, 1], look[PALM_SKIN, 1], inner) * (1.0 - flush)
    blue = mix(look[BACK_SKIN, 2], look[PALM_SKIN, 2], inner) * (1.0 - flush)
    red, green, blue = mix(red, look[NAIL, 0], bed), mix(green, look[NAIL, 1], bed), mix(blue, look[NAIL, 2], bed)
    return red * light, green * light, blue * light, 1.0 + 2.0 * bed


@jit
def mix(a: float, b: float, share: float) -> float:
    """From `a` at share 0 to `b` at 1."""
    return a + (b - a) * share
