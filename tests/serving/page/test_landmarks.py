"""What the page does with landmarks: the answers of the model are made up here, of drawn hands that move."""

import json
import time
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from playwright.sync_api import Browser, expect

from asl_pkg.contract import IMAGE_PX
from tests.serving.page.conftest import opened
from tests.serving.page.test_motion import landmarks
from tests.support.film import HELD_AS, PATHS, along, usual
from tests.support.transformers import Transformer

FPS = 20
NAMES = ("letter", "confidence", "top3", "release", "error", "landmarks", "hand_score")

Frame = tuple[str, np.ndarray | None]


def held(letter: str, seconds: float) -> list[Frame]:
    return [(letter, landmarks(usual(letter), 0))] * round(seconds * FPS)


def drawn(letter: str) -> list[Frame]:
    shape = HELD_AS[letter]
    steps = 0.5 * IMAGE_PX * along(PATHS[letter], 1.0, pause=0.3, fps=FPS)
    return [(shape, landmarks(usual(shape), 0) + [x, y, 0.0]) for x, y in steps]


def empty(seconds: float) -> list[Frame]:
    return [("nothing", None)] * round(seconds * FPS)


def output(name: str, data: list[Any]) -> dict[str, Any]:
    return {"name": name, "datatype": "BYTES", "shape": [1], "data": data}


def answer(letter: str, points: np.ndarray | None) -> str:
    hand = np.zeros((21, 3)) if points is None else points
    values: list[list[Any]] = [[letter], [0.9], [f"0.9:0:{letter}", "0.1:1:B", "0.0:2:C"], ["r"], [""], [], []]
    values[5:] = [hand.ravel().tolist(), [0.0 if points is None else 0.9]]
    return json.dumps({"outputs": [output(*pair) for pair in zip(NAMES, values, strict=True)]})


@pytest.fixture
def page(chromium: Browser, running: Transformer) -> Iterator[Any]:
    made = opened(chromium, running.http_url)
    listed = json.dumps({"outputs": [{"name": name} for name in NAMES]})
    made.route("**/v2/models/asl_model", lambda route: route.fulfill(body=listed))
    yield made
    made.context.close()


def play(page: Any, frames: list[Frame]) -> None:
    """Answer with the frame of the time, the last one again and again, and start the camera."""
    started: list[float] = []

    def respond(route: Any) -> None:
        started.append(time.monotonic())
        number = int((started[-1] - started[0]) * FPS)
        route.fulfill(body=answer(*frames[min(number, len(frames) - 1)]))

    page.route("**/v2/models/asl_model/infer", respond)
    page.click("#start")


def test_j_and_z_are_typed_when_they_are_drawn_and_i_and_d_when_they_are_still(page: Any) -> None:
    between = empty(0.6)
    play(page, [*drawn("J"), *between, *drawn("Z"), *between, *held("I", 1.2), *between, *held("D", 1.2), *between])
    expect(page.locator("#text")).to_have_value("JZID")


def test_a_still_hand_that_is_read_as_z_is_not_typed_and_the_page_says_why(page: Any) -> None:
    play(page, held("Z", 1.0))
    expect(page.locator("#words")).to_contain_text("Z is a movement")
    page.wait_for_timeout(1500)
    expect(page.locator("#text")).to_have_value("")


def test_a_still_hand_that_is_read_as_j_is_an_i_and_the_page_says_why(page: Any) -> None:
    play(page, held("J", 1.0))
    expect(page.locator("#letter")).to_have_text("I")
    expect(page.locator("#words")).to_contain_text("J is a movement")
    expect(page.locator("#text")).to_have_value("I")


def test_the_skeleton_is_drawn_where_the_mirrored_hand_is_and_goes_with_it(page: Any) -> None:
    left = landmarks(usual("B"), 0) * [0.4, 0.4, 0.4]
    play(page, [("B", left)] * 3 * FPS + empty(1.0))
    drawn_at = (
        "() => { const { width, height } = skeleton;"
        "const { data } = skeleton.getContext('2d').getImageData(0, 0, width, height);"
        "const columns = [];"
        "for (let i = 3; i < data.length; i += 4) if (data[i] > 0) columns.push(((i >> 2) % width) / width);"
        "return columns.length ? [Math.min(...columns), Math.max(...columns)] : null; }"
    )
    handle = page.wait_for_function(drawn_at)
    low, high = handle.json_value()
    expected = 1.0 - left[:, 0] / IMAGE_PX
    assert low == pytest.approx(expected.min(), abs=0.02)
    assert high == pytest.approx(expected.max(), abs=0.02)
    expect(page.locator("#words")).to_contain_text("No hand")
    assert page.evaluate(drawn_at) is None


def test_a_release_without_landmarks_is_asked_for_none_and_its_still_j_is_typed(page: Any) -> None:
    old = json.dumps({"outputs": [{"name": name} for name in NAMES[:5]]})
    page.route("**/v2/models/asl_model", lambda route: route.fulfill(body=old))

    def respond(route: Any) -> None:
        content = json.loads(answer("J", None))
        route.fulfill(body=json.dumps({"outputs": content["outputs"][:5]}))

    page.route("**/v2/models/asl_model/infer", respond)
    page.click("#start")
    expect(page.locator("#text")).to_have_value("J")
    expect(page.locator("#words")).to_contain_text("90% sure")
