"""The bundle of HandNetwork: its graph also gives landmarks, and every server of ours serves them."""

import base64
import io
import json
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pytest
from PIL import Image

from asl_pkg import contract
from asl_pkg.bundle.bundle import Bundle
from asl_pkg.data.hands.generator import make_recording
from asl_pkg.serving.triton.local import LocalTriton
from asl_pkg.validation.model_contract import contract_faults
from tests.support.hand import hand_bundle
from tests.support.transformers import Transformer, address, transformer

OUTPUTS = [contract.OUTPUT_NAME, contract.LANDMARKS_NAME, contract.HAND_SCORE_NAME]
BLACK = np.zeros((contract.IMAGE_PX, contract.IMAGE_PX, 3), np.uint8)


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    return hand_bundle(tmp_path_factory.mktemp("hand"))


@pytest.fixture(scope="module")
def hand() -> tuple[np.ndarray, np.ndarray]:
    """A drawn hand: pixels, and its landmarks [21, 2] in pixels."""
    (frame,) = make_recording(7, 0, contract.CLASSES.index("B"), 0, 1)
    assert frame.landmarks_2d is not None
    return frame.pixels, frame.landmarks_2d


@pytest.fixture(scope="module")
def triton(bundle: Bundle) -> Iterator[LocalTriton]:
    with LocalTriton(bundle, http_port=18710, grpc_port=18711, metrics_port=18712) as server:
        yield server


@pytest.fixture(scope="module")
def running(triton: LocalTriton, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Transformer]:
    with transformer(tmp_path_factory.mktemp("transformer"), 18720, address(triton)) as running:
        yield running


def ask(url: str, tensor: dict[str, Any], *outputs: str) -> dict[str, Any]:
    """Outputs by name."""
    content = {"inputs": [tensor], **({"outputs": [{"name": name} for name in outputs]} if outputs else {})}
    infer = f"{url}/v2/models/{contract.MODEL_NAME}/infer"
    request = urllib.request.Request(infer, json.dumps(content).encode(), {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=60) as response:
        return {output["name"]: output for output in json.load(response)["outputs"]}


def as_pixels(*images: np.ndarray) -> dict[str, Any]:
    data = np.stack(images).ravel().tolist()
    return {"name": contract.INPUT_NAME, "datatype": "UINT8", "shape": [len(images), *images[0].shape], "data": data}


def as_file(image: Image.Image) -> dict[str, Any]:
    written = io.BytesIO()
    image.save(written, "PNG")
    data = [base64.b64encode(written.getvalue()).decode()]
    return {"name": "image", "datatype": "BYTES", "shape": [1], "data": data}


def points(output: dict[str, Any]) -> np.ndarray:
    """x and y of the first image's landmarks [21, 2]."""
    return np.reshape(output["data"], output["shape"])[0, :, :2]


def test_the_bundle_keeps_contract_version_2(bundle: Bundle) -> None:
    assert bundle.manifest.contract_version == contract.HAND_CONTRACT_VERSION
    assert contract_faults(bundle) == []


def test_a_bundle_that_names_the_other_version_is_refused(bundle: Bundle) -> None:
    former = bundle.manifest.model_copy(update={"contract_version": contract.CONTRACT_VERSION})
    assert any("outputs" in fault for fault in contract_faults(Bundle(bundle.folder, former)))


def test_the_graph_gives_landmarks_where_the_hand_is(bundle: Bundle, hand: tuple[np.ndarray, np.ndarray]) -> None:
    pixels, joints = hand
    session = onnxruntime.InferenceSession(bundle.model_path)
    _, landmarks, score = session.run(OUTPUTS, {contract.INPUT_NAME: np.stack([pixels, BLACK])})
    assert (landmarks.dtype, landmarks.shape, score.shape) == (np.float32, (2, contract.HAND_POINTS, 3), (2,))
    assert np.linalg.norm(landmarks[0, :, :2] - joints, axis=1).mean() < 10  # px
    assert score[0] > 0.5
    assert not landmarks[1].any()
    assert score[1] == 0


def test_an_image_gets_the_same_landmarks_beside_one_that_needs_a_second_look(
    bundle: Bundle, hand: tuple[np.ndarray, np.ndarray]
) -> None:
    """The graph looks for a hand a second time only if some image of the batch needs it."""
    near = np.asarray(Image.fromarray(hand[0]).crop((40, 40, 160, 160)).resize((200, 200)))
    session = onnxruntime.InferenceSession(bundle.model_path)
    together = session.run(OUTPUTS, {contract.INPUT_NAME: np.stack([hand[0], near, BLACK])})
    for number, image in enumerate([hand[0], near, BLACK]):
        alone = session.run(OUTPUTS, {contract.INPUT_NAME: image[None]})
        for values, expected in zip(together, alone, strict=True):
            np.testing.assert_allclose(values[number], expected[0], rtol=1e-3, atol=1e-2)


def test_triton_gives_the_three_outputs_and_output_alone_to_who_asks_for_it(
    triton: LocalTriton, bundle: Bundle, hand: tuple[np.ndarray, np.ndarray]
) -> None:
    answer = ask(triton.http_url, as_pixels(hand[0]))
    assert [answer[name]["shape"] for name in OUTPUTS] == [
        [1, len(contract.CLASSES)],
        [1, contract.HAND_POINTS, 3],
        [1, 1],
    ]
    expected = onnxruntime.InferenceSession(bundle.model_path).run(OUTPUTS, {contract.INPUT_NAME: hand[0][None]})
    for name, values in zip(OUTPUTS, expected, strict=True):
        np.testing.assert_allclose(answer[name]["data"], values.ravel(), rtol=1e-4, atol=1e-3)
    assert list(ask(triton.http_url, as_pixels(hand[0]), contract.OUTPUT_NAME)) == [contract.OUTPUT_NAME]


def test_kserves_own_server_has_tritons_outputs(triton: LocalTriton, bundle: Bundle) -> None:
    """In a process of its own: KServe's SDK and tritonclient do not share one."""
    code = (
        "import json, pathlib, sys; from asl_pkg.bundle.bundle import open_bundle; "
        "from asl_pkg.serving.v2_server.onnx_model import OnnxModel; "
        "print(json.dumps(OnnxModel(open_bundle(pathlib.Path(sys.argv[1]))).get_output_types()))"
    )
    command = [sys.executable, "-c", code, str(bundle.folder)]
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    with urllib.request.urlopen(f"{triton.http_url}/v2/models/{contract.MODEL_NAME}", timeout=60) as response:
        assert json.loads(said.splitlines()[-1]) == json.load(response)["outputs"]


@pytest.mark.parametrize(("width", "height"), [(400, 400), (300, 200), (200, 300)])
def test_the_transformer_gives_landmarks_in_the_pixels_of_the_image_that_was_sent(
    running: Transformer, hand: tuple[np.ndarray, np.ndarray], width: int, height: int
) -> None:
    """The hand is pasted where its corner is known."""
    side = min(width, height)
    corner = (width - side) // 2, (height - side) // 2
    sent = Image.new("RGB", (width, height), (128, 128, 128))
    sent.paste(Image.fromarray(hand[0]).resize((side, side)), corner)
    answer = ask(running.http_url, as_file(sent), contract.LANDMARKS_NAME, contract.HAND_SCORE_NAME)
    expected = hand[1] * side / contract.IMAGE_PX + corner
    assert np.linalg.norm(points(answer[contract.LANDMARKS_NAME]) - expected, axis=1).mean() < side / 20
    assert answer[contract.HAND_SCORE_NAME]["shape"] == [1]


def test_the_transformer_follows_the_orientation_in_exif(
    running: Transformer, hand: tuple[np.ndarray, np.ndarray], tmp_path: Path
) -> None:
    """A tall image, stored on its side."""
    tall = Image.new("RGB", (200, 300), (128, 128, 128))
    tall.paste(Image.fromarray(hand[0]), (0, 50))
    turned = Image.Exif()
    turned[0x0112] = 6
    tall.transpose(Image.Transpose.ROTATE_90).save(tmp_path / "turned.png", exif=turned)
    data = [base64.b64encode((tmp_path / "turned.png").read_bytes()).decode()]
    tensor = {"name": "image", "datatype": "BYTES", "shape": [1], "data": data}
    found = points(ask(running.http_url, tensor, contract.LANDMARKS_NAME)[contract.LANDMARKS_NAME])
    upright = points(ask(running.http_url, as_file(tall), contract.LANDMARKS_NAME)[contract.LANDMARKS_NAME])
    np.testing.assert_allclose(found, upright, atol=0.01)


def test_the_transformer_gives_zeros_for_an_image_that_cannot_be_read(
    running: Transformer, hand: tuple[np.ndarray, np.ndarray]
) -> None:
    good = as_file(Image.fromarray(hand[0]))["data"][0]
    tensor = {"name": "image", "datatype": "BYTES", "shape": [2], "data": [base64.b64encode(b"none").decode(), good]}
    answer = ask(running.http_url, tensor, *OUTPUTS)
    assert answer[contract.HAND_SCORE_NAME]["data"][0] == 0
    assert answer[contract.HAND_SCORE_NAME]["data"][1] > 0.5
    assert not points(answer[contract.LANDMARKS_NAME]).any()


def test_the_transformers_metadata_lists_the_hand_and_no_request_gets_it_unasked(
    running: Transformer, hand: tuple[np.ndarray, np.ndarray]
) -> None:
    with urllib.request.urlopen(f"{running.http_url}/v2/models/{contract.MODEL_NAME}", timeout=60) as response:
        named = [output["name"] for output in json.load(response)["outputs"]]
    assert {contract.LANDMARKS_NAME, contract.HAND_SCORE_NAME} <= set(named)
    assert contract.LANDMARKS_NAME not in ask(running.http_url, as_file(Image.fromarray(hand[0])))
