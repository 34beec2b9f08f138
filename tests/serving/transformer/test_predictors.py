"""Several model servers behind one transformer: turns, releases, new and stopping servers, errors."""

import contextlib
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import grpc
import numpy as np
import pytest
import tritonclient.grpc
from tritonclient.utils import InferenceServerException

from asl_pkg import contract
from asl_pkg.bundle.bundle import Bundle
from asl_pkg.inference.onnx_session import open_session, predict
from asl_pkg.serving.triton.local import LocalTriton
from tests.serving.transformer.test_transformer import INFER, post
from tests.support.fake_triton import FakeTriton, fake_triton
from tests.support.tiny import make_bundle
from tests.support.transformers import START_S, Transformer, transformer, until

PORTS = (18610, 18620, 18630)


@pytest.fixture(scope="module")
def bundles(tmp_path_factory: pytest.TempPathFactory) -> list[Bundle]:
    """Three releases, each another model."""
    folder = tmp_path_factory.mktemp("bundles")
    return [make_bundle(folder / str(seed), seed=seed) for seed in range(len(PORTS))]


class Fleet:
    """Tritons that come and go."""

    def __init__(self, bundles: list[Bundle]) -> None:
        self.bundles = bundles
        self.running: dict[int, LocalTriton] = {}

    def start(self, number: int) -> str:
        """Start one; its release."""
        port = PORTS[number]
        server = LocalTriton(self.bundles[number], http_port=port, grpc_port=port + 1, metrics_port=port + 2)
        self.running[number] = server.__enter__()
        return server.bundle.release

    def end(self, number: int) -> None:
        """End one, in order."""
        self.running.pop(number).__exit__()


@pytest.fixture
def fleet(bundles: list[Bundle]) -> Iterator[Fleet]:
    fleet = Fleet(bundles)
    yield fleet
    for number in list(fleet.running):
        fleet.end(number)


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Transformer]:
    """Knows three addresses, nobody is there yet."""
    folder = tmp_path_factory.mktemp("transformer")
    with transformer(folder, 18600, *(f"127.0.0.1:{port + 1}" for port in PORTS), wait=False) as running:
        until(lambda: "not used" in running.log.read_text(), START_S)
        yield running


def ask(running: Transformer, pixels: np.ndarray) -> tuple[str, np.ndarray]:
    """The release that an answer tells, and its probabilities."""
    client = tritonclient.grpc.InferenceServerClient(running.grpc_url.removeprefix("grpc://"))
    with contextlib.closing(client):
        tensor = tritonclient.grpc.InferInput(contract.INPUT_NAME, pixels.shape, "UINT8")
        tensor.set_data_from_numpy(pixels)
        wanted = [tritonclient.grpc.InferRequestedOutput(name) for name in (contract.OUTPUT_NAME, "release")]
        result = client.infer(contract.MODEL_NAME, [tensor], outputs=wanted)
    (release,) = {text.decode() for text in result.as_numpy("release")}
    assert result.get_response().model_version == release
    return release, result.as_numpy(contract.OUTPUT_NAME)


def shares(running: Transformer, pixels: np.ndarray, requests: int = 60) -> dict[str, float]:
    """Which release answers how much."""
    with ThreadPoolExecutor(4) as pool:
        answered = Counter(pool.map(lambda _: ask(running, pixels)[0], range(requests)))
    return {release: count / requests for release, count in answered.items()}


def test_each_of_two_gets_its_half_and_a_third_takes_part_within_10_s(
    running: Transformer, fleet: Fleet, pixels: np.ndarray
) -> None:
    two = {fleet.start(0), fleet.start(1)}
    until(lambda: running.ready and set(shares(running, pixels[:1], 4)) == two, START_S, running.log)
    shared = shares(running, pixels[:1])
    assert all(0.4 <= share <= 0.6 for share in shared.values()), shared
    third = fleet.start(2)
    until(lambda: third in shares(running, pixels[:1], 6), 10, running.log)
    assert len(shares(running, pixels[:1])) == 3


def test_each_answer_tells_the_release_that_computed_it_while_servers_come_and_go(
    running: Transformer, fleet: Fleet, bundles: list[Bundle], pixels: np.ndarray
) -> None:
    sessions = {bundle.release: open_session(bundle.model_path) for bundle in bundles}
    expected = {release: predict(session, pixels[:4]) for release, session in sessions.items()}
    fleet.start(0)
    until(lambda: running.ready, START_S, running.log)

    seen = Counter[str]()

    def roll_out() -> None:
        """One is ended when the next one answers, as Kubernetes does."""
        new = fleet.start(1)
        until(lambda: seen[new], START_S, running.log)
        fleet.end(0)
        fleet.start(2)

    with ThreadPoolExecutor(3) as pool:
        rollout = pool.submit(roll_out)
        while not rollout.done() or len(seen) < 3:
            for release, answer in pool.map(lambda _: ask(running, pixels[:4]), range(2)):
                np.testing.assert_allclose(answer, expected[release], atol=1e-6)
                seen[release] += 1
            assert sum(seen.values()) < 5000, seen
        rollout.result()
    assert set(seen) == set(expected)


def test_where_the_last_one_goes_it_is_503_until_one_is_back(
    running: Transformer, fleet: Fleet, pixels: np.ndarray
) -> None:
    fleet.start(0)
    until(lambda: running.ready, START_S, running.log)
    fleet.end(0)
    until(lambda: not running.ready, START_S, running.log)
    with pytest.raises(InferenceServerException, match="UNAVAILABLE.*try again"):
        ask(running, pixels[:1])
    status, answer = post(running.http_url + INFER, raw(pixels[:1]))
    assert status == 503
    assert "127.0.0.1" not in answer["error"]
    fleet.start(0)
    until(lambda: running.ready, START_S, running.log)
    ask(running, pixels[:1])


def raw(pixels: np.ndarray) -> dict[str, object]:
    """A v2 request in JSON."""
    tensor = {"name": contract.INPUT_NAME, "datatype": "UINT8", "shape": pixels.shape, "data": pixels.ravel().tolist()}
    return {"inputs": [tensor]}


@pytest.fixture(scope="module")
def failing(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[FakeTriton, Transformer]]:
    """A server that only fails, and a transformer that knows it and one more address."""
    folder = tmp_path_factory.mktemp("failing")
    with (
        fake_triton(18650) as fake,
        transformer(folder, 18660, "127.0.0.1:18650", f"127.0.0.1:{PORTS[0] + 1}") as running,
    ):
        yield fake, running


@pytest.mark.parametrize(
    ("status", "expected", "asked"),
    [
        (grpc.StatusCode.INVALID_ARGUMENT, 400, 1),
        (grpc.StatusCode.INTERNAL, 502, 3),
        (grpc.StatusCode.DEADLINE_EXCEEDED, 504, 1),
        (grpc.StatusCode.UNAVAILABLE, 503, 3),
    ],
    ids=lambda value: getattr(value, "name", str(value)),
)
def test_a_servers_error_becomes_a_fitting_status_that_names_no_address(
    failing: tuple[FakeTriton, Transformer],
    pixels: np.ndarray,
    status: grpc.StatusCode,
    expected: int,
    asked: int,
) -> None:
    fake, running = failing
    fake.status, fake.asked = status, 0
    found, answer = post(running.http_url + INFER, raw(pixels[:1]))
    assert (found, fake.asked) == (expected, asked)
    assert "10.1.2.3" not in answer["error"]
    assert "10.1.2.3" in running.log.read_text(), "whoever runs it is told"
    with pytest.raises(InferenceServerException, match=status.name):
        ask(running, pixels[:1])


def test_one_that_stops_is_left_as_soon_as_its_model_is_gone(
    failing: tuple[FakeTriton, Transformer], pixels: np.ndarray
) -> None:
    fake, running = failing
    fake.status, fake.asked, fake.ready = grpc.StatusCode.NOT_FOUND, 0, False
    try:
        found, answer = post(running.http_url + INFER, raw(pixels[:1]))
    finally:
        fake.ready = True
    assert (found, fake.asked) == (503, 1), "nobody else is there, and who asks again may find somebody"
    assert "try again" in answer["error"]
    until(lambda: running.ready, START_S, running.log)


def test_one_that_is_not_available_is_passed_over(
    failing: tuple[FakeTriton, Transformer], fleet: Fleet, pixels: np.ndarray
) -> None:
    fake, running = failing
    fake.status, fake.asked = grpc.StatusCode.UNAVAILABLE, 0
    release = fleet.start(0)
    until(lambda: release in running.log.read_text(), START_S, running.log)
    assert shares(running, pixels[:1], 10) == {release: 1}
    assert fake.asked


def test_a_server_of_another_model_is_never_asked(running: Transformer, pixels: np.ndarray) -> None:
    with fake_triton(PORTS[0] + 1, output="other") as fake:
        until(lambda: "it serves another model" in running.log.read_text(), START_S, running.log)
        assert not running.ready
        assert not fake.asked
