"""BaselineCNN: small enough to be trained from scratch in minutes on two cores."""

import torch
from torch import nn
from torch.nn import functional

from asl_pkg import contract
from asl_pkg.models.crop import crop

LANDMARKS = 21
MARGIN = 1.25  # of the square around the landmarks, which lie inside the hand
CROP_PX = 80
TOLD = 0.7  # share of the training crops that are cut by the true landmarks
JITTER = 0.15  # of the centre, in half sides each way
ZOOM = 1.15  # of the size, each way


def _convolution(inputs: int, outputs: int, stride: int = 1) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, kernel_size=3, stride=stride, padding=1, bias=False),
        nn.BatchNorm2d(outputs),
        nn.ReLU(inplace=True),
    )


class Stage(nn.Module):
    """Halves the side, then adds a correction (He et al. 2016, Deep Residual Learning)."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.reduce = _convolution(inputs, outputs, stride=2)
        self.correct = nn.Sequential(
            nn.Conv2d(outputs, outputs, kernel_size=3, padding=1, bias=False), nn.BatchNorm2d(outputs)
        )

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        """[n, inputs, h, w] -> [n, outputs, h / 2, w / 2]."""
        reduced = self.reduce(features)
        return functional.relu(reduced + self.correct(reduced))


class Look(nn.Module):
    """Finds the hand: the square around it, and its landmarks, which only teach where the fingers are."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.features = nn.Sequential(
            nn.AvgPool2d(2),  # [n, 3, 100, 100]
            _convolution(3, width, stride=2),  # [n, width, 50, 50]
            _convolution(width, 2 * width, stride=2),  # [n, 2 width, 25, 25]
            Stage(2 * width, 4 * width),  # [n, 4 width, 13, 13]
            _convolution(4 * width, 6 * width),
            _convolution(6 * width, 6 * width),
        )
        self.box = nn.Conv2d(6 * width, 2, kernel_size=1)
        self.landmarks = nn.Conv2d(6 * width, LANDMARKS, kernel_size=1)
        # All zero is the whole picture: that is where one looks until landmarks have taught better.
        for parameter in self.box.parameters():
            nn.init.zeros_(parameter)

    def forward(self, pictures: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Float [n, 3, 200, 200] -> boxes [n, 3] as `box` gives them, landmarks [n, 21, 2]."""
        features = self.features(pictures)
        where, size = self.box(features).float().split(1, dim=1)  # each [n, 1, 13, 13]
        shares = where.flatten(2).softmax(dim=2)
        half = (shares * size.flatten(2)).sum(dim=2).exp()
        centre = centres_of_mass(where).squeeze(1)
        return torch.cat([centre, half], dim=1), centres_of_mass(self.landmarks(features).float())


class BaselineCNN(nn.Module):
    """Looks where the hand is, cuts it out, and reads its letter.

    Where the data set has landmarks, they teach where to look: letters alone would have to teach that a hand here and
    a hand there are the same. Where it has none, the whole picture is read.

    Args:
        width: channels of the first convolution that reads; later ones double them.
        dropout: share of features dropped before the last layer.
    """

    def __init__(self, width: int, dropout: float) -> None:
        super().__init__()
        self.look = Look(max(1, width // 2))
        self.read = nn.Sequential(
            _convolution(3, width, stride=2),  # [n, width, 40, 40]
            Stage(width, 2 * width),  # [n, 2 width, 20, 20]
            Stage(2 * width, 4 * width),  # [n, 4 width, 10, 10]
            Stage(4 * width, 8 * width),  # [n, 8 width, 5, 5]
            nn.Flatten(),  # no mean over places: letters differ by where the fingers are
            nn.Dropout(dropout),
        )
        self.head = nn.Linear(8 * width * (CROP_PX // 16) ** 2, len(contract.CLASSES))

    def forward(self, pictures: torch.Tensor) -> torch.Tensor:
        """Classify.

        Args:
            pictures: float [n, 3, 200, 200], normalised.

        Returns:
            Logits, float [n, 29].
        """
        boxes, _ = self.look(pictures)
        return self._read(pictures, boxes)

    def learn(self, pictures: torch.Tensor, landmarks: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Classify while training.

        Args:
            pictures: float [n, 3, 200, 200], normalised.
            landmarks: float [n, 21, 2], x and y in -1..1; not a number where there is no hand or nobody knows.

        Returns:
            Logits, float [n, 29], and the loss of looking: how far boxes and landmarks are off.
        """
        boxes, found = self.look(pictures)
        known = ~landmarks[:, 0, 0].isnan()
        true = box(landmarks)
        # Most crops are cut by the true landmarks, so that reading need not wait until looking has been learnt.
        told = known & (torch.rand(len(known), device=known.device) < TOLD)
        chosen = torch.where(told[:, None], _shaken(true), boxes.detach())
        if not known.any():
            return self._read(pictures, chosen), boxes.sum() * 0
        misses = (boxes[known, :2] - true[known, :2]).abs().mean()
        misses = misses + (boxes[known, 2].log() - true[known, 2].log()).abs().mean()
        misses = misses + 2 * (found[known] - landmarks[known]).abs().mean()
        return self._read(pictures, chosen), misses

    def _read(self, pictures: torch.Tensor, boxes: torch.Tensor) -> torch.Tensor:
        logits: torch.Tensor = self.head(self.read(crop(pictures, boxes, CROP_PX)))
        return logits


def centres_of_mass(maps: torch.Tensor) -> torch.Tensor:
    """Where each map is greatest, as a smooth function: soft-argmax (Luvizon et al. 2019).

    Args:
        maps: float [n, maps, side, side].

    Returns:
        Float [n, maps, 2], x and y in -1..1 from edge to edge.
    """
    side = maps.shape[-1]
    places = (torch.arange(side, device=maps.device) * 2 + 1) / side - 1
    shares = maps.flatten(2).softmax(dim=2).unflatten(2, (side, side))  # [n, maps, y, x]
    return torch.stack([(shares.sum(dim=2) * places).sum(dim=2), (shares.sum(dim=3) * places).sum(dim=2)], dim=2)


def box(landmarks: torch.Tensor) -> torch.Tensor:
    """The square around a hand.

    Args:
        landmarks: float [n, 21, 2], x and y in -1..1.

    Returns:
        Float [n, 3]: centre x and y, half the side.
    """
    low, high = landmarks.amin(dim=1), landmarks.amax(dim=1)
    return torch.cat([(low + high) / 2, (high - low).amax(dim=1, keepdim=True) / 2 * MARGIN], dim=1)


def _shaken(boxes: torch.Tensor) -> torch.Tensor:
    """Boxes as wrong as those found in new pictures will be."""
    draws = torch.rand_like(boxes) * 2 - 1
    half = boxes[:, 2:]
    return torch.cat([boxes[:, :2] + JITTER * draws[:, :2] * half, half * ZOOM ** draws[:, 2:]], dim=1)
