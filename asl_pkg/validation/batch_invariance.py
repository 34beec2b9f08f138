"""Whether an answer depends on its image alone, not on the rest of the batch, its size, or chance."""

import numpy as np
import onnxruntime

from asl_pkg import contract
from asl_pkg.data.decoding import Pixels
from asl_pkg.inference.onnx_session import predict_in_batches

IMAGES = 2 * contract.MAX_BATCH
ODD_BATCH = 7  # images: none of the sizes that config.pbtxt prefers


def greatest_change(session: onnxruntime.InferenceSession, pixels: Pixels) -> float:
    """Run images in batches of the largest size, again, in another order and size, and one by one.

    Args:
        session: ONNX Runtime on a graph that keeps the contract.
        pixels: Images, uint8 [n, 200, 200, 3].

    Returns:
        Greatest change of a probability; infinite if an answer is not a number.
    """
    chosen = np.linspace(0, len(pixels) - 1, min(IMAGES, len(pixels)), dtype=np.int64)
    images = np.asarray(pixels[chosen])
    reference = predict_in_batches(session, images)
    again = predict_in_batches(session, images)
    backwards = predict_in_batches(session, images[::-1], ODD_BATCH)[::-1]
    alone = predict_in_batches(session, images, 1)
    change = np.abs(np.stack([again, backwards, alone]) - reference).max()
    return float(change) if np.isfinite(change) else float("inf")
