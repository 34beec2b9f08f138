"""Cutting a square out of a picture so that gradients reach where it is cut."""

import torch
from torch.nn import functional


def crop(pictures: torch.Tensor, boxes: torch.Tensor, side_px: int) -> torch.Tensor:
    """Cut a square out of each picture and resample it.

    Resampling is two matrix products with triangle filters as wide as the step between samples, so it smooths where
    it reduces. Gregor et al. 2015, DRAW, section 3.2, with triangles in place of Gaussians.

    Args:
        pictures: float [n, c, h, w].
        boxes: float [n, 3]: centre x and y in -1..1 from edge to edge, half the side in the same unit. What lies beyond
            the picture is 0.
        side_px: of the result.

    Returns:
        Float [n, c, side_px, side_px].
    """
    x, y, half = boxes.unbind(dim=1)
    height, width = pictures.shape[2:]
    rows = _filters(y, half, side_px, height)  # [n, 1, side, h]
    columns = _filters(x, half, side_px, width)  # [n, 1, side, w]
    return rows @ pictures @ columns.transpose(2, 3)


def _filters(centre: torch.Tensor, half: torch.Tensor, samples: int, pixels: int) -> torch.Tensor:
    """Weights of the pixels for each sample along one axis: centre [n], half [n] -> [n, 1, samples, pixels]."""
    steps = (torch.arange(samples, device=centre.device) * 2 + 1) / samples - 1
    places = (centre[:, None] + half[:, None] * steps + 1) / 2 * pixels - 0.5  # in pixels [n, samples]
    reach = (half * pixels / samples).clamp(min=1)[:, None, None]
    distances = (places[:, :, None] - torch.arange(pixels, device=centre.device)).abs()
    return (functional.relu(1 - distances / reach) / reach).unsqueeze(1)
