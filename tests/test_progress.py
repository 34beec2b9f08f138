import time
from collections.abc import Iterator

import pytest

from asl_pkg import progress
from asl_pkg.progress import patiently, track


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


def late(wait_s: float) -> Iterator[int]:
    time.sleep(wait_s)
    yield 1


@pytest.mark.parametrize(("wait_s", "said"), [(0.3, "Listing x …"), (0.0, "")])
def test_a_first_item_that_is_long_in_coming_is_said_to_be_waited_for(
    wait_s: float, said: str, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(progress, "QUIET_S", 0.1)
    assert next(track(late(wait_s), None, "Listing x")) == 1
    assert capfd.readouterr().err.strip() == said


def test_nothing_is_said_once_the_work_is_over(
    capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(progress, "QUIET_S", 0.1)
    with pytest.raises(ValueError, match="failed"), patiently("Opening x"):
        raise ValueError("failed")
    time.sleep(0.2)
    assert capfd.readouterr().err == ""
