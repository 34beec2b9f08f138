"""A bundle of a tiny model and a Triton on it, shared by tests that only send requests."""

from collections.abc import Iterator

import numpy as np
import pytest

from asl_pkg import contract
from asl_pkg.bundle.bundle import Bundle
from asl_pkg.serving.triton.local import LocalTriton
from tests.support.tiny import make_bundle


@pytest.fixture(scope="session")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    return make_bundle(tmp_path_factory.mktemp("tiny") / "bundle")


@pytest.fixture(scope="session")
def server(bundle: Bundle) -> Iterator[LocalTriton]:
    with LocalTriton(bundle, http_port=18000, grpc_port=18001, metrics_port=18002) as running:
        yield running


@pytest.fixture(scope="session")
def pixels() -> np.ndarray:
    """More images than the server takes at once, [n, 200, 200, 3]."""
    shape = (2 * contract.MAX_BATCH + 3, 1, 1, 3)
    colours = np.random.default_rng(2).integers(0, 256, shape, np.uint8)
    return np.broadcast_to(colours, (shape[0], contract.IMAGE_PX, contract.IMAGE_PX, 3))
