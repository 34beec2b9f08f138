"""Whether pages of other origins may ask the transformer."""

import contextlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from asl_pkg import contract
from asl_pkg.errors import SettingError
from asl_pkg.serving.v2_server.cors import read_origins
from tests.serving.page.test_routes import NOBODY, listens
from tests.support.transformers import Transformer, transformer, until

INFER = f"/v2/models/{contract.MODEL_NAME}/infer"
NAMED, LOCAL, OTHER = "https://example.org", "http://127.0.0.1:3000", "https://example.com"
ALLOWED = "Access-Control-Allow-Origin"
JSON = {"Content-Type": "application/json"}
REQUEST = b'{"inputs": [{"name": "image", "datatype": "BYTES", "shape": [1], "data": ["/9j/"]}]}'


@contextlib.contextmanager
def started(folder: Path, port: int, *flags: str) -> Iterator[Transformer]:
    with transformer(folder, port, NOBODY, wait=False, flags=flags) as running:
        until(lambda: listens(running), 60, running.log)
        yield running


@pytest.fixture(scope="module")
def default(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Transformer]:
    with started(tmp_path_factory.mktemp("default"), 18550) as running:
        yield running


@pytest.fixture(scope="module")
def named(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Transformer]:
    with started(tmp_path_factory.mktemp("named"), 18560, "--cors_origins", f"{NAMED}, {LOCAL}/") as running:
        yield running


def preflight(running: Transformer, origin: str) -> tuple[int, str | None, str]:
    """Status, the origin that is allowed, and the headers that are."""
    asked = {
        "Origin": origin,
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "content-type,inference-header-content-length",
    }
    status, headers, _ = running.ask("OPTIONS", INFER, headers=asked)
    return status, headers[ALLOWED], headers["Access-Control-Allow-Headers"] or ""


def test_by_default_a_preflight_is_refused_and_no_page_elsewhere_reads_an_answer(default: Transformer) -> None:
    status, allowed, _ = preflight(default, NAMED)
    assert (status, allowed) == (405, None)
    assert ALLOWED not in default.ask("GET", f"/v2/models/{contract.MODEL_NAME}", headers={"Origin": NAMED})[1]


@pytest.mark.parametrize("origin", [NAMED, LOCAL])
def test_a_named_origin_may_send_what_a_client_sends(named: Transformer, origin: str) -> None:
    status, allowed, headers = preflight(named, origin)
    assert (status, allowed) == (200, origin)
    assert "inference-header-content-length" in headers.lower()
    assert "content-type" in headers.lower()


@pytest.mark.parametrize("origin", [OTHER, "null", f"{NAMED}.evil.example", "http://example.org", f"{NAMED}:8443"])
def test_no_other_origin_may(named: Transformer, origin: str) -> None:
    status, allowed, _ = preflight(named, origin)
    assert (status, allowed) == (400, None)
    assert named.ask("GET", "/v2", headers={"Origin": origin})[1][ALLOWED] is None


@pytest.mark.parametrize(
    ("status", "method", "path", "body"),
    [
        (200, "GET", "/v2", b""),
        (400, "POST", INFER, b"{"),
        (404, "GET", "/v2/models/other", b""),
        (413, "POST", INFER, bytes(33 * 2**20)),
        (503, "POST", INFER, REQUEST),
    ],
    ids=["answer", "no JSON", "no model", "too large", "no model server"],
)
def test_a_named_origin_can_read_every_answer(
    named: Transformer, status: int, method: str, path: str, body: bytes
) -> None:
    found, headers, _ = named.ask(method, path, body, {"Origin": NAMED, **JSON})
    assert (found, headers[ALLOWED]) == (status, NAMED)
    assert headers["Vary"] == "Origin"
    assert "Access-Control-Allow-Credentials" not in headers


@pytest.mark.parametrize(
    "text",
    [
        "*",
        "null",
        "example.org",
        "https://example.org/path",
        "https://a:b@example.org",
        "ftp://x",
        "https://*.org",
        "https://",
    ],
)
def test_what_is_no_origin_is_refused(text: str) -> None:
    with pytest.raises(SettingError, match="SCHEME://HOST"):
        read_origins(f"{NAMED},{text}")


def test_origins_are_read_as_browsers_write_them() -> None:
    assert read_origins("") == []
    assert read_origins(" HTTPS://Example.org/ ,http://[::1]:3000,") == [NAMED, "http://[::1]:3000"]
