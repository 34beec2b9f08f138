"""Describe an image by a few numbers, for comparison with the reference; they do not reveal the image."""

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from asl_pkg.metrics import hog

SIDE_PX = 32
SHAPES = 8
LUMINANCE = np.array([0.299, 0.587, 0.114], np.float32)  # of RGB, ITU-R BT.601
# Random directions keep distances (Johnson and Lindenstrauss) and need nothing fitted; NumPy has frozen RandomState's
# stream, so the same image has the same numbers in years.
DIRECTIONS = np.random.RandomState(0).standard_normal((hog.FEATURES, SHAPES)) / np.sqrt(hog.FEATURES)

MEASURES: dict[str, str] = {
    "brightness": "brightness of the images",
    "contrast": "contrast between light and dark",
    "red": "share of red in the light",
    "blue": "share of blue in the light",
    "sharpness": "sharpness of the finest edges",
    **{f"shape {number}": "position and direction of edges" for number in range(1, SHAPES + 1)},
}


def describe_image(pixels: NDArray[np.uint8]) -> dict[str, float]:
    """Describe a prepared image.

    Args:
        pixels: uint8 [height, width, 3], RGB.

    Returns:
        A number for each of MEASURES, rounded to five digits: the first five in 0..1.
    """
    colours = pixels.reshape(-1, 3).mean(axis=0, dtype=np.float64) / 255
    light = (pixels @ LUMINANCE) / 255  # float32 [height, width]
    inner = light[1:-1, 1:-1]
    laplacian = light[:-2, 1:-1] + light[2:, 1:-1] + light[1:-1, :-2] + light[1:-1, 2:] - 4 * inner
    thumbnail = Image.fromarray(pixels).resize((SIDE_PX, SIDE_PX), Image.Resampling.BOX)
    shapes = hog.features(np.asarray(thumbnail)[None])[0] @ DIRECTIONS
    total = max(colours.sum(), 1e-9)  # a black image has no colour
    numbers = [light.mean(), light.std(), colours[0] / total, colours[2] / total, laplacian.std(), *shapes]
    return {name: round(float(number), 5) for name, number in zip(MEASURES, numbers, strict=True)}
