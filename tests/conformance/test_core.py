"""The Open Inference Protocol: Triton and the transformer answer every unmodified client alike."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from tritonclient.utils import InferenceServerException

from asl_pkg import contract
from tests.conformance.clients import MODEL, curl, curl_json, kserve_sdk, tritonclient
from tests.conformance.conftest import Target
from tests.conformance.protocol import ERROR, INFERENCE, SERVER, require
from tests.conformance.protocol import MODEL as MODEL_SCHEMA

SCHEMES = ("http", "grpc")
INFER = f"{MODEL}/infer"
PX = contract.IMAGE_PX


def content(pixels: np.ndarray, **changes: Any) -> dict[str, Any]:
    """A right request in JSON, and what is changed of its tensor."""
    tensor = {"name": contract.INPUT_NAME, "datatype": "UINT8", "shape": list(pixels.shape)}
    return {"inputs": [tensor | {"data": pixels.ravel().tolist()} | changes]}


def described(tensors: list[dict[str, Any]], name: str) -> tuple[str, list[int]]:
    """Type and shape of a tensor in a model's metadata; gRPC writes whole numbers as texts."""
    (tensor,) = [tensor for tensor in tensors if tensor["name"] == name]
    return tensor["datatype"], [int(size) for size in tensor["shape"]]


@pytest.mark.parametrize("path", ["/v2/health/live", "/v2/health/ready", f"{MODEL}/ready"])
def test_health_over_http(target: Target, path: str) -> None:
    assert curl(target, path)[0] == 200


@pytest.mark.parametrize("scheme", SCHEMES)
def test_health_by_tritonclient(target: Target, scheme: str) -> None:
    with tritonclient(target, scheme) as (_, client):
        assert client.is_server_live()
        assert client.is_server_ready()
        assert client.is_model_ready(contract.MODEL_NAME)


def test_metadata_of_the_server_names_the_release(target: Target) -> None:
    status, told = curl(target, "/v2")
    assert status == 200
    assert told["name"] == f"{contract.MODEL_NAME}@{target.bundle.release}"
    assert told["version"]
    assert isinstance(told["extensions"], list)


@pytest.mark.parametrize("scheme", SCHEMES)
def test_metadata_of_the_model_describes_its_tensors(target: Target, scheme: str) -> None:
    with tritonclient(target, scheme) as (_, client):
        as_json = {"as_json": True} if scheme == "grpc" else {}
        told = client.get_model_metadata(contract.MODEL_NAME, **as_json)
    assert told["name"] == contract.MODEL_NAME
    assert described(told["inputs"], contract.INPUT_NAME) == ("UINT8", [-1, PX, PX, 3])
    assert described(told["outputs"], contract.OUTPUT_NAME) == ("FP32", [-1, len(contract.CLASSES)])


def test_inference_in_json(target: Target, pixels: np.ndarray, expected: np.ndarray) -> None:
    request = content(pixels) | {"id": "7", "outputs": [{"name": contract.OUTPUT_NAME}]}
    status, answer = curl_json(target, INFER, request)
    assert (status, answer["id"], answer["model_name"]) == (200, "7", contract.MODEL_NAME)
    (output,) = answer["outputs"]
    assert (output["name"], output["datatype"], output["shape"]) == ("output", "FP32", list(expected.shape))
    np.testing.assert_allclose(np.reshape(output["data"], expected.shape), expected, atol=1e-5)


def test_inference_with_the_tensor_after_the_json(target: Target, pixels: np.ndarray, expected: np.ndarray) -> None:
    request = content(pixels, parameters={"binary_data_size": pixels.nbytes})
    del request["inputs"][0]["data"]
    header = json.dumps(request).encode()
    length = f"Inference-Header-Content-Length: {len(header)}"
    status, answer = curl(target, INFER, header + pixels.tobytes(), "Content-Type: application/octet-stream", length)
    assert status == 200, answer
    np.testing.assert_allclose(np.reshape(answer["outputs"][0]["data"], expected.shape), expected, atol=1e-5)


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("named", [True, False], ids=["output named", "no output named"])
def test_inference_by_tritonclient(
    target: Target, scheme: str, named: bool, pixels: np.ndarray, expected: np.ndarray
) -> None:
    with tritonclient(target, scheme) as (kit, client):
        tensor = kit.InferInput(contract.INPUT_NAME, pixels.shape, "UINT8")
        tensor.set_data_from_numpy(pixels)
        outputs = [kit.InferRequestedOutput(contract.OUTPUT_NAME)] if named else None
        result = client.infer(contract.MODEL_NAME, [tensor], outputs=outputs, request_id="7")
    response = result.get_response()
    assert (response["id"] if scheme == "http" else response.id) == "7"
    np.testing.assert_allclose(result.as_numpy(contract.OUTPUT_NAME), expected, atol=1e-5)


def test_kserves_own_clients(target: Target, pixels: np.ndarray, expected: np.ndarray, tmp_path: Path) -> None:
    said = kserve_sdk(target, pixels, tmp_path)
    assert said["rest ready"]
    assert said["grpc ready"] == [True, True, True]
    for protocol in ("rest", "grpc"):
        np.testing.assert_allclose(np.reshape(said[protocol], expected.shape), expected, atol=1e-5)


@pytest.mark.parametrize("scheme", SCHEMES)
def test_asl_infer(target: Target, scheme: str, pixels: np.ndarray, expected: np.ndarray, tmp_path: Path) -> None:
    for number, image in enumerate(pixels):
        Image.fromarray(image).save(tmp_path / f"{number}.png")
    asked = ["runtime=triton", f"url={getattr(target, f'{scheme}_url')}", "confidence_threshold=0", "output=json"]
    command = [sys.executable, "-m", "asl_pkg.commands", "infer", str(tmp_path), *asked]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    answers = [json.loads(line) for line in done.stdout.splitlines()]
    assert [prediction["letter"] for prediction in answers] == [
        contract.CLASSES[index] for index in expected.argmax(axis=1)
    ]
    assert {prediction["release"] for prediction in answers} == {target.bundle.release}


ERRORS: dict[str, dict[str, Any]] = {
    "another shape": {"shape": [1, PX, PX, 1], "data": [0] * (PX * PX)},
    "another type": {"datatype": "FP32"},
    "another name": {"name": "pixels"},
    "no image": {"shape": [0, PX, PX, 3], "data": []},
}


@pytest.mark.parametrize("changes", ERRORS.values(), ids=ERRORS)
def test_a_wrong_tensor_is_400_with_an_error_that_says_why(
    target: Target, changes: dict[str, Any], pixels: np.ndarray
) -> None:
    status, answer = curl_json(target, INFER, content(pixels[:1], **changes))
    assert status == 400
    assert answer["error"]


def test_more_images_than_the_server_takes_at_once_are_400(target: Target) -> None:
    status, answer = curl_json(target, INFER, content(np.zeros((contract.MAX_BATCH + 1, PX, PX, 3), np.uint8)))
    assert status == 400
    assert str(contract.MAX_BATCH) in answer["error"]


@pytest.mark.parametrize(
    "body",
    [b"{", b"[]", b'{"inputs": 3}', b'{"inputs": []}', content(np.zeros((1, PX, PX, 3), np.uint8), data=[1, 2, 3])],
    ids=["half", "a list", "a number", "no input", "too few numbers"],
)
def test_what_is_no_request_gets_an_error_that_says_why(target: Target, body: Any) -> None:
    status, answer = curl_json(target, INFER, body)
    assert status in (400, 500), "Triton says 500 of JSON that it cannot parse, and of numbers that do not fit a shape"
    assert answer["error"]


@pytest.mark.parametrize("version", ["", "/versions/1"], ids=["no version", "version 1"])
def test_every_answer_has_the_types_of_the_protocol_with_and_without_a_version(
    target: Target, pixels: np.ndarray, version: str
) -> None:
    status, told = curl(target, MODEL + version)
    require(told, MODEL_SCHEMA)
    assert (status, told["versions"]) == (200, ["1"])
    assert curl(target, f"{MODEL}{version}/ready")[0] == 200
    for more in ({}, {"id": "7"}, {"outputs": [{"name": contract.OUTPUT_NAME}]}):
        status, answer = curl_json(target, f"{MODEL}{version}/infer", content(pixels) | more)
        assert status == 200
        require(answer, INFERENCE)


def test_the_server_and_its_errors_have_the_types_of_the_protocol(target: Target) -> None:
    require(curl(target, "/v2")[1], SERVER)
    require(curl(target, "/v2/models/other")[1], ERROR)
    require(curl_json(target, INFER, b"{")[1], ERROR)


def test_a_version_that_is_not_there_is_not_found(target: Target, pixels: np.ndarray) -> None:
    for version in ("2", "latest"):
        assert curl(target, f"{MODEL}/versions/{version}")[0] == 404
        assert curl(target, f"{MODEL}/versions/{version}/ready")[0] >= 400
        assert curl_json(target, f"{MODEL}/versions/{version}/infer", content(pixels))[0] == 404


@pytest.mark.parametrize("scheme", SCHEMES)
def test_tritonclient_may_name_the_version(
    target: Target, pixels: np.ndarray, expected: np.ndarray, scheme: str
) -> None:
    with tritonclient(target, scheme) as (kit, client):
        tensor = kit.InferInput(contract.INPUT_NAME, pixels.shape, "UINT8")
        tensor.set_data_from_numpy(pixels)
        answer = client.infer(contract.MODEL_NAME, [tensor], model_version="1").as_numpy(contract.OUTPUT_NAME)
        np.testing.assert_allclose(answer, expected, atol=1e-5)
        assert client.is_model_ready(contract.MODEL_NAME, "1")
        assert not client.is_model_ready(contract.MODEL_NAME, "2")
        with pytest.raises(InferenceServerException):
            client.infer(contract.MODEL_NAME, [tensor], model_version="2")


def test_another_model_is_not_found(target: Target, pixels: np.ndarray) -> None:
    for path in ("/v2/models/other", "/v2/models/other/ready"):
        assert 400 <= curl(target, path)[0] < 500
    status, answer = curl_json(target, "/v2/models/other/infer", content(pixels[:1]))
    assert 400 <= status < 500
    assert "other" in answer["error"]


@pytest.mark.parametrize(
    ("model", "name", "code"),
    [("other", contract.INPUT_NAME, "NOT_FOUND"), (contract.MODEL_NAME, "pixels", "INVALID_ARGUMENT")],
    ids=["another model", "another tensor"],
)
def test_grpc_tells_errors_by_status(target: Target, model: str, name: str, code: str, pixels: np.ndarray) -> None:
    with tritonclient(target, "grpc") as (kit, client):
        tensor = kit.InferInput(name, pixels.shape, "UINT8")
        tensor.set_data_from_numpy(pixels)
        with pytest.raises(InferenceServerException) as caught:
            client.infer(model, [tensor])
    assert caught.value.status() == f"StatusCode.{code}"
