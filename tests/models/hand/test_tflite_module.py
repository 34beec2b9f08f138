"""The torch modules compute what TensorFlow Lite's own interpreter computes from the same files."""

import numpy as np
import pytest
import torch

from asl_pkg.lineage.sbom import PretrainedFile
from asl_pkg.models.hand.tflite_module import TfliteModule
from asl_pkg.models.hand.weights import HAND_LANDMARKS, PALM_DETECTOR, read_weights

IMAGES = 200


@pytest.mark.slow
@pytest.mark.parametrize(("file", "side"), [(PALM_DETECTOR, 192), (HAND_LANDMARKS, 224)])
def test_outputs_are_those_of_the_interpreter(file: PretrainedFile, side: int) -> None:
    litert = pytest.importorskip("ai_edge_litert.interpreter", exc_type=ImportError)
    data = read_weights(file)
    module = TfliteModule(data)
    interpreter = litert.Interpreter(model_content=data)
    interpreter.allocate_tensors()
    rng = np.random.default_rng(0)
    for _ in range(IMAGES):
        image = _blots(rng, side)
        interpreter.set_tensor(interpreter.get_input_details()[0]["index"], image[None])
        interpreter.invoke()
        with torch.inference_mode():
            found = module(torch.from_numpy(image).permute(2, 0, 1)[None])
        for detail, values in zip(interpreter.get_output_details(), found, strict=True):
            expected = interpreter.get_tensor(detail["index"])
            np.testing.assert_allclose(values.numpy(), expected, atol=1e-3, rtol=1e-5)


def test_no_weight_is_trained() -> None:
    module = TfliteModule(read_weights(PALM_DETECTOR))
    assert sum(parameter.numel() for parameter in module.parameters()) > 1_000_000
    assert not any(parameter.requires_grad for parameter in module.parameters())


def _blots(rng: np.random.Generator, side: int) -> np.ndarray:
    """A soft image of random colours, float32 [side, side, 3] in 0..1."""
    coarse = torch.from_numpy(rng.random((1, 3, 12, 12), np.float32))
    image = torch.nn.functional.interpolate(coarse, (side, side), mode="bicubic").clamp(0, 1)
    return image[0].permute(1, 2, 0).contiguous().numpy()
