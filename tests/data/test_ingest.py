from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from asl_pkg.data import ingest as ingest_module
from asl_pkg.data.ingest import ingest
from asl_pkg.data.sample import RejectedFile, Sample, Source
from tests.support.making import encoded, noise

COUNT = 10


@pytest.fixture(autouse=True)
def _small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ingest_module, "PART_IMAGES", 3)


def shown(number: int) -> Sample:
    return Sample(encoded(noise(number)), f"A/A{number}.jpg", 0, "unknown", "A/A", number)


def source(stop_at: int | None = None, started_at: list[int] | None = None) -> Source:
    """Ten files, the fifth a rejected one; reading fails at one of them, as if the process had been killed there."""

    def read(start: int) -> Iterator[Sample | RejectedFile]:
        if started_at is not None:
            started_at.append(start)
        for number in range(start, COUNT):
            if number == stop_at:
                raise KeyboardInterrupt
            yield RejectedFile("A/A4.txt", "no image") if number == 4 else shown(number)

    return Source(read, COUNT, "")


@pytest.mark.parametrize("stop_at", range(COUNT))
def test_what_was_stopped_goes_on_after_the_last_part_and_gives_the_same(stop_at: int, tmp_path: Path) -> None:
    whole = ingest(source(), tmp_path / "whole")
    with pytest.raises(KeyboardInterrupt):
        ingest(source(stop_at), tmp_path / "parts")
    started_at: list[int] = []
    resumed = ingest(source(started_at=started_at), tmp_path / "parts")
    assert started_at == [stop_at // 3 * 3]
    assert resumed.table.equals(whole.table)
    assert resumed.rejected == whole.rejected == [RejectedFile("A/A4.txt", "no image")]


def test_names_that_differ_in_case_or_unicode_form_only_are_reported_also_across_a_stop(tmp_path: Path) -> None:
    names = ["A/\u00e91.jpg", "A/x.jpg", "A/y.jpg", "A/e\u03011.jpg", "a/X.jpg"]

    def read(start: int) -> Iterator[Sample | RejectedFile]:
        for number, name in enumerate(names[start:], start):
            yield Sample(encoded(noise(number)), name, 0, "unknown", "A")

    ingest(Source(lambda start: (item for item, _ in zip(read(start), range(3), strict=False)), 3, ""), tmp_path)
    arrived = ingest(Source(read, len(names), ""), tmp_path)
    assert arrived.paths == names[:3]
    assert [file.path for file in arrived.rejected] == names[3:]


def test_thumbnails_are_the_images_at_a_glance(tmp_path: Path) -> None:
    arrived = ingest(source(), tmp_path)
    assert arrived.thumbnails.shape == (COUNT - 1, 32, 32, 3)
    expected = np.asarray(noise(0), np.float32)
    assert np.corrcoef(arrived.thumbnails[0].ravel(), expected.ravel())[0, 1] > 0.95


def test_nothing_arrived_is_an_empty_table(tmp_path: Path) -> None:
    arrived = ingest(Source(lambda start: iter(()), 0, ""), tmp_path)
    assert (len(arrived.table), arrived.paths, arrived.rejected) == (0, [], [])
