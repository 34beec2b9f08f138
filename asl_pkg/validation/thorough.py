"""Parity with torch on more images than the test split has: its images varied as training varies them."""

import math

import numpy as np
import onnxruntime
import torch

from asl_pkg import contract
from asl_pkg.data.augmentation import augment, draw_numbers
from asl_pkg.data.decoding import Pixels
from asl_pkg.inference.onnx_session import predict
from asl_pkg.progress import track
from asl_pkg.validation.parity import Parity, join_parities, measure_parity

IMAGES = 5_000  # compared at least, the test images as they are included


def thorough_parity(
    as_they_are: Parity, session: onnxruntime.InferenceSession, served: torch.nn.Module, pixels: Pixels, seed: int
) -> Parity:
    """Compare ONNX Runtime with torch on varied test images too, until IMAGES are compared.

    Args:
        as_they_are: how the two compare on the test images themselves.
        session: of the exported graph.
        served: the checkpoint's network, in evaluation mode.
        pixels: of the test images, uint8 [n, 200, 200, 3].
        seed: of the variations.

    Returns:
        How they compare on all of them.
    """
    rounds = math.ceil(IMAGES / len(pixels)) - 1
    starts = [(number, start) for number in range(rounds) for start in range(0, len(pixels), contract.MAX_BATCH)]
    found = [as_they_are]
    for number, start in track(starts, len(starts), "Comparing varied images with torch", "batches"):
        rows = np.arange(start, min(start + contract.MAX_BATCH, len(pixels)))
        varied = augment(torch.from_numpy(np.array(pixels[rows])), draw_numbers(seed, number, rows))
        with torch.inference_mode():
            found.append(measure_parity(served(varied).numpy(), predict(session, varied.numpy())))
    return join_parities(found)
