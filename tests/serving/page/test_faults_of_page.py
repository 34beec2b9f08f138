"""What the page says and does when the camera, the server or an answer is not as it should be."""

import contextlib
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, expect

from asl_pkg import contract
from asl_pkg.bundle.bundle import Bundle
from asl_pkg.serving.ports import free_ports
from asl_pkg.serving.triton.local import LocalTriton
from tests.serving.page.conftest import OTHER_HOST, Launch, opened
from tests.support.tiny import make_bundle
from tests.support.transformers import START_S, Transformer, address, transformer, until

INFER = "**/v2/models/asl_model/infer"
TOLD = (
    "window.told = [];"
    "new MutationObserver(() => told.push(document.getElementById('notice').textContent))"
    ".observe(document.getElementById('notice'), {childList: true})"
)


@pytest.fixture
def page(chromium: Browser, running: Transformer) -> Iterator[Any]:
    made = opened(chromium, running.http_url)
    yield made
    made.context.close()


def notice(page: Any, *parts: str) -> None:
    """Wait until the page says so."""
    for part in parts:
        expect(page.locator("#notice")).to_contain_text(part)


def sign(page: Any) -> None:
    """Start the camera and wait for a letter."""
    page.click("#start")
    expect(page.locator("#release")).to_contain_text("release")


def test_a_camera_that_is_refused_is_said_with_what_to_do(chromium: Browser, running: Transformer) -> None:
    page = opened(chromium, running.http_url, camera=False)
    page.click("#start")
    notice(page, "not allowed", "address bar")
    expect(page.locator("#start")).to_be_visible()
    page.context.close()


def test_no_camera_is_said_with_what_to_do(launch: Launch, running: Transformer) -> None:
    page = opened(launch(), running.http_url)
    page.click("#start")
    notice(page, "No camera was found")
    page.context.close()


@pytest.mark.parametrize(
    ("error", "sentence"), [("NotReadableError", "Another program"), ("TypeError", "could not be started (TypeError)")]
)
def test_a_camera_that_does_not_start_is_said_with_a_made_up_error_of_the_browser(
    page: Any, error: str, sentence: str
) -> None:
    failing = f"Promise.reject(Object.assign(new Error('made up'), {{name: '{error}'}}))"
    page.evaluate(f"navigator.mediaDevices.getUserMedia = () => {failing}; 0")
    page.click("#start")
    notice(page, sentence)


def test_a_camera_that_is_unplugged_is_said(page: Any) -> None:
    sign(page)
    page.evaluate("document.getElementById('video').srcObject.getTracks()[0].dispatchEvent(new Event('ended'))")
    notice(page, "The camera stopped")
    expect(page.locator("#start")).to_be_visible()


def test_on_http_of_another_host_it_says_why_there_is_no_camera(chromium: Browser, running: Transformer) -> None:
    url = running.http_url.replace("127.0.0.1", OTHER_HOST)
    page = opened(chromium, url, camera=False)
    notice(page, "https", f"came from {url}")
    page.click("#start")
    notice(page, "https")
    page.goto(f"{url}/#images")
    page.set_input_files("#files", [{"name": "a.png", "mimeType": "image/png", "buffer": b"no image"}])
    expect(page.locator("#rows")).to_contain_text("not an image")  # the server is asked all the same
    page.context.close()


def test_when_the_server_goes_it_tries_again_and_goes_on_by_itself_when_it_is_back(
    chromium: Browser, server: LocalTriton, tmp_path: Path
) -> None:
    with transformer(tmp_path, 18700, address(server)) as running:
        page = opened(chromium, running.http_url)
        sign(page)
        page.evaluate(TOLD)
    page.wait_for_function("() => told.length > 1")  # while the server ends, a few tries may pass
    assert page.evaluate("told.slice(0, 2)") == [
        f"The server does not answer. Next try in {pause} s." for pause in (1, 2)
    ]
    expect(page.locator("#letter")).to_have_text("–")
    with transformer(tmp_path, 18700, address(server)) as again:
        assert again.http_url == running.http_url
        notice(page, "answers again")
        expect(page.locator("#letter")).not_to_have_text("–")
        page.context.close()


def live(running: Transformer) -> bool:
    with contextlib.suppress(OSError):
        return running.ask("GET", "/v2/health/live")[0] == 200
    return False


def test_without_a_model_server_it_says_so_and_goes_on_when_there_is_one(
    chromium: Browser, bundle: Bundle, tmp_path: Path
) -> None:
    ports = free_ports("127.0.0.1", [18730, 18731, 18732])
    with transformer(tmp_path, 18710, f"127.0.0.1:{ports[1]}", wait=False) as running:
        until(lambda: live(running), START_S, running.log)
        page = opened(chromium, running.http_url)
        page.click("#start")
        notice(page, "no model is ready")
        with LocalTriton(bundle, "127.0.0.1", *ports):
            notice(page, "answers again")
            page.context.close()


@pytest.mark.parametrize("first", ["letters only", "landmarks too"])
def test_letters_go_on_during_a_rollout_and_the_new_release_is_shown(
    chromium: Browser, bundle: Bundle, tmp_path: Path, first: str
) -> None:
    finding = make_bundle(tmp_path / "finding", version=contract.HAND_CONTRACT_VERSION)
    older, newer = (bundle, finding) if first == "letters only" else (finding, bundle)
    ports = free_ports("127.0.0.1", list(range(18740, 18746)))
    hosts = f"127.0.0.1:{ports[1]},127.0.0.1:{ports[4]}"
    with ExitStack() as servers, transformer(tmp_path, 18720, hosts, wait=False) as running:
        with LocalTriton(older, "127.0.0.1", *ports[:3]):
            until(lambda: running.ready, START_S, running.log)
            page = opened(chromium, running.http_url)
            sign(page)
            expect(page.locator("#release")).to_have_text(f"release {older.release}")
            page.evaluate(TOLD)
            servers.enter_context(LocalTriton(newer, "127.0.0.1", *ports[3:]))
            page.wait_for_timeout(3000)  # both answer
        expect(page.locator("#release")).to_have_text(f"release {newer.release}")
        told = set(page.evaluate("told")) - {""}
        assert f"Release {newer.release} answers now." in told
        assert not [text for text in told if "answers now" not in text]
        page.context.close()


@pytest.mark.parametrize(
    ("status", "headers", "body", "sentence"),
    [
        (413, {}, '{"error": "too large"}', "does not take images of this size"),
        (429, {"Retry-After": "7"}, "", "The server is busy. Next try in 7 s."),
        (429, {"Retry-After": "Wed, 21 Oct 2015 07:28:00 GMT"}, "", "The server is busy. Next try in 1 s."),
        (503, {}, "<html>upstream", "no model is ready to answer. Next try in 1 s."),
        (500, {}, '{"error": "the server failed, see its log"}', "(the server failed, see its log)"),
        (418, {}, "<html>teapot", "(HTTP 418)"),
        (200, {}, "<html>a proxy's page", "does not understand (no outputs)"),
        (200, {}, '{"outputs": []}', "does not understand (no letter)"),
    ],
)
def test_an_answer_made_up_here_has_its_sentence_and_letters_go_on_after_it(
    page: Any, status: int, headers: dict[str, str], body: str, sentence: str
) -> None:
    page.route(INFER, lambda route: route.fulfill(status=status, headers=headers, body=body))
    page.click("#start")
    notice(page, sentence)
    page.unroute(INFER)
    if "7 s" not in sentence:
        notice(page, "answers again")


def test_an_image_waits_for_a_busy_server_whose_answer_is_made_up_here(page: Any) -> None:
    answers = iter([(429, "", {"Retry-After": "1"}), (503, "", {})])

    def answer(route: Any) -> None:
        status, body, headers = next(answers, (413, "", {}))
        route.fulfill(status=status, body=body, headers=headers)

    page.route(INFER, answer)
    page.goto(f"{page.url}#images")
    page.set_input_files("#files", [{"name": "a.png", "mimeType": "image/png", "buffer": b"0"}])
    for sentence in (
        "busy. Next try in 1 s",
        "no model is ready to answer. Next try",
        "does not take images of this size",
    ):
        expect(page.locator("#rows")).to_contain_text(sentence)


def test_a_file_over_the_limit_of_the_server_has_its_sentence(page: Any, tmp_path: Path) -> None:
    large = tmp_path / "large.png"
    large.write_bytes(bytes(33 * 2**20))
    page.goto(f"{page.url}#images")
    page.set_input_files("#files", large)
    expect(page.locator("#rows")).to_contain_text("does not take images of this size")


def test_pauses_grow_to_16_seconds(modules: Any) -> None:
    pauses = modules.evaluate(
        """async () => {
          const { Fault, pauseMs } = await import("/page/client.js");
          return [1, 2, 3, 4, 5, 6, 20].map((failures) => pauseMs(new Fault("gone"), failures));
        }"""
    )
    assert pauses == [1000, 2000, 4000, 8000, 16000, 16000, 16000]
