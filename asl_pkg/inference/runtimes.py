"""Runtimes of a model: ONNX Runtime or torch in this process, or a model server."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from asl_pkg import contract
from asl_pkg.bundle.bundle import Bundle
from asl_pkg.config.schema import ExportSettings, InferenceSettings
from asl_pkg.errors import BundleError
from asl_pkg.inference.choice import choose_bundle
from asl_pkg.inference.v2_client import Client

UNRELEASED = "unreleased"  # a model outside a bundle has no release


@dataclass(frozen=True)
class Runtime:
    """A loaded model.

    Args:
        predict: uint8 [n, 200, 200, 3] -> float32 [n, 29], probabilities.
        release: Release of the model.
        confidence_threshold: Confidence below which the answer is `unsure`.
        image_px: Side of the image that it takes, in px.
    """

    predict: Callable[[np.ndarray], np.ndarray]
    release: str
    confidence_threshold: float
    image_px: int = contract.IMAGE_PX


def open_runtime(settings: InferenceSettings) -> Runtime:
    """Open the runtime of the settings.

    Args:
        settings: Runtime and location of the model.

    Returns:
        The runtime, with the model's own confidence threshold.

    Raises:
        BundleError: The model is missing, damaged, or has another contract.
        ServingError: No server answers.
    """
    if settings.runtime == "triton":
        return _of_server(settings)
    if settings.runtime == "torch":
        return _of_checkpoint(Path(settings.checkpoint_path))
    if settings.onnx_path:
        return _of_onnx(Path(settings.onnx_path))
    return _of_bundle(choose_bundle(settings))


def _of_server(settings: InferenceSettings) -> Runtime:
    client = Client(settings.url)
    threshold = settings.confidence_threshold
    return Runtime(client.predict, client.release, client.confidence_threshold if threshold is None else threshold)


def _of_checkpoint(path: Path) -> Runtime:
    import torch

    from asl_pkg.models import load_checkpoint
    from asl_pkg.models.export_module import ExportModule

    served = ExportModule(load_checkpoint(path)).eval()

    def predict(pixels: np.ndarray) -> np.ndarray:
        with torch.inference_mode():
            probabilities: np.ndarray = served(torch.from_numpy(pixels)).numpy()
        return probabilities

    return Runtime(predict, UNRELEASED, ExportSettings().confidence_threshold)


def _of_bundle(bundle: Bundle) -> Runtime:
    from asl_pkg.inference.onnx_session import open_session, predict

    session = open_session(bundle.model_path)
    return Runtime(partial(predict, session), bundle.release, bundle.confidence_threshold, bundle.image_px)


def _of_onnx(path: Path) -> Runtime:
    """A bare ONNX file, whose metadata replaces a bundle's."""
    from asl_pkg.inference.onnx_session import open_session, predict

    session = open_session(path)
    facts = session.get_modelmeta().custom_metadata_map
    allowed = {
        contract.METADATA_CLASSES: [json.dumps(contract.CLASSES)],
        contract.METADATA_CONTRACT: [str(version) for version in contract.OUTPUTS],
        contract.METADATA_PREPARATION: [str(contract.PREPARATION_VERSION)],
    }
    for name, values in allowed.items():
        if facts.get(name) not in values:
            expected = " or ".join(map(repr, values))
            raise BundleError(
                f"{path}: metadata {name} is {facts.get(name)!r}, expected {expected}: run `asl export` again"
            )
    return Runtime(partial(predict, session), UNRELEASED, float(facts[contract.METADATA_THRESHOLD]))
