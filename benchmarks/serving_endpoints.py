"""The servers that benchmarks/serving.py compares: how each is started and asked."""

import base64
import contextlib
import io
import json
import shutil
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import psutil
from PIL import Image

from asl_pkg import contract
from asl_pkg.bundle.bundle import Bundle, seal
from asl_pkg.bundle.triton_config import config_pbtxt
from asl_pkg.config.schema import ExportSettings
from asl_pkg.serving.triton.local import LocalTriton

PORT = 19000
INFER = f"/v2/models/{contract.MODEL_NAME}/infer"
PREDICT = f"/v1/models/{contract.MODEL_NAME}:predict"
PEERS = Path(__file__).parent / "serving_peers"
START_S = 300.0


@dataclass(frozen=True)
class Endpoint:
    """URL of a server, a request to it, and its processes."""

    url: str
    headers: dict[str, str]
    body: bytes
    pids: tuple[int, ...]


@dataclass(frozen=True)
class Peer:
    """A server that is not ours.

    Args:
        script: Script in serving_peers/.
        packages: Packages that it needs, besides ONNX Runtime and NumPy.
        ready: path where it says that it is.
        path: Path of its endpoint.
        request: headers and body for pixels, as compact as it takes them.
    """

    script: str
    packages: tuple[str, ...]
    ready: str
    path: str
    request: Callable[[np.ndarray], tuple[dict[str, str], bytes]]


OURS = ("triton-binary", "triton-json", "transformer")


def image() -> np.ndarray:
    """One image with detail at several scales, uint8 [1, 200, 200, 3]."""
    rng = np.random.default_rng(1)
    coarse = rng.integers(0, 128, (1, 8, 8, 3), np.uint8).repeat(25, axis=1).repeat(25, axis=2)
    return coarse + rng.integers(0, 128, coarse.shape, np.uint8)


@contextlib.contextmanager
def endpoint(name: str, bundle: Bundle, work: Path, copies: int, threads: int) -> Iterator[Endpoint]:
    """Start a server.

    Args:
        name: one of OURS or FOREIGN.
        bundle: Bundle to serve.
        work: folder for what it needs.
        copies: Number of instances or worker processes.
        threads: Threads of each copy.

    Yields:
        Where it answers.
    """
    start = _foreign(FOREIGN[name], bundle, work, copies, threads) if name in FOREIGN else None
    with start or _ours(name, bundle, work, copies, threads) as started:
        yield started


@contextlib.contextmanager
def _foreign(peer: Peer, bundle: Bundle, work: Path, copies: int, threads: int) -> Iterator[Endpoint]:
    url = f"http://127.0.0.1:{PORT}"
    command = [str(_environment(work, peer.packages)), peer.script, str(bundle.model_path.absolute())]
    with _process([*command, str(PORT), str(copies), str(threads)], url + peer.ready, work) as pid:
        yield Endpoint(url + peer.path, *peer.request(image()), (pid,))


@contextlib.contextmanager
def _ours(name: str, bundle: Bundle, work: Path, copies: int, threads: int) -> Iterator[Endpoint]:
    changed = _with_settings(bundle, work / "bundle", copies, threads)
    with LocalTriton(changed, http_port=PORT, grpc_port=PORT + 1, metrics_port=PORT + 2) as server:
        if name != "transformer":
            headers, body = _binary(image()) if name == "triton-binary" else _json(image())
            yield Endpoint(server.http_url + INFER, headers, body, (server.pid,))
            return
        url, ports = f"http://127.0.0.1:{PORT + 10}", ["--http_port", str(PORT + 10), "--grpc_port", str(PORT + 11)]
        address = server.grpc_url.removeprefix("grpc://")
        command = [sys.executable, "-m", "asl_pkg.serving.transformer", "--host", "127.0.0.1", *ports]
        with _process([*command, "--predictor_host", address], f"{url}/v2/health/ready", work) as pid:
            yield Endpoint(url + PREDICT, *_jpeg(image()), (pid, server.pid))


def _with_settings(bundle: Bundle, folder: Path, copies: int, threads: int) -> Bundle:
    """A copy of a bundle whose Triton has so many instances, of so many threads."""
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(bundle.folder, folder)
    settings = ExportSettings(instances=copies, threads=threads, confidence_threshold=bundle.confidence_threshold)
    (folder / contract.CONFIG_FILE).write_text(config_pbtxt(settings))
    (folder / contract.BUNDLE_FILE).unlink()
    return seal(folder, bundle.manifest)


def _environment(work: Path, packages: tuple[str, ...]) -> Path:
    """The Python of a peer's own environment, made once."""
    python, done = (work / "venv/bin/python").absolute(), work / "installed"
    if not done.exists():
        subprocess.run([sys.executable, "-m", "venv", work / "venv"], check=True)
        subprocess.run([python, "-m", "pip", "install", "--quiet", *packages, "onnxruntime", "numpy"], check=True)
        done.touch()
    return python


@contextlib.contextmanager
def _process(command: list[str], ready: str, work: Path) -> Iterator[int]:
    """A server as a process, when it answers."""
    log = work / "server.log"
    with log.open("wb") as output:
        server = subprocess.Popen(command, cwd=PEERS, stdout=output, stderr=subprocess.STDOUT)
    try:
        _wait(ready, server, log)
        yield server.pid
    finally:
        _end(server)


def _end(server: subprocess.Popen[bytes]) -> None:
    if server.poll() is not None:
        return
    family = [*psutil.Process(server.pid).children(recursive=True), psutil.Process(server.pid)]
    for process in family:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.terminate()
    for process in psutil.wait_procs(family, 10)[1]:
        process.kill()


def _wait(ready: str, server: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + START_S
    while time.monotonic() < deadline and server.poll() is None:
        with contextlib.suppress(OSError):
            urllib.request.urlopen(ready, timeout=1).close()
            return
        time.sleep(0.1)
    raise SystemExit(f"{server.args}: {log.read_text()[-2000:]}")


def _binary(pixels: np.ndarray) -> tuple[dict[str, str], bytes]:
    """v2 with the tensor after the JSON, the answer likewise."""
    tensor = {"name": contract.INPUT_NAME, "datatype": "UINT8", "shape": pixels.shape}
    tensor["parameters"] = {"binary_data_size": pixels.nbytes}
    header = json.dumps({"inputs": [tensor], "parameters": {"binary_data_output": True}}).encode()
    headers = {"Content-Type": "application/octet-stream", "Inference-Header-Content-Length": str(len(header))}
    return headers, header + pixels.tobytes()


def _json(pixels: np.ndarray) -> tuple[dict[str, str], bytes]:
    """v2 all in JSON."""
    tensor = {"name": contract.INPUT_NAME, "datatype": "UINT8", "shape": pixels.shape, "data": pixels.ravel().tolist()}
    return {"Content-Type": "application/json"}, json.dumps({"inputs": [tensor]}).encode()


def _jpeg(pixels: np.ndarray) -> tuple[dict[str, str], bytes]:
    """An image file for the transformer, in v1."""
    file = io.BytesIO()
    Image.fromarray(pixels[0]).save(file, "JPEG", quality=90)
    text = base64.b64encode(file.getvalue()).decode()
    return {"Content-Type": "application/json"}, json.dumps({"instances": [{"b64": text}]}).encode()


def _raw(pixels: np.ndarray) -> tuple[dict[str, str], bytes]:
    """The bytes alone."""
    return {"Content-Type": "application/octet-stream"}, pixels.tobytes()


def _base64(pixels: np.ndarray) -> tuple[dict[str, str], bytes]:
    """v2 in JSON, the tensor as text."""
    tensor = {"name": contract.INPUT_NAME, "datatype": "BYTES", "shape": [1, 1]}
    tensor["data"] = [base64.b64encode(pixels.tobytes()).decode()]
    return {"Content-Type": "application/json"}, json.dumps({"inputs": [tensor]}).encode()


def _form(pixels: np.ndarray) -> tuple[dict[str, str], bytes]:
    """A file of a form."""
    boundary = "pixels-end-here"
    head = f'--{boundary}\r\nContent-Disposition: form-data; name="pixels"; filename="pixels"\r\n\r\n'
    body = head.encode() + pixels.tobytes() + f"\r\n--{boundary}--\r\n".encode()
    return {"Content-Type": f"multipart/form-data; boundary={boundary}"}, body


FOREIGN = {
    "kserve": Peer("kserve_model.py", ("kserve",), "/v2/health/ready", INFER, _binary),
    "mlserver": Peer(
        "mlserver_model.py", ("mlserver", "uvloop<0.22"), f"/v2/models/{contract.MODEL_NAME}/ready", INFER, _base64
    ),
    "bentoml": Peer("bentoml_service.py", ("bentoml",), "/readyz", "/predict", _raw),
    "litserve": Peer("litserve_api.py", ("litserve", "python-multipart"), "/health", "/predict", _form),
    "fastapi": Peer("fastapi_app.py", ("fastapi", "uvicorn"), "/docs", "/predict", _raw),
}
