"""The network model=hand: letters from a hand's landmarks and from the pixels of its crop.

Finding the hand and its landmarks is pretrained and stays as it is; only two small classifiers are trained, one on the
landmarks' geometry and one on the landmark network's features of the crop. Each alone reads fewer strangers.
"""

import torch
from torch import nn
from torch.nn import functional

from asl_pkg import contract
from asl_pkg.models.hand import geometry
from asl_pkg.models.hand.landmarks import POOLED_FEATURES, LandmarkNetwork
from asl_pkg.models.hand.palm import PalmDetector

HIDDEN = 256  # units of the classifiers' hidden layers
NARROW = 128  # units after the pixels' features
COORDINATES = contract.HAND_POINTS * 3
SCORES = 3  # of the palm, of the hand's presence, of left or right
PARTS = [COORDINATES, COORDINATES, SCORES, POOLED_FEATURES]  # of the features: image, world, scores, pooled
FEATURES = sum(PARTS)
PRESENT = 0.5  # least probability of a hand, as in MediaPipe


class HandNetwork(nn.Module):
    """Finds the hand, and names the letter.

    Args:
        dropout: Share of the classifiers' units dropped in training.
    """

    mean: torch.Tensor
    std: torch.Tensor

    def __init__(self, dropout: float) -> None:
        super().__init__()
        self.palm = PalmDetector()
        self.landmarks = LandmarkNetwork()
        classes = len(contract.CLASSES)
        measures = 2 * geometry.SHAPE_MEASURES + SCORES
        self.by_shape = nn.Sequential(nn.BatchNorm1d(measures), *_layers(measures, dropout, classes))
        self.by_pixels = nn.Sequential(
            nn.BatchNorm1d(POOLED_FEATURES), nn.Dropout(0.5), nn.Linear(POOLED_FEATURES, NARROW), nn.ReLU(),
            *_layers(NARROW, dropout, classes),
        )  # fmt: skip
        for name, values in (("mean", contract.IMAGENET_MEAN), ("std", contract.IMAGENET_STD)):
            self.register_buffer(name, torch.tensor(values).view(1, 3, 1, 1), persistent=False)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Classify.

        Args:
            images: float [n, 3, 200, 200], normalised.

        Returns:
            Logits, float [n, 29].
        """
        return self.classify(self.extract(images))

    def extract(self, images: torch.Tensor) -> torch.Tensor:
        """Compute what the pretrained networks see; training does not change it.

        Args:
            images: float [n, 3, 200, 200], normalised.

        Returns:
            Float [n, FEATURES].
        """
        colours = images * self.std + self.mean
        score, region = self.palm(colours)
        found = self.landmarks(colours, region)
        scores = torch.stack([score, found.presence, found.handedness], dim=1)
        return torch.cat([found.image.flatten(1), found.world.flatten(1), scores, found.pooled], dim=1)

    def classify(self, features: torch.Tensor) -> torch.Tensor:
        """Name the letter.

        Args:
            features: float [n, FEATURES], from `extract`.

        Returns:
            Logits, float [n, 29]: the mean of both classifiers' log-probabilities.
        """
        shape, pixels = (functional.log_softmax(logits, dim=1) for logits in self.learn(features))
        return (shape + pixels) / 2

    def locate(self, features: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Say where the hand is.

        Args:
            features: float [n, FEATURES], from `extract`.

        Returns:
            Landmarks, float [n, 21, 3], in pixels of the image, and the probability of a hand, float [n], the lower
            of both networks'; both are 0 where it is below PRESENT.
        """
        image, _, scores, _ = features.split(PARTS, dim=1)
        palm, presence, _ = scores.unbind(dim=1)
        score = torch.minimum(palm, presence)  # on a blank crop the landmark network is not sure that there is none
        present = score >= PRESENT
        landmarks = contract.IMAGE_PX * image.unflatten(1, (contract.HAND_POINTS, 3))
        return torch.where(present[:, None, None], landmarks, 0), torch.where(present, score, 0)

    def learn(self, features: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Logits of each classifier, float [n, 29]; in training the landmarks are varied.

        Args:
            features: float [n, FEATURES], from `extract`.

        Returns:
            Those of the landmarks' geometry, and those of the pixels' features.
        """
        image, world, scores, pooled = features.split(PARTS, dim=1)
        hands = torch.stack([image, world], dim=1).unflatten(2, (contract.HAND_POINTS, 3))
        if self.training:
            hands = geometry.vary(hands)
        shape = torch.cat([geometry.measure(hands), scores], dim=1)
        return self.by_shape(shape), self.by_pixels(pooled)


def _layers(inputs: int, dropout: float, classes: int) -> list[nn.Module]:
    return [
        nn.Linear(inputs, HIDDEN), nn.ReLU(), nn.BatchNorm1d(HIDDEN), nn.Dropout(dropout),
        nn.Linear(HIDDEN, HIDDEN), nn.ReLU(), nn.BatchNorm1d(HIDDEN), nn.Dropout(dropout),
        nn.Linear(HIDDEN, classes),
    ]  # fmt: skip
