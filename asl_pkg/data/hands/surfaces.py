"""Surfaces that fill an image: walls, carpets, planks, blinds, leaves, and their colours.

Every painter takes a random generator and the side of the image in pixels.
"""

import numpy as np
from PIL import Image


def muted(rng: np.random.Generator, low: float = 0.15, high: float = 0.92, colour: float = 0.03) -> np.ndarray:
    """A colour as rooms have them: mostly grey, a little warm."""
    tone = rng.uniform(low, high) + rng.normal(0.0, colour, 3) + [0.01, 0.0, -0.02]
    return np.clip(tone, 0.02, 0.98).astype(np.float32)


def ink(colour: np.ndarray) -> tuple[int, ...]:
    """A colour as ImageDraw takes it."""
    return tuple(int(255 * share) for share in np.clip(colour, 0.0, 1.0))


def to_image(pixels: np.ndarray) -> Image.Image:
    """The image of pixels in 0..1 [height, width, 3]."""
    return Image.fromarray((np.clip(pixels, 0.0, 1.0) * 255.0).astype(np.uint8))


def clouds(rng: np.random.Generator, size: int, cells: tuple[int, int], channels: int = 1) -> np.ndarray:
    """Smooth noise in -1..1 [size, size, channels] from a coarse grid of random numbers."""
    grids = rng.uniform(-1.0, 1.0, (channels, *cells)).astype(np.float32)
    scaled = [Image.fromarray(grid).resize((size, size), Image.Resampling.BICUBIC) for grid in grids]
    return np.stack([np.asarray(channel) for channel in scaled], axis=-1)


def textured(rng: np.random.Generator, size: int, colour: np.ndarray, grain: float) -> Image.Image:
    """A plain surface with stains and grain."""
    stains = clouds(rng, size, (4, 4)) * 0.04 + clouds(rng, size, (16, 16)) * 0.02
    fine = rng.normal(0.0, grain, (size // 2, size // 2)).astype(np.float32)
    fine = np.asarray(Image.fromarray(fine).resize((size, size), Image.Resampling.BILINEAR))[..., None]
    return to_image(colour + stains + fine)


def wall(rng: np.random.Generator, size: int) -> Image.Image:
    """Plaster or paint."""
    return textured(rng, size, muted(rng, 0.3), rng.uniform(0.0, 0.03))


def carpet(rng: np.random.Generator, size: int) -> Image.Image:
    """Pile, felt or asphalt."""
    return textured(rng, size, muted(rng, 0.15, 0.75), rng.uniform(0.03, 0.1))


def planks(rng: np.random.Generator, size: int) -> Image.Image:
    """A wooden floor or table: boards with grain along them, at any angle."""
    wide = int(size * 1.5)
    boards = int(rng.integers(3, 12))
    wood = np.array([0.55, 0.45, 0.36]) * rng.uniform(0.4, 1.5) + rng.normal(0.0, 0.02, 3)
    tones = wood + np.repeat(rng.normal(0.0, 0.06, boards), wide // boards + 1)[:wide, None, None]
    grain = clouds(rng, wide, (90, 4)) * 0.08 + clouds(rng, wide, (30, 3)) * 0.05
    pixels = tones.astype(np.float32) + grain
    pixels[:: wide // boards + 1] *= 0.6
    image = to_image(pixels)
    return _crop(image.rotate(rng.uniform(0, 180), Image.Resampling.BILINEAR), size)


def _crop(image: Image.Image, size: int) -> Image.Image:
    """The middle of an image."""
    margin = (image.width - size) // 2
    return image.crop((margin, margin, margin + size, margin + size))


def blinds(rng: np.random.Generator, size: int) -> Image.Image:
    """A bright window behind slats, or radiator ribs, or a striped cloth."""
    wide = int(size * 1.5)
    period = rng.uniform(5.0, 26.0)
    wave = np.sin(np.arange(wide) * 2 * np.pi / period + rng.uniform(0, 6)) * rng.uniform(1.0, 6.0)
    share = (1.0 / (1.0 + np.exp(-wave))).astype(np.float32)[:, None, None]
    bright, dark = muted(rng, 0.55, 1.0), muted(rng, 0.1, 0.7)
    pixels = dark + (bright - dark) * share + clouds(rng, wide, (4, 4)) * 0.1
    image = to_image(pixels)
    turn = rng.choice([0.0, 90.0]) + rng.normal(0.0, 6.0)
    return _crop(image.rotate(turn, Image.Resampling.BILINEAR), size)


def garden(rng: np.random.Generator, size: int) -> Image.Image:
    """Leaves, grass and a piece of sky."""
    green = np.array([0.33, 0.37, 0.25], np.float32) * rng.uniform(0.5, 1.5)
    leaves = sum(
        (clouds(rng, size, (n, n), 3) * 0.05 + clouds(rng, size, (n, n)) * 0.18) / (1 + n / 30) for n in (6, 20, 60)
    )
    y = np.linspace(0.0, 1.0, size, dtype=np.float32)[:, None, None]
    sky = 1.0 / (1.0 + np.exp((y - rng.uniform(-0.2, 0.6)) * 30 + 3 * clouds(rng, size, (10, 10))))
    pixels = (green + leaves) * (1 - sky) + np.array([0.85, 0.9, 0.97], np.float32) * sky
    return to_image(pixels)


def blobs(rng: np.random.Generator, size: int) -> Image.Image:
    """A room far out of focus: soft patches of colour."""
    pixels = muted(rng, 0.2, 0.8) + clouds(rng, size, (5, 5), 3) * 0.06 + clouds(rng, size, (4, 6)) * 0.3
    return to_image(pixels)
