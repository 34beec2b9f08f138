"""The transformer in front of real Tritons: letters for images, with every client, and errors."""

import base64
import contextlib
import importlib
import io
import json
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
from PIL import Image

from asl_pkg import contract
from asl_pkg.bundle.bundle import Bundle
from asl_pkg.config.schema import InferenceSettings
from asl_pkg.infer import Prediction, infer
from asl_pkg.inference.v2_client import Client
from asl_pkg.serving.triton.local import LocalTriton
from tests.fuzz.damaged_http import damaged_requests, send
from tests.support.s3_server import free_ports
from tests.support.transformers import Transformer, address, transformer

INFER = f"/v2/models/{contract.MODEL_NAME}/infer"
PREDICT = f"/v1/models/{contract.MODEL_NAME}:predict"
# What the SDK takes as if it were right; no answer is wrong by it.
LENIENT = {"type uint8", "outputs {}", "not gzip"}


@pytest.fixture(scope="module")
def running(server: LocalTriton, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Transformer]:
    with transformer(tmp_path_factory.mktemp("transformer"), 18500, address(server)) as running:
        yield running


def encode(image: Image.Image, kind: str, **options: Any) -> bytes:
    written = io.BytesIO()
    image.save(written, kind, **options)
    return written.getvalue()


@pytest.fixture(scope="module")
def files() -> dict[str, bytes]:
    """Images as cameras and programs write them."""
    columns = np.linspace(0, 255, 240, dtype=np.uint8)[None, :, None]
    pixels = np.broadcast_to(columns, (160, 240, 3)) // [1, 2, 4]
    colours = Image.fromarray(pixels.astype(np.uint8))
    turned = Image.Exif()
    turned[0x0112] = 6
    deep = Image.fromarray(pixels[:, :, 0].astype(np.uint16) * 257)
    return {
        "JPEG": encode(colours, "JPEG"),
        "EXIF": encode(colours, "JPEG", exif=turned),
        "CMYK": encode(colours.convert("CMYK"), "JPEG"),
        "alpha": encode(Image.merge("RGBA", (*colours.split(), colours.getchannel("R"))), "PNG"),
        "palette": encode(colours.quantize(16), "PNG"),
        "16 bits": encode(deep, "PNG"),
        "WebP": encode(colours, "WEBP", lossless=True),
    }


@pytest.fixture(scope="module")
def expected(files: dict[str, bytes], bundle: Bundle, tmp_path_factory: pytest.TempPathFactory) -> list[Prediction]:
    """What `asl infer` says of them."""
    folder = tmp_path_factory.mktemp("images")
    for name, data in files.items():
        (folder / name).write_bytes(data)
    return list(infer(InferenceSettings(bundle=str(bundle.folder)), [str(folder / name) for name in files]))


def post(url: str, content: Any) -> tuple[int, Any]:
    """Status and JSON of the answer."""
    body = content if isinstance(content, bytes) else json.dumps(content).encode()
    request = urllib.request.Request(url, body, {"Content-Type": "application/json"})
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        return error.code, json.load(error)


def as_json(*images: bytes) -> dict[str, Any]:
    texts = [base64.b64encode(image).decode() for image in images]
    return {"inputs": [{"name": "image", "datatype": "BYTES", "shape": [len(texts)], "data": texts}]}


def ask(running: Transformer, scheme: str, images: list[bytes], *wanted: str) -> Any:
    """tritonclient's result."""
    kit = importlib.import_module(f"tritonclient.{scheme}")
    client = kit.InferenceServerClient(getattr(running, f"{scheme}_url").partition("://")[2])
    with contextlib.closing(client):
        tensor = kit.InferInput("image", [len(images)], "BYTES")
        tensor.set_data_from_numpy(np.array(images, np.object_))
        outputs = [kit.InferRequestedOutput(name) for name in wanted] or None
        return client.infer(contract.MODEL_NAME, [tensor], outputs=outputs)


@pytest.mark.parametrize("scheme", ["http", "grpc"])
def test_it_says_of_every_kind_of_image_what_asl_infer_says(
    running: Transformer, scheme: str, files: dict[str, bytes], expected: list[Prediction]
) -> None:
    result = ask(running, scheme, list(files.values()))
    assert [text.decode() for text in result.as_numpy("letter")] == [letter.letter for letter in expected]
    np.testing.assert_allclose(result.as_numpy("confidence"), [letter.confidence for letter in expected], atol=1e-5)
    assert {text.decode() for text in result.as_numpy("release")} == {expected[0].release}
    assert {text.decode() for text in result.as_numpy("error")} == {""}
    for row, letter in zip(result.as_numpy("top3"), expected, strict=True):
        assert [text.decode().split(":")[2] for text in row] == [letter for letter, _ in letter.top3]


def test_v1_and_v2_in_json_take_base64_and_say_the_same(
    running: Transformer, files: dict[str, bytes], expected: list[Prediction]
) -> None:
    _, v2 = post(running.http_url + INFER, as_json(*files.values()))
    instances = [{"b64": base64.b64encode(data).decode()} for data in files.values()]
    _, v1 = post(running.http_url + PREDICT, {"instances": instances})
    letters = [letter.letter for letter in expected]
    assert v2["outputs"][0] == {"name": "letter", "datatype": "BYTES", "shape": [len(letters)], "data": letters}
    assert [prediction["letter"] for prediction in v1["predictions"]] == letters
    assert v1["predictions"][0]["top3"] == [[letter, pytest.approx(p, abs=1e-5)] for letter, p in expected[0].top3]
    assert {prediction["release"] for prediction in v1["predictions"]} == {v2["model_version"]} == {expected[0].release}


@pytest.mark.parametrize(
    "write",
    [
        lambda data: base64.encodebytes(data).decode(),
        lambda data: "data:image/jpeg;base64," + base64.b64encode(data).decode(),
        lambda data: base64.urlsafe_b64encode(data).decode(),
        lambda data: base64.b64encode(data).decode().rstrip("="),
    ],
    ids=["in lines", "a data URL", "for URLs", "without padding"],
)
def test_base64_is_read_in_every_form_that_programs_write(
    running: Transformer, write: Callable[[bytes], str], files: dict[str, bytes], expected: list[Prediction]
) -> None:
    _, answer = post(running.http_url + PREDICT, {"instances": [{"b64": write(data)} for data in files.values()]})
    assert [image["letter"] for image in answer["predictions"]] == [image.letter for image in expected]


@pytest.mark.parametrize("scheme", ["http", "grpc"])
def test_one_bad_image_among_several_has_its_error_and_the_others_their_letters(
    running: Transformer, scheme: str, files: dict[str, bytes], expected: list[Prediction]
) -> None:
    huge = encode(Image.new("1", (5001, 5000)), "PNG")
    result = ask(running, scheme, [b"no image", files["JPEG"], b"", huge], "letter", "error", contract.OUTPUT_NAME)
    errors = [text.decode() for text in result.as_numpy("error")]
    assert [text.decode() for text in result.as_numpy("letter")] == ["", expected[0].letter, "", ""]
    assert not errors[1]
    assert "not an image" in errors[0]
    assert "empty" in errors[2]
    assert "25,000,000 pixels" in errors[3]
    np.testing.assert_allclose(result.as_numpy(contract.OUTPUT_NAME).sum(axis=1), [0, 1, 0, 0], atol=1e-5)


def test_where_no_image_can_be_read_it_is_400_and_says_why(running: Transformer, files: dict[str, bytes]) -> None:
    status, answer = post(running.http_url + INFER, as_json(files["alpha"][:-100], b"x"))
    assert status == 400
    assert "none of 2 images can be read; the first: damaged or truncated" in answer["error"]
    status, answer = post(running.http_url + PREDICT, {"instances": [{"b64": "?"}]})
    assert status == 400
    assert "base64" in answer["error"]


@pytest.mark.parametrize(
    "content",
    [{}, [], {"instances": []}, {"instances": [{}]}, {"instances": [3]}, {"instances": [{"b64": ""}] * 33}, b"{"],
    ids=["nothing", "a list", "no instance", "no b64", "a number", "too many", "no JSON"],
)
def test_what_is_not_v1_is_400_and_says_what_is_expected(running: Transformer, content: Any) -> None:
    status, answer = post(running.http_url + PREDICT, content)
    assert status == 400
    assert content == b"{" or '{"instances": [{"b64": "…"}]}' in answer["error"]


def test_more_than_32_mib_is_413(running: Transformer) -> None:
    status, answer = post(running.http_url + INFER, bytes(33 * 2**20))
    assert status == 413
    assert "32 MiB" in answer["error"]


@pytest.mark.parametrize("scheme", ["http", "grpc"])
def test_raw_pixels_pass_through_for_clients_of_the_model_server(
    running: Transformer, server: LocalTriton, scheme: str, pixels: np.ndarray
) -> None:
    answers = []
    for url in (getattr(running, f"{scheme}_url"), getattr(server, f"{scheme}_url")):
        with contextlib.closing(Client(url)) as client:
            answers.append(client.predict(pixels))
            assert client.release == server.bundle.release
    np.testing.assert_array_equal(*answers)


def test_every_damaged_request_gets_a_clear_error_and_it_still_answers(
    running: Transformer, files: dict[str, bytes]
) -> None:
    faults = {request.name: fault for request in damaged_requests() if (fault := send(running.http_url, request))}
    assert set(faults) <= LENIENT, faults
    assert post(running.http_url + INFER, as_json(files["JPEG"]))[0] == 200
    assert "Traceback" not in running.log.read_text()


def test_nobody_may_load_or_unload_a_model(running: Transformer) -> None:
    for verb in ("load", "unload"):
        status, _ = post(f"{running.http_url}/v2/repository/models/{contract.MODEL_NAME}/{verb}", {})
        assert status == 400
    assert running.ready


@pytest.mark.parametrize(
    ("flags", "word"),
    [
        ([], "--predictor_host"),
        (["--predictor_host", "somewhere"], "HOST:PORT"),
        (["--predictor_host", "127.0.0.1:9", "--http_port", "many"], "many"),
        (["--predictor_host", "127.0.0.1:9", "--chart", "/nowhere"], "/nowhere"),
        (["--predictor_host", "127.0.0.1:9", "--cors_origins", "*"], "cors_origins"),
    ],
    ids=["no predictor", "no port", "no number", "no chart", "no origin"],
)
def test_what_is_wrong_at_its_start_is_one_line(flags: list[str], word: str) -> None:
    assert word in refused(*flags)


@pytest.mark.parametrize("taken", ["http", "grpc"])
def test_a_port_that_is_taken_is_named(running: Transformer, taken: str) -> None:
    address = {"http": running.http_url, "grpc": running.grpc_url}[taken].partition("://")[2]
    ports = dict(zip(("http", "grpc"), map(str, free_ports(2)), strict=True)) | {taken: address.partition(":")[2]}
    flags = ["--http_port", ports["http"], "--grpc_port", ports["grpc"]]
    assert address in refused("--predictor_host", "127.0.0.1:9", "--host", "127.0.0.1", *flags)


def refused(*flags: str) -> str:
    """The one line with which a transformer that cannot start ends."""
    command = [sys.executable, "-m", "asl_pkg.serving.transformer", *flags]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
    return done.stderr


def test_it_imports_nothing_that_only_training_needs() -> None:
    heavy = {"torch", "torchvision", "mlflow", "onnxruntime", "tritonclient", "sklearn", "hydra"}
    code = "import sys, asl_pkg.serving.transformer.model; print(*{name.partition('.')[0] for name in sys.modules})"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert not heavy & set(done.stdout.split())
