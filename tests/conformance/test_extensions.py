"""Triton's extensions of the protocol, the same on this machine and on a cluster."""

import numpy as np
import pytest

from asl_pkg import contract
from asl_pkg.bundle.triton_config import THRESHOLD_PARAMETER
from asl_pkg.inference.onnx_session import open_session, predict
from tests.conformance.clients import curl, tritonclient
from tests.conformance.conftest import Target

SCHEMES = ("http", "grpc")


@pytest.mark.parametrize("scheme", SCHEMES)
def test_the_models_configuration(triton: Target, scheme: str) -> None:
    with tritonclient(triton, scheme) as (_, client):
        as_json = {"as_json": True} if scheme == "grpc" else {}
        told = client.get_model_config(contract.MODEL_NAME, **as_json)
    config = told.get("config", told)
    assert (config["name"], config["backend"]) == (contract.MODEL_NAME, "onnxruntime")
    assert config["max_batch_size"] == contract.MAX_BATCH
    threshold = config["parameters"][THRESHOLD_PARAMETER]["string_value"]
    assert float(threshold) == triton.bundle.confidence_threshold
    assert config["output"][0]["label_filename"] == "labels.txt"


@pytest.mark.parametrize("scheme", SCHEMES)
def test_classification_gives_the_likeliest_classes_by_name(triton: Target, scheme: str, pixels: np.ndarray) -> None:
    with tritonclient(triton, scheme) as (kit, client):
        tensor = kit.InferInput(contract.INPUT_NAME, pixels.shape, "UINT8")
        tensor.set_data_from_numpy(pixels)
        wanted = kit.InferRequestedOutput(contract.OUTPUT_NAME, class_count=3)
        rows = client.infer(contract.MODEL_NAME, [tensor], outputs=[wanted]).as_numpy(contract.OUTPUT_NAME)
    for row, probabilities in zip(rows, predict(open_session(triton.bundle.model_path), pixels), strict=True):
        for text, index in zip(row, np.argsort(-probabilities, kind="stable"), strict=False):
            value, column, label = text.decode().split(":")
            assert (int(column), label) == (index, contract.CLASSES[index])
            assert float(value) == pytest.approx(probabilities[index], abs=1e-5)


def test_statistics_count_images(triton: Target, pixels: np.ndarray) -> None:
    """Over one connection: behind a Service there may be several pods, and each counts for itself."""
    with tritonclient(triton, "http") as (kit, client):

        def count() -> int:
            (statistics,) = client.get_inference_statistics(contract.MODEL_NAME)["model_stats"]
            assert (statistics["name"], statistics["version"]) == (contract.MODEL_NAME, "1")
            return int(statistics["inference_count"])

        before = count()
        tensor = kit.InferInput(contract.INPUT_NAME, pixels.shape, "UINT8")
        tensor.set_data_from_numpy(pixels)
        client.infer(contract.MODEL_NAME, [tensor])
        assert count() >= before + len(pixels)


def test_it_says_which_extensions_it_has(triton: Target) -> None:
    _, told = curl(triton, "/v2")
    assert {"classification", "model_configuration", "statistics", "binary_tensor_data"} <= set(told["extensions"])
