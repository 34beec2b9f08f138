"""What the frozen parts of HandNetwork make of pixels, computed for training."""

from collections.abc import Callable

import onnxruntime
import torch
from torch import nn

from asl_pkg import contract
from asl_pkg.models.hand.network import HandNetwork
from asl_pkg.models.normalise import Normalise
from asl_pkg.models.onnx_export import to_onnx


class FrozenParts(nn.Module):
    """Pixels in, features out.

    Args:
        network: Source of the frozen parts.
    """

    def __init__(self, network: HandNetwork) -> None:
        super().__init__()
        self.normalise = Normalise()
        self.network = network

    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        """Compute: uint8 [n, 200, 200, 3] -> float32 [n, FEATURES]."""
        return self.network.extract(self.normalise(pixels))


def extractor(network: HandNetwork, device: torch.device) -> Callable[[torch.Tensor], torch.Tensor]:
    """Make a function that computes features; on a CPU in ONNX Runtime, which takes a third of torch's time.

    Args:
        network: Source of the frozen parts.
        device: Device to compute on.

    Returns:
        uint8 [n, 200, 200, 3] -> float32 [n, FEATURES], both on the CPU.
    """
    frozen = FrozenParts(network).eval().to(device)
    if device.type != "cpu":
        return torch.inference_mode()(lambda pixels: frozen(pixels.to(device)).cpu())
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4  # its warnings are for its own developers
    graph = to_onnx(frozen, {}).SerializeToString()
    session = onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])
    return lambda pixels: torch.from_numpy(session.run(None, {contract.INPUT_NAME: pixels.numpy()})[0])
