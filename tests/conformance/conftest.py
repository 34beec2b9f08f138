"""The servers under test: a local Triton, a transformer in front of it, and, by address, the same two on a cluster.

For the latter (mark e2e): ASL_PREDICTOR and ASL_TRANSFORMER are `http://HOST:PORT,grpc://HOST:PORT`, ASL_BUNDLE is the
folder of the bundle that they serve.
"""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from asl_pkg.bundle.bundle import Bundle, open_bundle
from asl_pkg.inference.onnx_session import open_session, predict
from asl_pkg.serving.triton.local import LocalTriton
from tests.support.tiny import make_bundle
from tests.support.transformers import address, transformer

IMAGES = 3
PREDICTOR = pytest.param("ASL_PREDICTOR", marks=pytest.mark.e2e, id="predictor on the cluster")
TRANSFORMER = pytest.param("ASL_TRANSFORMER", marks=pytest.mark.e2e, id="transformer on the cluster")


@dataclass(frozen=True)
class Target:
    """A server, and what it has to answer.

    Args:
        http_url: http://HOST:PORT.
        grpc_url: grpc://HOST:PORT.
        bundle: that it serves.
    """

    http_url: str
    grpc_url: str
    bundle: Bundle


@pytest.fixture(scope="session")
def local_triton(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalTriton]:
    bundle = make_bundle(tmp_path_factory.mktemp("conformance") / "bundle")
    with LocalTriton(bundle, http_port=18700, grpc_port=18701, metrics_port=18702) as server:
        yield server


@pytest.fixture(scope="session")
def local_transformer(local_triton: LocalTriton, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Target]:
    with transformer(tmp_path_factory.mktemp("transformer"), 18710, address(local_triton)) as running:
        yield Target(running.http_url, running.grpc_url, local_triton.bundle)


@pytest.fixture(params=["local Triton", "local transformer", PREDICTOR, TRANSFORMER])
def target(request: pytest.FixtureRequest) -> Target:
    """Everyone who speaks the Open Inference Protocol."""
    return _find(request)


@pytest.fixture(params=["local Triton", PREDICTOR])
def triton(request: pytest.FixtureRequest) -> Target:
    """Everyone who has Triton's extensions."""
    return _find(request)


@pytest.fixture(scope="session")
def pixels() -> np.ndarray:
    """Images that get different answers, uint8 [3, 200, 200, 3]."""
    patches = np.random.default_rng(3).integers(0, 256, (IMAGES, 4, 4, 3), np.uint8)
    return patches.repeat(50, axis=1).repeat(50, axis=2)


@pytest.fixture
def expected(target: Target, pixels: np.ndarray) -> np.ndarray:
    """What the model says of them, computed in this process: float32 [3, 29]."""
    return predict(open_session(target.bundle.model_path), pixels)


def _find(request: pytest.FixtureRequest) -> Target:
    if request.param == "local transformer":
        return request.getfixturevalue("local_transformer")
    if request.param == "local Triton":
        server = request.getfixturevalue("local_triton")
        return Target(server.http_url, server.grpc_url, server.bundle)
    assert request.param in os.environ, f"{request.param} is not set: {__file__} says what it has to be"
    http_url, grpc_url = os.environ[request.param].split(",")
    return Target(http_url, grpc_url, open_bundle(Path(os.environ["ASL_BUNDLE"])))
