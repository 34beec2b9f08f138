"""The served module: pixels in, probabilities out. Export traces it, parity compares with it."""

import copy

import torch
from torch import nn

from asl_pkg.models.classifier import Classifier
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
        logits = self.mask(self.network(self.normalise(pixels)))
        return torch.softmax(logits / self.temperature, dim=1)


class HalfExportModule(nn.Module):
    """The same with the network in fp16; temperature and softmax stay in fp32, where small probabilities are not 0.

    Args:
        served: Source of the network, which is copied.
    """

    def __init__(self, served: ExportModule) -> None:
        super().__init__()
        self.normalise = served.normalise
        self.network = copy.deepcopy(served.network).half()
        self.mask = served.mask
        self.temperature = served.temperature

    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        """Answer, as `ExportModule.forward`."""
        logits = self.network(self.normalise(pixels).half())
        return torch.softmax(self.mask(logits.float()) / self.temperature, dim=1)
