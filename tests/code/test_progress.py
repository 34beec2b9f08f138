import time

import pytest

from asl_pkg import progress
from asl_pkg.progress import track


def test_short_work_is_silent(capfd: pytest.CaptureFixture[str]) -> None:
    assert list(track(range(5), 5, "Counting")) == [0, 1, 2, 3, 4]
    assert capfd.readouterr().err == ""


def test_long_work_in_a_log_is_plain_lines(capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress, "QUIET_S", 0.05)
    monkeypatch.setattr(progress, "LINE_EVERY_S", 0.1)
    for _ in track(range(20), 20, "Counting", "sheep"):
        time.sleep(0.02)
    first, *_, last = capfd.readouterr().err.splitlines()
    assert first.startswith("Counting: ")
    assert "of 20 sheep" in first
    assert last.startswith("Counting: 20 sheep, done")


def test_a_total_that_nobody_knows_is_left_out(
    capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(progress, "QUIET_S", 0.0)
    list(track(iter("ab"), None, "Reading"))
    assert " of " not in capfd.readouterr().err
