"""Create the network of the settings."""

from torch import nn

from asl_pkg import contract
from asl_pkg.config.schema import BaselineModel, HandModel, ModelSettings, ResNetModel
from asl_pkg.errors import SettingError
from asl_pkg.models.baseline import BaselineCNN
from asl_pkg.models.hand.network import HandNetwork
from asl_pkg.models.resnet import TransferResNet


def build(settings: ModelSettings) -> nn.Module:
    """Make a network with random weights.

    Args:
        settings: Kind and size of the network.

    Returns:
        A module: float [n, 3, 200, 200], normalised -> logits float [n, 29].

    Raises:
        SettingError: There is no such network, or its pretrained parts are missing or altered.
    """
    match settings:
        case BaselineModel():
            return BaselineCNN(settings.width, settings.dropout)
        case ResNetModel():
            return TransferResNet(settings.backbone, settings.freeze_backbone)
        case HandModel():
            return HandNetwork(settings.dropout)
    raise SettingError(f"model={settings.name!r} is not a network: possible: hand, baseline, resnet")


def contract_version(settings: ModelSettings) -> int:
    """The contract version of the graph that a network becomes."""
    return contract.HAND_CONTRACT_VERSION if isinstance(settings, HandModel) else contract.CONTRACT_VERSION
