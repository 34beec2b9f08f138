"""Finds the palm: MediaPipe's palm detector, and what its answers mean.

Anchors, decoding and the region follow MediaPipe's graphs palm_detection_cpu and palm_detection_detection_to_roi,
https://github.com/google-ai-edge/mediapipe/tree/v0.10.21/mediapipe/modules/palm_detection. The result is the mean of
overlapping boxes, weighted by score (Bazarevsky et al. 2019, BlazeFace, https://arxiv.org/abs/1907.05047).
"""

import math
from collections.abc import Sequence
from typing import NamedTuple, cast

import torch
from torch import nn
from torch.nn import functional

from asl_pkg.models.hand.tflite_module import TfliteModule
from asl_pkg.models.hand.weights import PALM_DETECTOR, read_weights

SIDE_PX = 192  # of the detector's input
STRIDES = ((8, 2), (16, 6))  # pixels between anchors, and anchors at each position
PALM_WRIST, MIDDLE_KNUCKLE = 0, 2  # of the seven points that the detector gives for each palm
OVERLAP = 0.3  # least intersection over union with the best box, of the boxes that count
SCORE = 0.5  # least score of those boxes
SURE = 0.8  # a palm with this score is taken without a look at smaller copies
SMALLER_PX = (SIDE_PX // 2, SIDE_PX // 3)  # sides of those
HAND_SCALE = 2.6  # side of the region that holds the hand, as a multiple of the palm's box
TOWARDS_FINGERS = 0.5  # how far the region is moved, as a share of the palm's box


class Region(NamedTuple):
    """A turned square in each of n images; lengths are shares of the image's side."""

    centre: torch.Tensor  # float [n, 2], x and y
    side: torch.Tensor  # float [n]
    angle: torch.Tensor  # float [n], radians, clockwise; 0 where the fingers point up


class PalmDetector(nn.Module):
    """The surest and largest palm in an image, and the region where its hand must be.

    Where it is not sure it also looks at smaller copies of the image in a black frame: a hand that fills the image is
    found there. On 64 px images of one signer half the size raised the share of palms found from 60 % to 90 %, a third
    to 95 %; two thirds of them and a sixth of another's webcam images need it.
    """

    anchors: torch.Tensor

    def __init__(self) -> None:
        super().__init__()
        self.network = TfliteModule(read_weights(PALM_DETECTOR))
        self.register_buffer("anchors", _anchors(), persistent=False)

    def forward(self, images: torch.Tensor) -> tuple[torch.Tensor, Region]:
        """Detect.

        Args:
            images: float [n, 3, height, width], in 0..1, square.

        Returns:
            Score of the best palm, float [n] in 0..1, and the region of its hand.
        """
        whole = self._framed(images, SIDE_PX)
        unsure = whole[0] < SURE
        score, *again = self._again(images, unsure)
        score, *region = _surer(whole, (torch.where(unsure, score, 0), *again))
        return score, Region(*region)

    def _again(self, images: torch.Tensor, unsure: torch.Tensor) -> tuple[torch.Tensor, ...]:
        """The best palm in smaller copies; in an exported graph zeros if no image of the batch needs them."""

        def look(images: torch.Tensor) -> tuple[torch.Tensor, ...]:
            half, third = (self._framed(images, px) for px in SMALLER_PX)
            return _surer(half, third)

        def skip(images: torch.Tensor) -> tuple[torch.Tensor, ...]:
            zeros = torch.zeros_like(images[:, 0, 0, 0])
            return zeros, torch.stack([zeros, zeros], dim=1), zeros.clone(), zeros.clone()

        if torch.compiler.is_exporting():
            return cast(tuple[torch.Tensor, ...], torch.cond(unsure.any(), look, skip, (images,)))
        return look(images)

    def _framed(self, images: torch.Tensor, px: int) -> tuple[torch.Tensor, ...]:
        """The best palm in copies of a size, in a black frame: score, and region in the images."""
        small = functional.interpolate(images, (px, px), mode="bilinear", align_corners=False)
        score, centre, side, angle = self._best(functional.pad(small, [(SIDE_PX - px) // 2] * 4))
        factor = SIDE_PX / px
        return score, (centre - 0.5) * factor + 0.5, side * factor, angle

    def _best(self, squares: torch.Tensor) -> tuple[torch.Tensor, ...]:
        """Score of the best palm in float [n, 3, 192, 192], and its region's centre, side and angle."""
        raw, logits = self.network(squares)
        scores = torch.sigmoid(logits[..., 0])
        raw = raw / SIDE_PX
        centres, sizes = raw[..., 0:2] + self.anchors, raw[..., 2:4]
        points = raw[..., 4:].unflatten(-1, (-1, 2)) + self.anchors[:, None]
        best = torch.where(scores > SCORE, 1 + scores * sizes.amax(dim=2), scores).argmax(dim=1)
        score = scores.gather(1, best[:, None])[:, 0]
        weights = _weights(centres, sizes, scores, best)[..., None]
        wrist, knuckle = ((weights * points[:, :, index]).sum(dim=1) for index in (PALM_WRIST, MIDDLE_KNUCKLE))
        return score, *_region((weights * centres).sum(dim=1), (weights * sizes).sum(dim=1), wrist, knuckle)


def _surer(first: Sequence[torch.Tensor], second: Sequence[torch.Tensor]) -> tuple[torch.Tensor, ...]:
    """Of two palms in each image, score and region of the one with the higher score."""
    better = second[0] > first[0]
    return tuple(
        torch.where(better.view(-1, *[1] * (part.ndim - 1)), other, part)
        for part, other in zip(first, second, strict=True)
    )


def direction(start: torch.Tensor, end: torch.Tensor) -> torch.Tensor:
    """Angle of the way from start to end, each [n, 2]: radians, clockwise, 0 where it goes up."""
    x, y = (end - start).unbind(dim=1)
    return math.pi / 2 - torch.atan2(-y, x)


def rotate(points: torch.Tensor, angle: torch.Tensor) -> torch.Tensor:
    """Turn points [n, …, 2] about the origin by angles [n], clockwise on screen."""
    angle = angle.view(-1, *[1] * (points.ndim - 2))
    x, y = points.unbind(dim=-1)
    cosine, sine = torch.cos(angle), torch.sin(angle)
    return torch.stack([x * cosine - y * sine, x * sine + y * cosine], dim=-1)


def _region(centre: torch.Tensor, size: torch.Tensor, wrist: torch.Tensor, knuckle: torch.Tensor) -> Region:
    angle = direction(wrist, knuckle)
    away = -TOWARDS_FINGERS * size[:, 1]
    shift = rotate(torch.stack([torch.zeros_like(away), away], dim=1), angle)
    return Region(centre + shift, HAND_SCALE * size.amax(dim=1), angle)


def _weights(centres: torch.Tensor, sizes: torch.Tensor, scores: torch.Tensor, best: torch.Tensor) -> torch.Tensor:
    """Weight of each box [n, boxes]: its score if it overlaps the best; the best's alone if none is a palm's."""
    lows, highs = centres - sizes / 2, centres + sizes / 2
    chosen = best[:, None, None].expand(-1, 1, 2)
    low, high = lows.gather(1, chosen), highs.gather(1, chosen)
    common = (torch.minimum(highs, high) - torch.maximum(lows, low)).clamp(min=0).prod(dim=2)
    union = sizes.prod(dim=2) + (high - low).prod(dim=2) - common
    counted = (common > OVERLAP * union) & (scores > SCORE)
    weights = scores * counted + 1e-6 * functional.one_hot(best, scores.shape[1]).to(scores.dtype)
    return weights / weights.sum(dim=1, keepdim=True)


def _anchors() -> torch.Tensor:
    """Centres of the anchors [2016, 2], x and y as shares of the side."""
    grids = []
    for stride, count in STRIDES:
        middles = (torch.arange(SIDE_PX // stride) + 0.5) * stride / SIDE_PX
        y, x = torch.meshgrid(middles, middles, indexing="ij")
        grids.append(torch.stack([x, y], dim=2).flatten(0, 1).repeat_interleave(count, dim=0))
    return torch.cat(grids)
