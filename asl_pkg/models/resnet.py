"""TransferResNet: a residual network of torchvision with a new last layer."""

import pickle
import warnings
from pathlib import Path
from typing import Any, Self

import torch
from torch import nn
from torchvision import models as torchvision_models

from asl_pkg import contract
from asl_pkg.errors import DataError

DOWNLOAD = "download"


class TransferResNet(nn.Module):
    """A residual network with 29 outputs.

    Args:
        backbone: Resnet18, resnet34 or resnet50.
        freeze_backbone: Train the last layer only.
    """

    def __init__(self, backbone: str, freeze_backbone: bool) -> None:
        super().__init__()
        self.backbone_name = backbone
        self.frozen = freeze_backbone
        self.backbone = torchvision_models.get_model(backbone, weights=None)
        self.head = nn.Linear(self.backbone.fc.in_features, len(contract.CLASSES))
        self.backbone.fc = nn.Identity()
        self.backbone.requires_grad_(not freeze_backbone)

    def train(self, mode: bool = True) -> Self:
        """Switch training on or off; a frozen backbone stays in evaluation mode, or its batch statistics drift."""
        super().train(mode)
        if self.frozen:
            self.backbone.eval()
        return self

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Classify.

        Args:
            images: float [n, 3, 200, 200], normalised.

        Returns:
            Logits, float [n, 29].
        """
        logits: torch.Tensor = self.head(self.backbone(images))
        return logits

    def load_weights(self, weights: str) -> None:
        """Start from ImageNet weights.

        Args:
            weights: A .pth file with torchvision's names, `download`, or empty to stay with random weights.

        Raises:
            DataError: The weights cannot be read or downloaded, or are another network's.
        """
        if not weights:
            warnings.warn(
                f"{self.backbone_name} trains from scratch: model.weights=download or model.weights=FILE.pth "
                "starts from ImageNet weights",
                stacklevel=2,
            )
            return
        state = self._downloaded() if weights == DOWNLOAD else _read(Path(weights))
        own = self.backbone.state_dict()
        state = {name: value for name, value in state.items() if not name.startswith("fc.")}
        if foreign := own.keys() ^ state.keys():
            raise DataError(
                f"{weights}: not the weights of {self.backbone_name} (not in both: {min(foreign)}); "
                "set model.backbone to the network that they belong to"
            )
        try:
            self.backbone.load_state_dict(state)
        except RuntimeError as error:
            raise DataError(f"{weights}: not the weights of {self.backbone_name}: sizes differ") from error

    def _downloaded(self) -> dict[str, Any]:
        weights = torchvision_models.get_model_weights(self.backbone_name).DEFAULT
        try:
            return dict(weights.get_state_dict(check_hash=True))
        except OSError as error:
            raise DataError(
                f"{weights.url} cannot be downloaded ({error}): use a file with model.weights=FILE.pth"
            ) from error


def _read(path: Path) -> dict[str, Any]:
    if not path.is_file():
        raise DataError(f"no weights in {path}: expected a .pth file or `download` in model.weights")
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    except (pickle.UnpicklingError, RuntimeError, EOFError, ValueError, OSError) as error:
        raise DataError(f"{path} holds no weights that load safely: expected a state_dict saved by torch") from error
    if not isinstance(state, dict):
        raise DataError(f"{path} holds a {type(state).__name__}: expected a state_dict saved by torch")
    return state
