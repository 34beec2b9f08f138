"""BaselineCNN: small enough to be trained from scratch in minutes on two cores."""

import torch
from torch import nn
from torch.nn import functional

from asl_pkg import contract


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


class BaselineCNN(nn.Module):
    """Four convolutional stages over the halved image, and a linear layer over a 3x3 grid of features.

    If the data set has landmarks, a second linear layer learns to point at them from the same features: knowing
    where the joints are is most of knowing the letter (multi-task learning, Caruana 1997). It is not exported.

    Args:
        width: Channels of the first stage; later ones double them.
        dropout: Share of features dropped before the last layer.
    """

    def __init__(self, width: int, dropout: float) -> None:
        super().__init__()
        self.features = nn.Sequential(
            nn.AvgPool2d(2),  # [n, 3, 100, 100]: no letter needs finer detail, and all that follows costs a quarter
            _convolution(3, width, stride=2),  # [n, width, 50, 50]
            Stage(width, 2 * width),  # [n, 2 width, 25, 25]
            Stage(2 * width, 4 * width),  # [n, 4 width, 13, 13]
            Stage(4 * width, 8 * width),  # [n, 8 width, 7, 7]
            # Letters differ by where the fingers are: a mean over the whole image would lose that.
            nn.AvgPool2d(kernel_size=3, stride=2),  # [n, 8 width, 3, 3]
            nn.Flatten(),
        )
        self.dropout = nn.Dropout(dropout)
        self.head = nn.Linear(8 * width * 3 * 3, len(contract.CLASSES))
        self.joints = nn.Linear(8 * width * 3 * 3, contract.HAND_POINTS * 2)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Classify.

        Args:
            images: float [n, 3, 200, 200], normalised.

        Returns:
            Logits, float [n, 29].
        """
        logits: torch.Tensor = self.head(self.dropout(self.features(images)))
        return logits

    def learn(self, images: torch.Tensor, landmarks: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Classify in training, and predict the landmarks.

        Args:
            images: float [n, 3, 200, 200], normalised.
            landmarks: float [n, 21, 2], x and y in -1..1; NaN if there is no hand or it is unknown.

        Returns:
            Logits, float [n, 29], and the mean distance to the known landmarks along an axis.
        """
        features = self.features(images)
        known = ~landmarks[:, 0, 0].isnan()
        found = self.joints(features).view(-1, contract.HAND_POINTS, 2)
        distance = torch.where(known[:, None, None], found - landmarks, 0).abs().mean()
        return self.head(self.dropout(features)), distance
