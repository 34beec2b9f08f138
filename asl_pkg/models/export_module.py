"""The served module: pixels in, probabilities out. Export traces it, parity compares with it."""

import copy

import torch
from torch import nn

from asl_pkg.models.classifier import Classifier
from asl_pkg.models.hand.network import HandNetwork
from asl_pkg.models.normalise import Normalise


class ExportModule(nn.Module):
    """A trained network, from the pixels that clients send to the calibrated probabilities that they get.

    Args:
        classifier: Source of the network and the temperature.
    """

    def __init__(self, classifier: Classifier) -> None:
        super().__init__()
        self.normalise = Normalise()
        self.network = classifier.network
        self.mask = classifier.mask
        self.temperature = classifier.temperature

    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        """Answer.

        Args:
            pixels: uint8 [n, 200, 200, 3], RGB.

        Returns:
            Probabilities, float32 [n, 29], in the order of contract.CLASSES; 0 for a class that it does not know.
        """
        return self.calibrated(self.network(self.images(pixels)))

    def images(self, pixels: torch.Tensor) -> torch.Tensor:
        """Make the network's input of uint8 [n, 200, 200, 3]."""
        normalised: torch.Tensor = self.normalise(pixels)
        return normalised

    def calibrated(self, logits: torch.Tensor) -> torch.Tensor:
        """Turn the network's logits [n, 29] into probabilities, float32 [n, 29]."""
        return torch.softmax(self.mask(logits) / self.temperature, dim=1)


class HalfExportModule(ExportModule):
    """The same with the network in fp16; temperature and softmax stay in fp32, where small probabilities are not 0.

    Args:
        served: Source of the network, which is copied.
    """

    def __init__(self, served: ExportModule) -> None:
        nn.Module.__init__(self)
        self.normalise = served.normalise
        self.network = copy.deepcopy(served.network).half()
        self.mask = served.mask
        self.temperature = served.temperature

    def images(self, pixels: torch.Tensor) -> torch.Tensor:
        """Make the network's input of uint8 [n, 200, 200, 3]."""
        return super().images(pixels).half()

    def calibrated(self, logits: torch.Tensor) -> torch.Tensor:
        """Turn the network's logits [n, 29] into probabilities, float32 [n, 29]."""
        return super().calibrated(logits.float())


class HandExportModule(nn.Module):
    """The same, and where the hand is: what a graph of contract.HAND_CONTRACT_VERSION gives.

    Args:
        served: Module with a HandNetwork.
    """

    def __init__(self, served: ExportModule) -> None:
        super().__init__()
        self.served = served
        assert isinstance(served.network, HandNetwork)
        self.network = served.network

    def forward(self, pixels: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Answer.

        Args:
            pixels: uint8 [n, 200, 200, 3], RGB.

        Returns:
            Probabilities as of `ExportModule`; landmarks, float32 [n, 21, 3]; score of the hand, float32 [n].
        """
        features = self.network.extract(self.served.images(pixels))
        landmarks, score = self.network.locate(features.float())
        return self.served.calibrated(self.network.classify(features)), landmarks, score
