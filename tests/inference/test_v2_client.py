"""The v2 client against a real Triton, and against servers that do not speak v2."""

import contextlib
import socket
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer

import numpy as np
import pytest

from asl_pkg import contract
from asl_pkg.bundle.bundle import Bundle
from asl_pkg.errors import ServingError, SettingError
from asl_pkg.inference.onnx_session import open_session, predict
from asl_pkg.inference.v2_client import Client
from asl_pkg.serving.triton.local import LocalTriton
from tests.support.tiny import THRESHOLD

PROTOCOLS = ("http", "grpc")


@pytest.fixture(params=PROTOCOLS)
def client(request: pytest.FixtureRequest, server: LocalTriton) -> Iterator[Client]:
    with contextlib.closing(Client(getattr(server, f"{request.param}_url"))) as opened:
        yield opened


@pytest.fixture
def silent() -> Iterator[int]:
    """The port of a server that takes connections and never says a word."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield listening.getsockname()[1]


def test_the_server_answers_what_onnx_runtime_answers_whatever_the_number_of_images(
    client: Client, bundle: Bundle, pixels: np.ndarray
) -> None:
    answers = client.predict(pixels)
    expected = predict(open_session(bundle.model_path), pixels)
    assert answers.shape == (len(pixels), len(contract.CLASSES))
    assert len(np.unique(expected.argmax(axis=1))) > 3, "a server that mixes images up would go unseen"
    np.testing.assert_allclose(answers, expected, atol=1e-6)


def test_no_image_is_no_answer(client: Client, pixels: np.ndarray) -> None:
    assert client.predict(pixels[:0]).shape == (0, len(contract.CLASSES))


def test_the_server_tells_its_release_and_threshold(client: Client, bundle: Bundle) -> None:
    assert client.release == bundle.release
    assert client.confidence_threshold == THRESHOLD


def test_what_the_server_refuses_is_one_line_that_names_it(client: Client, pixels: np.ndarray) -> None:
    with pytest.raises(ServingError, match="shape") as caught:
        client.predict(pixels[:1, :100])
    assert client.url in str(caught.value)
    assert "\n" not in str(caught.value)


def test_many_clients_at_once_get_their_own_answers(server: LocalTriton, bundle: Bundle, pixels: np.ndarray) -> None:
    expected = predict(open_session(bundle.model_path), pixels)
    answers: dict[int, np.ndarray] = {}

    def ask(index: int) -> None:
        with contextlib.closing(Client(server.grpc_url)) as one:
            answers[index] = one.predict(pixels[index : index + 1 + index % 5])

    threads = [threading.Thread(target=ask, args=[index]) for index in range(24)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for index in range(24):
        np.testing.assert_allclose(answers[index], expected[index : index + 1 + index % 5], atol=1e-6)


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_where_nobody_answers_the_error_names_the_command_that_starts_a_server(protocol: str) -> None:
    started = time.monotonic()
    with pytest.raises(ServingError, match="asl serve"):
        _ = Client(f"{protocol}://127.0.0.1:9").release
    assert time.monotonic() - started < 5


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_a_server_that_never_answers_is_given_up(protocol: str, silent: int, pixels: np.ndarray) -> None:
    started = time.monotonic()
    with pytest.raises(ServingError):
        Client(f"{protocol}://127.0.0.1:{silent}", timeout_s=1).predict(pixels[:1])
    assert time.monotonic() - started < 5


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_a_server_that_speaks_something_else_is_one_line(protocol: str) -> None:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.wfile.write(b"SSH-2.0-OpenSSH_9.2\r\n")

        def log_message(self, *_: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as other:
        threading.Thread(target=other.serve_forever, daemon=True).start()
        with pytest.raises(ServingError) as caught:
            _ = Client(f"{protocol}://127.0.0.1:{other.server_port}", timeout_s=2).release
        other.shutdown()
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "url", ["", "127.0.0.1:8000", "ftp://a:1", "http://", "grpc://a", "http://a:99999", "http://["]
)
def test_a_url_of_another_kind_is_refused_before_anything_is_asked(url: str) -> None:
    with pytest.raises(SettingError, match="http://HOST:PORT"):
        Client(url)


def test_a_server_is_never_asked_through_a_proxy(
    server: LocalTriton, pixels: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("http_proxy", "https_proxy", "grpc_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    for url in (server.http_url, server.grpc_url):
        with contextlib.closing(Client(url)) as opened:
            assert opened.predict(pixels[:1]).shape == (1, len(contract.CLASSES))
