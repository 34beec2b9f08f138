"""Finds the 21 landmarks of a hand: MediaPipe's hand landmark network on a turned crop of the image."""

from typing import NamedTuple

import torch
from torch import nn
from torch.nn import functional

from asl_pkg import contract
from asl_pkg.models.hand.palm import Region, rotate
from asl_pkg.models.hand.tflite_module import TfliteModule
from asl_pkg.models.hand.weights import HAND_LANDMARKS, read_weights

SIDE_PX = 224  # of the network's input
POINTS, PRESENCE, HANDEDNESS, WORLD, POOLED = 165, 162, 164, 166, 160  # tensors of the file
POOLED_FEATURES = 1152


class Landmarks(NamedTuple):
    """What the network says of the hand in a region of each of n images."""

    image: torch.Tensor  # float [n, 21, 3], x, y and depth relative to the wrist, shares of the image's side
    world: torch.Tensor  # float [n, 21, 3], metres from the hand's middle, turned as in the image
    presence: torch.Tensor  # float [n], probability that there is a hand
    handedness: torch.Tensor  # float [n], 0 one hand to 1 the other
    pooled: torch.Tensor  # float [n, 1152], the network's features of the crop's pixels, all landmarks come from them


class LandmarkNetwork(nn.Module):
    """The landmarks of the hand in a region."""

    pixels: torch.Tensor

    def __init__(self) -> None:
        super().__init__()
        outputs = (POINTS, PRESENCE, HANDEDNESS, WORLD, POOLED)
        self.network = TfliteModule(read_weights(HAND_LANDMARKS), outputs)
        self.register_buffer("pixels", _pixels(SIDE_PX), persistent=False)

    def forward(self, images: torch.Tensor, region: Region) -> Landmarks:
        """Find the landmarks.

        Args:
            images: float [n, 3, height, width], in 0..1, square.
            region: Where the hand is.

        Returns:
            The landmarks, whether there is a hand or not.
        """
        crops = crop(images, region, self.pixels)
        points, presence, handedness, world, pooled = self.network(crops)
        local = points.unflatten(1, (contract.HAND_POINTS, 3)) / SIDE_PX
        side = region.side[:, None, None]
        flat = rotate((local[..., :2] - 0.5) * side, region.angle) + region.centre[:, None]
        metric = world.unflatten(1, (contract.HAND_POINTS, 3))
        turned = torch.cat([rotate(metric[..., :2], region.angle), metric[..., 2:]], dim=2)
        placed = torch.cat([flat, local[..., 2:] * side], dim=2)
        return Landmarks(placed, turned, presence[:, 0], handedness[:, 0], pooled)


def crop(images: torch.Tensor, region: Region, pixels: torch.Tensor) -> torch.Tensor:
    """Cut a turned square out of each image; what is beyond its edge is black.

    Args:
        images: float [n, 3, height, width].
        region: Square in each image.
        pixels: Where the result's pixels are in the square, float [height, width, 2] in -0.5..0.5.

    Returns:
        Float [n, 3, height, width], in the size of pixels.
    """
    squares = pixels * region.side[:, None, None, None]
    grid = rotate(squares, region.angle) + region.centre[:, None, None]
    return functional.grid_sample(images, 2 * grid - 1, mode="bilinear", padding_mode="zeros", align_corners=False)


def _pixels(side_px: int) -> torch.Tensor:
    middles = (torch.arange(side_px) + 0.5) / side_px - 0.5
    y, x = torch.meshgrid(middles, middles, indexing="ij")
    return torch.stack([x, y], dim=2)
