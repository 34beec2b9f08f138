"""What is behind the hand: walls, corners, planks, blinds, shelves, clutter, people, gardens."""

from collections.abc import Callable

import numpy as np
from PIL import Image, ImageChops, ImageDraw, ImageFilter

from asl_pkg.data.hands.surfaces import blinds, blobs, carpet, garden, ink, muted, planks, textured, to_image, wall

Paint = Callable[[np.random.Generator, int], Image.Image]


def make_background(rng: np.random.Generator, room: np.random.Generator, size: int) -> np.ndarray:
    """Paint a background.

    Args:
        rng: Random generator of the recording.
        room: Random generator of the signer, whose backgrounds are alike.
        size: Side in pixels.

    Returns:
        float32 [size, size, 3], sRGB in 0..1.
    """
    habitual = room.choice(len(PAINTERS), 4, p=WEIGHTS)
    kind = rng.choice(habitual) if rng.random() < 0.7 else rng.choice(len(PAINTERS), p=WEIGHTS)
    image = PAINTERS[kind](rng, size)
    image = image.filter(ImageFilter.GaussianBlur(max(rng.normal(1.0, 1.2), 0.3)))
    pixels = np.asarray(image, np.float32) / 255.0
    return np.asarray(np.clip(pixels * _illumination(rng, size), 0.0, 1.0), np.float32)


def _illumination(rng: np.random.Generator, size: int) -> np.ndarray:
    """Slow change of brightness over the image [size, size, 1]: a lamp at one side, a dark corner."""
    y, x = np.mgrid[0:size, 0:size].astype(np.float32) / size - 0.5
    angle, strength = rng.uniform(0.0, 2 * np.pi), rng.uniform(0.0, 0.6)
    slope = 1.0 + strength * (np.cos(angle) * x + np.sin(angle) * y)
    return np.asarray((slope * (1.0 - rng.uniform(0.0, 0.5) * (x * x + y * y)))[..., None], np.float32)


def _corner(rng: np.random.Generator, size: int) -> Image.Image:
    """Two or three planes that meet: walls, a ceiling or a floor, with a skirting."""
    image = textured(rng, size, muted(rng, 0.35), 0.01)
    draw = ImageDraw.Draw(image)
    x, y = rng.uniform(0.1, 0.9, 2) * size
    tilt = rng.normal(0.0, 0.3)
    far = 2.0 * size
    plane = [(x, y), (x + far, y + far * (tilt + rng.uniform(-0.4, 0.4))), (x + far, far), (x + far * tilt, far)]
    draw.polygon(plane, fill=ink(muted(rng, 0.3)))
    edge = [(-far, y + far * rng.uniform(-0.3, 0.3)), (x, y), plane[1]]
    other = far if rng.random() < 0.5 else -far
    draw.polygon([*edge, (far, other), (-far, other)], fill=ink(muted(rng, 0.2, 0.85)))
    draw.line(edge, fill=ink(muted(rng, 0.2)), width=int(rng.integers(1, 8)))
    return image


def _shelf(rng: np.random.Generator, size: int) -> Image.Image:
    """Boards with books or boxes on them."""
    image = textured(rng, size, muted(rng, 0.1, 0.6), 0.01)
    draw = ImageDraw.Draw(image)
    rows = int(rng.integers(1, 5))
    for row in range(rows):
        floor, height, x = (row + 1) * size / rows - 5, size / rows, 0.0
        while x < size:
            width = rng.uniform(0.03, 0.16) * size
            top = floor - height * rng.uniform(0.5, 0.9)
            draw.rectangle((x, top, x + width * 0.94, floor), fill=ink(muted(rng, 0.1, 0.9, 0.1)))
            x += width
        draw.rectangle((0, floor, size, floor + 5), fill=ink(muted(rng)))
    return image


def _clutter(rng: np.random.Generator, size: int) -> Image.Image:
    """Things on a table or the floor with their shadows: boxes, balls, cables."""
    ground = planks(rng, size) if rng.random() < 0.4 else _corner(rng, size)
    outlines = [_outline(rng, size) for _ in range(int(rng.integers(2, 11)))]
    shadows = Image.new("L", (size, size), 255)
    for outline in outlines:
        ImageDraw.Draw(shadows).polygon([(x + 5, y + 7) for x, y in outline], fill=110)
    shadows = shadows.filter(ImageFilter.GaussianBlur(5))
    image = ImageChops.multiply(ground, Image.merge("RGB", (shadows,) * 3))
    for outline in outlines:
        colour = muted(rng, 0.05, 0.95, 0.2 if rng.random() < 0.2 else 0.05)
        mask = Image.new("L", (size, size))
        ImageDraw.Draw(mask).polygon(outline, fill=255)
        image.paste(_lit(rng, size, colour), mask=mask)
    return image


def _lit(rng: np.random.Generator, size: int, colour: np.ndarray) -> Image.Image:
    """A surface that is brighter on one side, stained a little."""
    stains = 1.0 + 0.35 * rng.uniform(-1.0, 1.0, (3, 3, 1))
    return to_image(colour * stains).resize((size, size), Image.Resampling.BICUBIC)


def _outline(rng: np.random.Generator, size: int) -> list[tuple[float, float]]:
    """Corners of a thing: a box's face, an oval or a cable."""
    centre, reach, kind = rng.uniform(0, size, 2), rng.uniform(0.04, 0.35) * size, rng.random()
    if kind < 0.8:
        count = 4 if kind < 0.5 else 24
        angles = rng.uniform(0, 2 * np.pi) + np.linspace(0, 2 * np.pi, count, endpoint=False)
        corners = reach * np.stack([np.cos(angles), rng.uniform(0.3, 1.0) * np.sin(angles)], axis=1)
        turned = corners @ _turn(rng.uniform(0, 2 * np.pi)) * rng.normal(1.0, 0.1 if count == 4 else 0.0, (count, 1))
        return [(x, y) for x, y in centre + turned]
    way = centre + np.cumsum(np.cumsum(rng.normal(0.0, 0.008 * size, (24, 2)), axis=0), axis=0)
    there, back = way, way[::-1] + rng.uniform(1.5, 5.0)
    return [(x, y) for x, y in np.vstack([there, back])]


def _turn(angle: float) -> np.ndarray:
    return np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])


def _person(rng: np.random.Generator, size: int) -> Image.Image:
    """The signer behind the hand: shoulders, neck, and face, out of focus."""
    image = PAINTERS[rng.integers(0, 5)](rng, size)
    draw = ImageDraw.Draw(image)
    x, y, head = rng.uniform(0.1, 0.9) * size, rng.uniform(0.0, 0.5) * size, rng.uniform(0.13, 0.3) * size
    skin = np.array([0.85, 0.65, 0.55]) * rng.uniform(0.25, 1.1)
    shirt, hair = muted(rng, 0.05, 0.9, 0.1), muted(rng, 0.03, 0.4)
    neck, shoulders = y + head * 1.6, 2.4 * head
    draw.ellipse((x - head * 1.05, y - head * 1.35, x + head * 1.05, y + head * 0.9), fill=ink(hair))
    draw.rectangle((x - head * 0.5, y, x + head * 0.5, neck + head), fill=ink(skin * 0.8))
    draw.ellipse((x - head * 0.85, y - head * 1.1, x + head * 0.85, y + head * 1.2), fill=ink(skin))
    for side in (-0.36, 0.36):
        draw.ellipse((x + head * (side - 0.13), y - head * 0.15, x + head * (side + 0.13), y + 2), fill=ink(hair))
    draw.line((x - head * 0.25, y + head * 0.65, x + head * 0.25, y + head * 0.65), fill=ink(skin * 0.6), width=3)
    draw.ellipse((x - shoulders, neck, x + shoulders, neck + 3 * head), fill=ink(shirt))
    draw.rectangle((x - shoulders, neck + 1.5 * head, x + shoulders, 2 * size), fill=ink(shirt))
    return image.filter(ImageFilter.GaussianBlur(rng.uniform(1.0, 5.0)))


PAINTERS: tuple[Paint, ...] = (
    wall, _corner, _clutter, _shelf, blobs, carpet, planks, blinds, _person, garden,
)  # fmt: skip
WEIGHTS = np.array([0.16, 0.18, 0.18, 0.06, 0.06, 0.06, 0.1, 0.06, 0.1, 0.04])
