"""The page in a real Chromium, served by a real transformer in front of a real Triton with a tiny model."""

import io
import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import numpy as np
import pytest
from axe_playwright_python.sync_playwright import Axe
from PIL import Image
from playwright.sync_api import Browser, expect

from asl_pkg import contract
from asl_pkg.bundle.bundle import Bundle
from asl_pkg.inference.onnx_session import open_session, predict
from asl_pkg.serving.page.chart import cached_chart
from asl_pkg.serving.page.routes import STATIC
from asl_pkg.serving.triton.local import LocalTriton
from tests.serving.page.conftest import FAKE_CAMERA, Launch, film, opened
from tests.support.transformers import Transformer, address, transformer

VIEWS = ("#spell", "#practise", "#images", "#alphabet")
PHONE = {"width": 360, "height": 740}
LAPTOP = {"width": 1280, "height": 800}
SURE = 0.6

Colour = tuple[int, int, int]


@pytest.fixture(scope="module")
def colours(bundle: Bundle) -> dict[str, Colour]:
    """Colours that the tiny model reads surely as a letter."""
    chosen = list(itertools.product((0, 64, 128, 192, 255), repeat=3))
    session, sure = open_session(bundle.model_path), {}
    for colour in chosen:
        pixels = np.full((1, contract.IMAGE_PX, contract.IMAGE_PX, 3), colour, np.uint8)
        probabilities = predict(session, pixels)[0]
        if probabilities.max() > SURE:
            sure[contract.CLASSES[probabilities.argmax()]] = colour
    return {name: colour for name, colour in sure.items() if len(name) == 1 and name not in "JZ"}


def encoded(colour: Colour, kind: str = "JPEG", size: tuple[int, int] = (320, 240)) -> bytes:
    written = io.BytesIO()
    Image.new("RGB", size, colour).save(written, kind)
    return written.getvalue()


@pytest.fixture(scope="module")
def running(server: LocalTriton, chart_cache: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Transformer]:
    """One with the alphabet chart."""
    chart = ["--chart", str(cached_chart(chart_cache))]
    with transformer(tmp_path_factory.mktemp("transformer"), 18650, address(server), flags=chart) as started:
        yield started


@pytest.fixture
def page(chromium: Browser, running: Transformer) -> Any:
    made = opened(chromium, running.http_url)
    yield made
    made.context.close()


def test_everything_comes_from_the_server_and_nothing_breaks_its_policy(
    chromium: Browser, running: Transformer
) -> None:
    context = chromium.new_context(permissions=["camera"])
    page = context.new_page()
    hosts, problems = set(), []
    page.on("request", lambda request: hosts.add(urlsplit(request.url).netloc))
    page.on("console", lambda message: problems.append(message.text))
    page.add_init_script("addEventListener('securitypolicyviolation', (event) => console.log(event.blockedURI))")
    for view in VIEWS:
        page.goto(f"{running.http_url}/{view}")
        page.wait_for_selector("html[data-ready]")
    page.goto(running.http_url)
    page.click("#start")
    expect(page.locator("#release")).to_contain_text("release")
    assert hosts - {""} == {urlsplit(running.http_url).netloc}
    assert problems == []
    context.close()


def test_all_of_our_own_is_at_most_60_kilobytes() -> None:
    assert sum(path.stat().st_size for path in STATIC.iterdir() if path.is_file()) <= 60_000


@pytest.mark.parametrize(("scheme", "size"), [("light", LAPTOP), ("dark", LAPTOP), ("light", PHONE)])
def test_axe_finds_nothing(chromium: Browser, running: Transformer, scheme: Any, size: dict[str, int]) -> None:
    page = opened(chromium, running.http_url, color_scheme=scheme, viewport=size)
    page.click("#start")
    expect(page.locator("#release")).to_contain_text("release")
    for view in VIEWS:
        page.goto(f"{running.http_url}/{view}")
        if view == "#images":
            page.set_input_files("#files", [{"name": "notes.txt", "mimeType": "text/plain", "buffer": b"no image"}])
            expect(page.locator("[data-state=failed]")).to_be_visible()
        found = Axe().run(page)
        assert found.violations_count == 0, found.generate_report()
        assert page.evaluate("document.documentElement.scrollWidth") <= size["width"], view
    page.click("#chart button")
    assert Axe().run(page).violations_count == 0
    page.context.close()


def test_what_is_touched_is_at_least_44_pixels_high_on_a_phone(chromium: Browser, running: Transformer) -> None:
    page = opened(chromium, running.http_url, viewport=PHONE, has_touch=True)
    for view in VIEWS:
        page.goto(f"{running.http_url}/{view}")
        low = page.evaluate(
            "[...document.querySelectorAll('button, select, input, summary, textarea, a:not(.hidden)')]"
            ".filter((element) => element.checkVisibility() && element.getBoundingClientRect().height < 44)"
            ".map((element) => element.outerHTML)"
        )
        assert low == [], view
    page.context.close()


def test_the_camera_is_off_until_asked_for_and_off_again_when_the_page_is_hidden(page: Any) -> None:
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    running = "document.getElementById('video').srcObject?.active ?? false"
    assert not page.evaluate(running)
    assert asked == []
    page.click("#start")
    expect(page.locator("#release")).to_contain_text("release")
    assert page.evaluate(running)
    page.evaluate(
        "Object.defineProperty(document, 'hidden', {value: true});document.dispatchEvent(new Event('visibilitychange'))"
    )
    assert not page.evaluate(running)
    expect(page.locator("#notice")).to_contain_text("was hidden")
    expect(page.locator("#start")).to_be_visible()


def test_the_camera_stops_when_told_to_and_when_another_view_opens(page: Any) -> None:
    for leave in ("#stop", "nav a[href='#alphabet']"):
        page.goto(page.url.partition("#")[0] + "#spell")
        page.click("#start")
        expect(page.locator("#release")).to_contain_text("release")
        page.click(leave)
        page.wait_for_function("() => document.getElementById('video').srcObject === null")


def test_keys_alone_start_stop_and_change_the_view(page: Any) -> None:
    def tab_to(selector: str) -> None:
        for _ in range(30):
            page.keyboard.press("Tab")
            if page.evaluate(f"document.activeElement.matches({selector!r})"):
                return
        raise AssertionError(f"{selector} is not reached")

    tab_to("#start")
    page.keyboard.press("Enter")
    expect(page.locator("#release")).to_contain_text("release")
    tab_to("#stop")
    page.keyboard.press("Enter")
    expect(page.locator("#start")).to_be_focused()
    page.reload()
    tab_to("nav a[href='#alphabet']")
    page.keyboard.press("Enter")
    tab_to("#chart button")
    page.keyboard.press("Enter")
    expect(page.locator("dialog")).to_contain_text("fist")
    page.keyboard.press("Escape")
    expect(page.locator("dialog")).to_be_hidden()


def test_nothing_moves_where_people_ask_for_that(chromium: Browser, running: Transformer) -> None:
    page = opened(chromium, running.http_url, reduced_motion="reduce")
    assert page.evaluate("getComputedStyle(document.getElementById('ring')).transitionDuration") == "0s"
    page.evaluate("import('./page/answer.js').then(({ swell }) => swell())")
    assert page.evaluate("document.getAnimations().length") == 0
    page.context.close()


def test_held_signs_become_text_and_are_announced(
    launch: Launch, running: Transformer, colours: dict[str, Colour], tmp_path: Path
) -> None:
    names = list(colours)[:2]
    signs = [encoded(colours[name]) for name in names for _ in range(45)]
    page = opened(launch(*FAKE_CAMERA, film(signs, tmp_path / "film.mjpeg")), running.http_url)
    page.evaluate(
        "window.heard = [];"
        "new MutationObserver(() => heard.push(document.getElementById('said').textContent))"
        ".observe(document.getElementById('said'), {childList: true})"
    )
    page.click("#start")
    expect(page.locator("#text")).to_have_value("".join(names * 2))
    assert page.evaluate("heard") == names * 2
    expect(page.locator("#top li")).to_have_count(3)
    assert int(page.inner_text("#rate").split()[0]) >= 5
    page.click("#clear")
    expect(page.locator("#text")).not_to_have_value("".join(names * 2))
    page.context.close()


def test_the_image_is_mirrored_on_the_screen_and_not_in_what_is_sent(
    launch: Launch, running: Transformer, tmp_path: Path
) -> None:
    image = Image.new("RGB", (320, 240), "red")
    image.paste("blue", (160, 0, 320, 240))
    written = io.BytesIO()
    image.save(written, "JPEG", quality=95)
    page = opened(launch(*FAKE_CAMERA, film([written.getvalue()], tmp_path / "halves.mjpeg")), running.http_url)
    width, height, left, right = page.evaluate(
        """async () => {
          const { createCamera } = await import("./page/camera.js");
          const camera = createCamera(() => {});
          await camera.start();
          const bitmap = await createImageBitmap(await camera.frame());
          const context = new OffscreenCanvas(200, 200).getContext("2d");
          context.drawImage(bitmap, 0, 0);
          const at = (x) => [...context.getImageData(x, 100, 1, 1).data];
          return [bitmap.width, bitmap.height, at(20), at(180)];
        }"""
    )
    assert (width, height) == (contract.IMAGE_PX, contract.IMAGE_PX)
    assert left[0] > 150 > 100 > left[2]
    assert right[2] > 150 > 100 > right[0]
    assert page.evaluate("getComputedStyle(document.getElementById('video')).transform").startswith("matrix(-1,")
    page.context.close()


def test_images_are_read_into_a_table_each_with_its_reason_where_it_cannot_be(
    page: Any, colours: dict[str, Colour]
) -> None:
    name, colour = next(iter(colours.items()))
    page.goto(f"{page.url}#images")
    files = {
        "red.png": encoded(colour, "PNG"),
        "notes.txt": b"no image",
        "empty.jpg": b"",
        "cut.jpg": encoded(colour)[:-300],
    }
    page.set_input_files(
        "#files", [{"name": file, "mimeType": "image/png", "buffer": data} for file, data in files.items()]
    )
    rows = page.locator("#rows tr")
    expect(rows).to_have_count(4)
    expect(rows.nth(0)).to_contain_text(f"{name} ")
    expect(rows.nth(0)).to_contain_text("red.png")
    for number, reason in ((1, "not an image"), (2, "empty file"), (3, "truncated")):
        expect(rows.nth(number)).to_contain_text(reason)
    expect(page.locator("#said")).to_have_text("1 of 4 images were read.")


@pytest.mark.parametrize("way", ["paste", "drop"])
def test_images_are_pasted_and_dropped_from_any_view(page: Any, colours: dict[str, Colour], way: str) -> None:
    name, colour = next(iter(colours.items()))
    page.evaluate(
        """([way, bytes]) => {
          const data = new DataTransfer();
          data.items.add(new File([new Uint8Array(bytes)], "hand.png", { type: "image/png" }));
          const event = way === "paste" ? new ClipboardEvent(way, { clipboardData: data, bubbles: true })
                                        : new DragEvent(way, { dataTransfer: data, bubbles: true, cancelable: true });
          document.body.dispatchEvent(event);
        }""",
        [way, list(encoded(colour, "PNG"))],
    )
    expect(page.locator("#rows tr")).to_contain_text(f"{name} ")


def test_the_alphabet_says_of_every_class_how_it_is_held(page: Any) -> None:
    page.click("nav a[href='#alphabet']")
    tiles = page.locator("#chart button")
    expect(tiles).to_have_count(len(contract.CLASSES))
    said = page.evaluate(
        "[...document.querySelectorAll('#chart button')].map((tile) => {"
        "  tile.click();"
        "  const words = document.getElementById('sign-words').textContent;"
        "  document.getElementById('close').click();"
        "  return words;"
        "})"
    )
    assert len(set(said)) == len(contract.CLASSES)
    assert all(len(sentence) > 20 for sentence in said)


def test_practise_asks_for_a_letter_shows_it_and_keeps_the_score(
    launch: Launch, running: Transformer, colours: dict[str, Colour], tmp_path: Path
) -> None:
    right, wrong = list(colours)[:2]
    signs = [encoded(colours[name]) for name in (wrong, right) for _ in range(45)]
    page = opened(launch(*FAKE_CAMERA, film(signs, tmp_path / "film.mjpeg")), running.http_url, view="#practise")
    asks = "(letter) => { while (document.getElementById('wanted').textContent !== letter) next.click(); }"
    page.evaluate(asks, right)
    page.click("#show")
    expect(page.locator("#shown-words")).to_be_visible()
    page.click("#start")
    expect(page.locator("#verdict")).to_contain_text(f"I read {wrong}")
    expect(page.locator("#verdict")).to_contain_text(f"Yes, that is {right}")
    expect(page.locator("#score")).to_contain_text("1 right, 0 in a row")  # it was shown
    expect(page.locator("#wanted")).not_to_have_text(right)
    page.context.close()


def test_the_text_is_copied(chromium: Browser, running: Transformer) -> None:
    page = opened(chromium, running.http_url)
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.fill("#text", "HELLO")
    page.click("#copy")
    expect(page.locator("#notice")).to_contain_text("copied")
    assert page.evaluate("navigator.clipboard.readText()") == "HELLO"
    page.context.close()


def test_the_text_is_spoken_as_words(page: Any) -> None:
    page.evaluate("window.spoken = []; speechSynthesis.speak = (said) => spoken.push([said.text, said.lang]); 0")
    page.fill("#text", "HELLO")
    page.click("#speak")
    assert page.evaluate("spoken") == [["hello", "en"]]
