"""Common clients, used as their documentation says."""

import contextlib
import importlib
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from asl_pkg import contract
from tests.conformance.conftest import Target

MODEL = f"/v2/models/{contract.MODEL_NAME}"
SDK_CLIENT = Path(__file__).parent / "sdk_client.py"


def curl(target: Target, path: str, body: bytes | None = None, *headers: str) -> tuple[int, Any]:
    """Status and JSON of an answer."""
    post = (
        [] if body is None else ["--data-binary", "@-", *(part for header in headers for part in ("--header", header))]
    )
    command = ["curl", "--silent", "--show-error", "--max-time", "60", "--write-out", "\n%{http_code}", *post]
    done = subprocess.run([*command, target.http_url + path], input=body, capture_output=True, check=True)
    text, _, status = done.stdout.rpartition(b"\n")
    with contextlib.suppress(ValueError):
        return int(status), json.loads(text)
    return int(status), text


def curl_json(target: Target, path: str, content: Any) -> tuple[int, Any]:
    """The same with JSON."""
    body = content if isinstance(content, bytes) else json.dumps(content).encode()
    return curl(target, path, body, "Content-Type: application/json")


@contextlib.contextmanager
def tritonclient(target: Target, scheme: str) -> Iterator[tuple[Any, Any]]:
    """The library for `http` or `grpc`, and its client."""
    kit = importlib.import_module(f"tritonclient.{scheme}")
    client = kit.InferenceServerClient(getattr(target, f"{scheme}_url").partition("://")[2])
    with contextlib.closing(client):
        yield kit, client


def kserve_sdk(target: Target, pixels: np.ndarray, folder: Path) -> dict[str, Any]:
    """What KServe's clients say; in a process of their own, since protobuf refuses them beside tritonclient."""
    np.save(folder / "pixels.npy", pixels)
    command = [sys.executable, SDK_CLIENT, target.http_url, target.grpc_url, folder / "pixels.npy"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)
