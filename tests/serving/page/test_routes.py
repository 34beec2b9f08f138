"""The page's addresses, served by a transformer that has no model server yet."""

import http.client
import mimetypes
from collections.abc import Iterator
from pathlib import Path

import pytest

from asl_pkg.serving.page.routes import STATIC, page_routes
from tests.support.transformers import Transformer, transformer, until

CHART_PATH = "/page/chart/A.webp"
DRAWN, SECRET = b"drawn", b"not for everyone"
NOBODY = "127.0.0.1:9"  # where no model server listens


def listens(running: Transformer) -> bool:
    try:
        return running.ask("GET", "/v2/health/live")[0] == http.HTTPStatus.OK
    except ConnectionError:
        return False


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A chart, and beside it what is none of its files."""
    folder = tmp_path_factory.mktemp("page")
    (folder / "chart").mkdir()
    (folder / "chart" / "A.webp").write_bytes(DRAWN)
    (folder / "secret").write_bytes(SECRET)
    (folder / "chart" / "link.webp").symlink_to(folder / "secret")
    return folder


@pytest.fixture(scope="module")
def running(folder: Path) -> Iterator[Transformer]:
    with transformer(folder, 18520, NOBODY, wait=False, flags=["--chart", str(folder / "chart")]) as running:
        until(lambda: listens(running), 60, running.log)
        yield running


def page_files() -> list[str]:
    return [path.relative_to(STATIC).as_posix() for path in STATIC.rglob("*") if path.is_file()]


def test_the_page_is_there_before_any_model_server_is(running: Transformer) -> None:
    status, _, body = running.ask("GET", "/")
    assert (status, body) == (200, (STATIC / "index.html").read_bytes())
    assert running.ask("GET", "/v2/health/ready")[0] == 503


@pytest.mark.parametrize("name", page_files())
def test_every_file_of_the_page_is_served_with_its_type(running: Transformer, name: str) -> None:
    kinds = {"html": "text/html", "js": "javascript", "css": "text/css", "json": "application/json", "svg": "image/svg"}
    status, headers, body = running.ask("GET", f"/page/{name}")
    assert (status, body) == (200, (STATIC / name).read_bytes())
    assert kinds[name.rpartition(".")[2]] in headers["Content-Type"]


def test_the_chart_is_served_as_webp(running: Transformer) -> None:
    status, headers, body = running.ask("GET", CHART_PATH)
    assert (status, headers["Content-Type"], body) == (200, "image/webp", DRAWN)


def test_the_type_is_known_where_no_file_of_the_system_tells_it(monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patched:
        patched.setattr(mimetypes, "knownfiles", [])  # as in our container image
        mimetypes.init()
        page_routes()
        known = mimetypes.guess_type("A.webp")
    mimetypes.init()
    assert known == ("image/webp", None)


@pytest.mark.parametrize("path", ["/", "/page/index.html", CHART_PATH, "/page/missing.js"])
def test_every_answer_of_the_page_forbids_what_is_inline_or_from_elsewhere(running: Transformer, path: str) -> None:
    _, headers, _ = running.ask("GET", path)
    policy = dict(part.strip().split(" ", 1) for part in headers["Content-Security-Policy"].split(";"))
    assert policy["default-src"] == "'self'"
    assert policy["img-src"] == "'self' blob: data:"
    assert policy["media-src"] == "'self' blob:"
    assert policy["frame-ancestors"] == "'none'"
    assert not {"script-src", "style-src", "connect-src"} & policy.keys(), "they are default-src's"
    assert "unsafe" not in headers["Content-Security-Policy"]
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Referrer-Policy"] == "no-referrer"
    assert headers["Permissions-Policy"] == "camera=(self)"
    assert headers["Cache-Control"] == "no-cache"


@pytest.mark.parametrize("path", ["/", CHART_PATH])
def test_what_a_browser_has_already_is_not_sent_again(running: Transformer, path: str) -> None:
    tag = running.ask("GET", path)[1]["ETag"]
    status, headers, body = running.ask("GET", path, headers={"If-None-Match": tag})
    assert (status, body) == (304, b"")
    assert "default-src" in headers["Content-Security-Policy"]


@pytest.mark.parametrize("path", ["/", "/page/index.html", CHART_PATH])
def test_head_says_what_get_would_and_sends_nothing(running: Transformer, path: str) -> None:
    _, expected, content = running.ask("GET", path)
    status, headers, body = running.ask("HEAD", path)
    assert (status, body) == (200, b"")
    assert headers["Content-Length"] == str(len(content))
    assert headers["ETag"] == expected["ETag"]


@pytest.mark.parametrize(
    "path",
    [
        "/page/../routes.py",
        "/page/%2e%2e/routes.py",
        "/page/..%2froutes.py",
        "/page/%2e%2e%2f%2e%2e%2fv2_server/server.py",
        "/page//etc/passwd",
        "/page/%2fetc/passwd",
        "/page/..\\routes.py",
        "/page/chart/../../secret",
        "/page/chart/%2e%2e/secret",
        "/page/chart/..%2fsecret",
        "/page/chart/link.webp",
        "/page/chart/",
        "/page/",
        "/page/index.html%00.js",
        "/page/" + "a" * 5000,
        "/page/index.html/more",
    ],
)
def test_no_path_leads_out_of_the_pages_folders(running: Transformer, path: str) -> None:
    status, _, body = running.ask("GET", path)
    assert status == 404
    assert SECRET not in body
    assert len(body) < 100


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE"])
@pytest.mark.parametrize("path", ["/", "/page/index.html"])
def test_nothing_can_be_written(running: Transformer, method: str, path: str) -> None:
    assert running.ask(method, path, b"<p>mine</p>")[0] == 405


def test_without_a_chart_its_addresses_are_404(tmp_path: Path) -> None:
    with transformer(tmp_path, 18530, NOBODY, wait=False) as running:
        until(lambda: listens(running), 60, running.log)
        assert running.ask("GET", CHART_PATH)[0] == 404
        assert running.ask("GET", "/")[0] == 200
