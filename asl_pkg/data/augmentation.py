"""Augmentation of training images, whole batches at a time on the device that trains.

The changes of an image come from numbers drawn from (seed, epoch, row): the same seed gives the same run, however the
images are batched.

Some images are mirrored. A left-handed signer makes every letter of the manual alphabet as the mirror image of a
right-handed one's, the motions of J and Z too, and no letter is the mirror image of another: mirroring keeps the
letter. One signer in ten is left-handed; without mirroring a network sees too few left hands and fails those people.
The share stays below a half, because most hands are right ones.

Some images of `nothing` become a bare wall, or static as of a broken camera: data sets seldom have such images, and
a network that never saw any reads letters in them.
"""

import math

import numpy as np
import torch
from torch.nn import functional

from asl_pkg import contract

SHIFT = 0.1  # share of the side, each way
SCALE = 1.15  # greatest enlargement, and reduction
TILT_DEG = 10.0  # each way
BRIGHTNESS = 0.15  # of full scale, each way
CONTRAST = 1.3  # greatest stretch, and compression, about mid-grey
SATURATION = 1.4  # greatest, and its inverse the least
CAST = 0.12  # change of each channel's gain, each way: colour of the light
SLOPE = 0.35  # change of the light from the middle to an edge
ERASED = 0.2  # longest side of the erased rectangle, as a share of the image's side
NOISE = 0.04  # greatest standard deviation of sensor noise, of full scale

MIRRORED = 0.3  # share of the images
EMPTIED = 0.2  # share of the images of `nothing`: half become walls, half static
NOTHING_LABEL = contract.CLASSES.index("nothing")

SMALLEST = 0.25  # least side of a shrunk image, as a share of the side
BACKDROP_CELLS = 6  # side of the blurred copy behind a shrunk image
NUMBERS_PER_IMAGE = 26
IMAGES_AT_ONCE = 8  # about as many as the CPU's cache holds
MARGIN_PX = 64  # images take shifted parts of one shared noise
LUMA = (0.299, 0.587, 0.114)  # ITU-R BT.601


def draw_numbers(seed: int, epoch: int, rows: np.ndarray) -> torch.Tensor:
    """Draw the numbers that decide how images change.

    Args:
        seed: Seed of the run.
        epoch: Number of the epoch, from 0.
        rows: Rows of the images in their split [n].

    Returns:
        Float32 [n, NUMBERS_PER_IMAGE], uniform in -1..1.
    """
    drawn = [np.random.default_rng((seed, epoch, row)).random(NUMBERS_PER_IMAGE, np.float32) for row in rows.tolist()]
    return torch.from_numpy(np.stack(drawn)) * 2 - 1


def augment(pixels: torch.Tensor, draws: torch.Tensor) -> torch.Tensor:
    """Change images in a way that keeps their letter.

    Args:
        pixels: uint8 [n, h, w, 3], RGB.
        draws: float32 [n, NUMBERS_PER_IMAGE] on the same device, from `draw_numbers`.

    Returns:
        Uint8 [n, h, w, 3].
    """
    parts = zip(pixels.split(IMAGES_AT_ONCE), draws.split(IMAGES_AT_ONCE), strict=True)
    return torch.cat([_augment_part(*part) for part in parts])


def _augment_part(pixels: torch.Tensor, draws: torch.Tensor) -> torch.Tensor:
    images = pixels.permute(0, 3, 1, 2).float()  # [n, 3, h, w]
    images = functional.grid_sample(
        images, _grid(draws[:, 0:5], *pixels.shape[1:3]), padding_mode="border", align_corners=False
    )
    images = _recolour(images, draws[:, 5:11])
    images *= _light(draws[:, 11:13], *pixels.shape[1:3])
    _add_noise(images, draws[:, 13:16])
    _erase(images, draws[:, 17:23])
    return images.clamp_(0, 255).to(torch.uint8).permute(0, 2, 3, 1)


def shrink(pixels: torch.Tensor, draws: torch.Tensor) -> torch.Tensor:
    """Make images smaller, anywhere in front of a blurred copy of themselves: as of a hand far from the camera.

    Args:
        pixels: uint8 [n, h, w, 3], RGB.
        draws: float32 [n, NUMBERS_PER_IMAGE], from `draw_numbers`.

    Returns:
        Uint8 [n, h, w, 3].
    """
    shares = SMALLEST ** ((draws[:, 23] + 1) / 2)
    return torch.stack(
        [_shrink(*values) for values in zip(pixels, shares.tolist(), draws[:, 24:26].tolist(), strict=True)]
    )


def _shrink(pixels: torch.Tensor, share: float, place: list[float]) -> torch.Tensor:
    image = pixels.permute(2, 0, 1)[None].float()
    height, width = image.shape[2:]
    size = (max(1, round(share * height)), max(1, round(share * width)))
    small = functional.interpolate(image, size, mode="bilinear", antialias=True)
    backdrop = functional.interpolate(
        functional.adaptive_avg_pool2d(image, BACKDROP_CELLS), (height, width), mode="bicubic"
    )
    top, left = (
        int((middle + 1) / 2 * (full - part)) for middle, full, part in zip(place, (height, width), size, strict=True)
    )
    backdrop[:, :, top : top + size[0], left : left + size[1]] = small
    return backdrop[0].clamp(0, 255).permute(1, 2, 0).to(torch.uint8)


def replace_with_empty(pixels: torch.Tensor, labels: torch.Tensor, draws: torch.Tensor) -> None:
    """Replace some images of `nothing` by a bare wall or static.

    Args:
        pixels: uint8 [n, h, w, 3], RGB; changed in place.
        labels: int64 [n].
        draws: float32 [n, NUMBERS_PER_IMAGE], from `draw_numbers`.
    """
    chosen = (labels == NOTHING_LABEL) & (draws[:, 16] < 2 * EMPTIED - 1)
    for row in chosen.nonzero().flatten().tolist():
        make = _wall if draws[row, 16] < EMPTIED - 1 else _static
        pixels[row] = make(draws[row].tolist(), *pixels.shape[1:3]).to(pixels.device)


def _wall(draws: list[float], height: int, width: int) -> torch.Tensor:
    """One colour, lit from one side, with a little sensor noise: uint8 [h, w, 3]."""
    generator = torch.Generator().manual_seed(int((draws[16] + 1) * 2**40))
    colour = 20 + 215 * torch.rand(3, generator=generator)
    x, y = _axes(height, width, torch.device("cpu"))
    light = 40 * (draws[0] * x + draws[1] * y)[0, :, :, None]
    noise = 5 * (draws[2] + 1) / 2 * torch.randn(height, width, 3, generator=generator)
    return (colour + light + noise).clamp(0, 255).to(torch.uint8)


def _static(draws: list[float], height: int, width: int) -> torch.Tensor:
    """Soft noise in grains of one to some ten pixels, grey or coloured, of any contrast: uint8 [h, w, 3]."""
    generator = torch.Generator().manual_seed(int((draws[16] + 1) * 2**40))
    cells = int(20 * (width / 20) ** ((draws[0] + 1) / 2))
    channels = 1 if draws[1] < 0 else 3
    noise = torch.randn(1, channels, cells, cells, generator=generator)
    noise = functional.interpolate(noise, (height, width), mode="bilinear")[0].permute(1, 2, 0)
    contrast = 128 * (draws[2] + 1) / 2
    return (128 + contrast * noise).clamp(0, 255).to(torch.uint8).expand(height, width, 3)


def move_landmarks(landmarks: torch.Tensor, draws: torch.Tensor) -> torch.Tensor:
    """Move landmarks as `augment` moves the pixels.

    Args:
        landmarks: float32 [n, points, 2], x and y in -1..1 from edge to edge.
        draws: float32 [n, NUMBERS_PER_IMAGE], those given to `augment`.

    Returns:
        Float32 [n, points, 2].
    """
    turn, shift = _placement(draws)
    return torch.linalg.solve(turn, (landmarks - shift[:, None]).transpose(1, 2)).transpose(1, 2)


def _placement(draws: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Map from result to source: source = turn [n, 2, 2] @ point + shift [n, 2]. draws [n, 5 or more]."""
    scale, tilt = SCALE ** draws[:, 2], draws[:, 3] * math.radians(TILT_DEG)
    cosine, sine = scale * tilt.cos(), scale * tilt.sin()
    flip = torch.where(draws[:, 4] < 2 * MIRRORED - 1, -1.0, 1.0)
    turn = torch.stack([flip * cosine, -sine, flip * sine, cosine], dim=1).unflatten(1, (2, 2))
    return turn, 2 * SHIFT * draws[:, 0:2]


def _axes(height: int, width: int, device: torch.device) -> tuple[torch.Tensor, torch.Tensor]:
    """Coordinates of pixel centres in -1..1: x [1, 1, w] and y [1, h, 1]."""
    x = (torch.arange(width, device=device) * 2 + 1) / width - 1
    y = (torch.arange(height, device=device) * 2 + 1) / height - 1
    return x.view(1, 1, -1), y.view(1, -1, 1)


def _grid(draws: torch.Tensor, height: int, width: int) -> torch.Tensor:
    """Where each pixel comes from: [n, h, w, 2]."""
    turn, shift = _placement(draws)
    x, y = _axes(height, width, draws.device)
    grid = torch.empty(len(draws), height, width, 2, device=draws.device)
    for axis in range(2):
        along_x, along_y, offset = (values[:, None, None] for values in (*turn[:, axis].T, shift[:, axis]))
        torch.add(along_x * x + offset, along_y * y, out=grid[..., axis])
    return grid


def _recolour(images: torch.Tensor, draws: torch.Tensor) -> torch.Tensor:
    """Brightness, contrast, saturation and the light's colour as one affine map of RGB. draws [n, 6]."""
    brightness, contrast, saturation = draws[:, 0], CONTRAST ** draws[:, 1], SATURATION ** draws[:, 2]
    gains = contrast[:, None] * (1 + CAST * draws[:, 3:6])  # [n, 3]
    luma = torch.tensor(LUMA, device=draws.device).expand(3, 3)
    saturate = luma + saturation[:, None, None] * (torch.eye(3, device=draws.device) - luma)  # [n, 3, 3]
    offset = 255 * (0.5 + BRIGHTNESS * brightness[:, None] - 0.5 * gains)
    n, channels, height, width = images.shape
    return torch.baddbmm(offset[:, :, None], gains[:, :, None] * saturate, images.reshape(n, channels, -1)).view(
        n, channels, height, width
    )


def _light(draws: torch.Tensor, height: int, width: int) -> torch.Tensor:
    """Light that falls off from one side to the other. draws [n, 2] -> gains [n, 1, h, w]."""
    x, y = _axes(height, width, draws.device)
    slope_x, slope_y = SLOPE * draws.T[:, :, None, None]  # each [n, 1, 1]
    return (1 + slope_x * x + slope_y * y).unsqueeze(1)


def _add_noise(images: torch.Tensor, draws: torch.Tensor) -> None:
    """Add sensor noise in place: each image takes its own part of one shared noise. draws [n, 3]."""
    _, channels, height, width = images.shape
    generator = torch.Generator().manual_seed(0)
    noise = torch.randn(channels, height + MARGIN_PX, width + MARGIN_PX, generator=generator).to(images.device)
    corners = ((draws[:, 0:2] + 1) / 2 * MARGIN_PX).int().tolist()
    strengths = (255 * NOISE * draws[:, 2].clamp(min=0)).tolist()
    for image, (top, left), strength in zip(images, corners, strengths, strict=True):
        if strength > 0:
            image.add_(noise[:, top : top + height, left : left + width], alpha=strength)


def _erase(images: torch.Tensor, draws: torch.Tensor) -> None:
    """Erase a rectangle of every second image in place: no letter may depend on one spot. draws [n, 6].

    Zhong et al. 2020, Random Erasing Data Augmentation.
    """
    _, _, height, width = images.shape
    unit = (draws + 1) / 2
    for image, (centre_y, centre_x, tall, wide, grey, chance) in zip(images, unit.tolist(), strict=True):
        if chance < 0.5:
            top, left = int(centre_y * height), int(centre_x * width)
            image[:, top : top + int(ERASED * tall * height), left : left + int(ERASED * wide * width)] = 255 * grey
