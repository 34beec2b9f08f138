"""The alphabet chart: drawn from our hands, once."""

import hashlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from asl_pkg import contract
from asl_pkg.serving.page import chart


@pytest.fixture
def folder(chart_cache: Path) -> Path:
    return chart.cached_chart(chart_cache)


def test_every_class_has_its_own_image_of_a_size_for_a_page(folder: Path) -> None:
    assert {path.stem for path in folder.iterdir()} == set(contract.CLASSES)
    assert len({hashlib.sha256(path.read_bytes()).digest() for path in folder.iterdir()}) == len(contract.CLASSES)
    for path in folder.iterdir():
        assert Image.open(path).size == (chart.SIDE_PX, chart.SIDE_PX)
    assert sum(path.stat().st_size for path in folder.iterdir()) < 200_000


def test_hands_are_large_and_whole_except_for_the_arm_and_nothing_shows_none(folder: Path) -> None:
    for name in contract.CLASSES:
        pixels = np.asarray(Image.open(folder / f"{name}.webp").convert("RGB")).astype(int)
        hand = np.abs(pixels - pixels[0, 0]).max(axis=2) > 40
        if name == "nothing":
            assert not hand.any()
            continue
        rows, columns = np.flatnonzero(hand.any(axis=1)), np.flatnonzero(hand.any(axis=0))
        assert max(np.ptp(rows), np.ptp(columns)) > 0.85 * chart.SIDE_PX, name
        assert not hand[0].any(), name  # fingertips; an arm leaves by the other sides


def test_a_second_start_draws_nothing(chart_cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chart, "draw_chart", lambda _: pytest.fail("it draws again"))
    assert chart.cached_chart(chart_cache).is_dir()


def test_a_chart_that_cannot_be_finished_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Image.Image, "save", full)
    with pytest.raises(OSError, match="No space"):
        chart.cached_chart(tmp_path)
    assert not list(tmp_path.iterdir())
