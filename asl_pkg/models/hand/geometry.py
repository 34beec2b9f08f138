"""Numbers that describe a hand's shape, from its landmarks: position and size of the hand make no difference."""

import torch

TIPS = (4, 8, 12, 16, 20)
PARENTS = (0, 1, 2, 3, 0, 5, 6, 7, 0, 9, 10, 11, 0, 13, 14, 15, 0, 17, 18, 19)  # of the landmarks 1 to 20
SHAPE_MEASURES = 21 * 3 + 20 * 3 + 10
TINY = 1e-6

TURN = 0.2  # standard deviation of a turn in training, radians
STRETCH = 0.1  # of the logarithm of a stretch of the width
JITTER = 0.03  # of each coordinate, as a share of the hand's spread


def measure(hands: torch.Tensor) -> torch.Tensor:
    """Describe hands.

    Args:
        hands: float [n, k, 21, 3], k sets of landmarks of each hand, with the image's x and y, in any unit.

    Returns:
        Float [n, k * SHAPE_MEASURES]: landmarks relative to the wrist over the hand's spread, the direction of each
        bone, and the distances between fingertips.
    """
    hands = _normalised(hands)
    bones = hands[:, :, 1:] - hands[:, :, PARENTS]
    directions = bones / bones.norm(dim=3, keepdim=True).clamp(min=TINY)
    return torch.cat([hands.flatten(2), directions.flatten(2), _tip_distances(hands)], dim=2).flatten(1)


def vary(hands: torch.Tensor) -> torch.Tensor:
    """Change hands at random, for training: the other hand, a turn, another width, errors of the landmarks.

    Args:
        hands: float [n, k, 21, 3], k sets of landmarks of each hand.

    Returns:
        Float [n, k, 21, 3], of the same letters.
    """
    shape = (len(hands), 1, 1)
    angle = TURN * torch.randn(shape, device=hands.device)
    width = torch.exp(STRETCH * torch.randn(shape, device=hands.device))
    side = torch.where(torch.rand(shape, device=hands.device) < 0.5, -1.0, 1.0)
    x, y, depth = (_normalised(hands) + JITTER * torch.randn_like(hands)).unbind(dim=3)
    x = x * side
    turned_x, turned_y = x * angle.cos() - y * angle.sin(), x * angle.sin() + y * angle.cos()
    return torch.stack([turned_x * width, turned_y, depth], dim=3)


def _normalised(hands: torch.Tensor) -> torch.Tensor:
    hands = hands - hands[:, :, :1]
    flat = hands[..., :2]
    spread = (flat - flat.mean(dim=(2, 3), keepdim=True)).square().mean(dim=(2, 3), keepdim=True).sqrt()
    return hands / (2 * spread).clamp(min=TINY)


def _tip_distances(hands: torch.Tensor) -> torch.Tensor:
    pairs = [(first, second) for index, first in enumerate(TIPS) for second in TIPS[index + 1 :]]
    firsts, seconds = (list(tips) for tips in zip(*pairs, strict=True))
    return (hands[:, :, firsts] - hands[:, :, seconds]).norm(dim=3)
