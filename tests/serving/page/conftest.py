"""A real Chromium, and the page that a real transformer serves in front of a real Triton."""

import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Playwright, expect, sync_playwright

from asl_pkg.serving.page.chart import cached_chart
from asl_pkg.serving.page.routes import STATIC
from asl_pkg.serving.triton.local import LocalTriton
from tests.support.transformers import Transformer, address, transformer

BROWSERS = ("chromium", "chromium-browser", "google-chrome")
# A page that is not on https or localhost has no camera: this name is another host to the browser
OTHER_HOST = "signer.test"
FLAGS = ["--no-sandbox", f"--host-resolver-rules=MAP {OTHER_HOST} 127.0.0.1, MAP * ~NOTFOUND, EXCLUDE 127.0.0.1"]
NO_SERVER = "http://page.test"
FAKE_CAMERA = ["--use-fake-device-for-media-stream"]

Launch = Callable[..., Browser]


expect.set_options(timeout=15_000)


@pytest.fixture(scope="module")
def playwright() -> Iterator[Playwright]:
    with sync_playwright() as running:
        yield running


@pytest.fixture(scope="module")
def launch(playwright: Playwright) -> Iterator[Launch]:
    """Start a Chromium, with flags."""
    found = next(filter(None, map(shutil.which, BROWSERS)), None)
    if found is None:
        pytest.skip("no Chromium here: apt-get install chromium")
    with ExitStack() as open_browsers:

        def start(*flags: str) -> Browser:
            browser = playwright.chromium.launch(executable_path=found, args=[*FLAGS, *flags])
            open_browsers.callback(browser.close)
            return browser

        yield start


@pytest.fixture(scope="module")
def chromium(launch: Launch) -> Browser:
    """One with a camera that shows a test pattern."""
    return launch(*FAKE_CAMERA)


@pytest.fixture(scope="module")
def modules(chromium: Browser) -> Iterator[Any]:
    """An empty page of the same origin as the page's modules, without a server."""

    def answer(route: Any) -> None:
        path = STATIC / Path(route.request.url).name
        route.fulfill(path=path) if path.suffix == ".js" else route.fulfill(body="", content_type="text/html")

    page = chromium.new_page()
    page.route(f"{NO_SERVER}/**", answer)
    page.goto(NO_SERVER)
    yield page
    page.close()


@pytest.fixture(scope="session")
def chart_cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A cache that holds the alphabet chart, drawn once for all tests of the page: it takes ten seconds."""
    cache = tmp_path_factory.mktemp("chart")
    cached_chart(cache)
    return cache


@pytest.fixture(scope="module")
def running(server: LocalTriton, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Transformer]:
    with transformer(tmp_path_factory.mktemp("transformer"), 18600, address(server)) as started:
        yield started


def opened(browser: Browser, url: str, *, camera: bool = True, view: str = "", **options: Any) -> Any:
    """The page, ready; what the console says of its faults is in `problems`.

    Args:
        browser: Chromium.
        url: of the transformer.
        camera: whether it is allowed.
        view: to open.
        options: of the browser's context, such as color_scheme.
    """
    context = browser.new_context(permissions=["camera"] if camera else [], **options)
    page = context.new_page()
    page.set_default_timeout(10_000)
    page.problems = []
    page.on("console", lambda message: message.type in ("error", "warning") and page.problems.append(message.text))
    page.on("pageerror", lambda error: page.problems.append(str(error)))
    page.goto(f"{url}/{view}")
    page.wait_for_selector("html[data-ready]")
    return page


def film(frames: list[bytes], path: Path) -> str:
    """The flag that lets the fake camera play JPEG images, 30 a second."""
    path.write_bytes(b"".join(frames))
    return f"--use-file-for-fake-video-capture={path}"
