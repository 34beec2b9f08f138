"""From light to pixels: the hand in front of its background, then the effects of a camera on both."""

import numpy as np
from PIL import Image

from asl_pkg.data.hands.signer import Camera

GAMMA = 2.2
SHOULDER = 1.35  # of the film curve: bright skin pales instead of turning orange where red saturates first


def develop(hand: np.ndarray | None, background: np.ndarray, camera: Camera, rng: np.random.Generator) -> np.ndarray:
    """Take the image.

    Args:
        hand: float32 [n, n, 4], linear RGB and coverage; None without a hand.
        background: float32 [n, n, 3], sRGB in 0..1.
        camera: Camera of the signer.
        rng: Random generator of the sensor's noise.

    Returns:
        uint8 [n, n, 3], RGB.
    """
    image = background.copy()
    if hand is not None:
        covered = hand[..., 3] > 0.0
        light, cover = hand[covered, :3], hand[covered, 3:]
        front = (1.0 - np.exp(-SHOULDER * light)) ** (1 / GAMMA)
        image[covered] += (front - image[covered]) * cover
    image = (image * camera.white_balance - 0.5) * camera.contrast + 0.5
    return _sense(_to_pil(image * 255.0), camera, rng)


def _sense(image: Image.Image, camera: Camera, rng: np.random.Generator) -> np.ndarray:
    """Apply the sensor: it has fewer pixels than the image, with some noise."""
    coarse = image.resize((camera.resolution_px,) * 2, Image.Resampling.BILINEAR)
    pixels = np.asarray(coarse, np.float32)
    grain = rng.standard_normal(pixels.shape, np.float32) * (camera.noise * 255.0)
    return np.array(_to_pil(pixels + grain).resize(image.size, Image.Resampling.BICUBIC))


def _to_pil(pixels: np.ndarray) -> Image.Image:
    return Image.fromarray(np.clip(pixels, 0.0, 255.0).astype(np.uint8))
