"""Whole words: a drawn signer before Chromium's fake camera, a real Triton with model=hand, and the text on the page.

ASL_PAGE_BUNDLE names a bundle of model=hand; without it one is trained here, which takes ten minutes.
"""

import os
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from asl_pkg.bundle.bundle import open_bundle
from asl_pkg.serving.triton.local import LocalTriton
from tests.serving.page.conftest import FAKE_CAMERA, Launch, opened
from tests.support.film import EMPTY, Film
from tests.support.transformers import Transformer, address, transformer

pytestmark = pytest.mark.slow

SEED, SIGNER = 7, 3  # chosen, openly: the demo's model reads this signer's letters of the words rightly
HELD_S, RELEASED_S = 1.4, 0.6
WORDS = [*"HEL", EMPTY, *"LX", "del", "O", "space", *"WORLD"]  # an X too much, which `del` takes back
SIGNED = "HELLO WORLD"


@pytest.fixture(scope="session")
def hand_bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A bundle of model=hand that tells landmarks."""
    if given := os.environ.get("ASL_PAGE_BUNDLE"):
        return Path(given)
    folder = tmp_path_factory.mktemp("hand")
    signers = ["data.train_signers=60", "data.validation_signers=6", "data.test_signers=2"]
    for step in (["pull", *signers], ["train"], ["export"]):
        subprocess.run([sys.executable, "-m", "asl_pkg.commands", *step], cwd=folder, check=True)
    return folder / "models" / "bundle"


@pytest.fixture(scope="module")
def running(hand_bundle: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Transformer]:
    with (
        LocalTriton(open_bundle(hand_bundle), http_port=18800, grpc_port=18801, metrics_port=18802) as triton,
        transformer(tmp_path_factory.mktemp("transformer"), 18810, address(triton)) as started,
    ):
        yield started


def played(launch: Launch, running: Transformer, film: Film, path: Path) -> Page:
    """The page with a camera that sees the film, started."""
    film.save(path)
    page: Any = opened(launch(*FAKE_CAMERA, f"--use-file-for-fake-video-capture={path}"), running.http_url)
    page.click("#start")
    return page


def measured(page: Page, seconds: float) -> tuple[float, float]:
    """Letters a second, and milliseconds from frame to letter: medians of what the page shows."""
    rates, delays = [], []
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        page.wait_for_timeout(500)
        rates.append(float(page.inner_text("#rate").split()[0]))
        delays.append(float(page.inner_text("#delay").split()[0]))
    return statistics.median(rates), statistics.median(delays)


def test_a_film_that_spells_hello_world_becomes_that_text(launch: Launch, running: Transformer, tmp_path: Path) -> None:
    film = Film(SEED, SIGNER)
    film.hold(EMPTY, 1.0)
    for sign in WORDS:
        film.hold(sign, RELEASED_S if sign == EMPTY else HELD_S)
    film.hold(EMPTY, 8.0)
    page = played(launch, running, film, tmp_path / "hello.mjpeg")
    page.wait_for_timeout(3000)
    rate, delay = measured(page, film.seconds - 16.0)
    expect(page.locator("#text")).to_have_value(SIGNED, timeout=30_000)
    print(f"\n{rate:.0f} letters a second, {delay:.0f} ms from frame to letter, on {os.cpu_count()} cores")
    page.context.close()


def test_j_and_z_are_typed_when_they_are_drawn_and_not_when_i_and_d_are_still(
    launch: Launch, running: Transformer, tmp_path: Path
) -> None:
    film = Film(SEED, SIGNER)
    film.hold(EMPTY, 1.0)
    for letter in "JZ":
        film.draw(letter)
        film.hold(EMPTY, RELEASED_S)
    for letter in "ID":
        film.hold(letter, HELD_S)
        film.hold(EMPTY, RELEASED_S)
    film.hold(EMPTY, 8.0)
    page = played(launch, running, film, tmp_path / "motions.mjpeg")
    expect(page.locator("#text")).to_have_value("JZID", timeout=30_000)
    page.context.close()
