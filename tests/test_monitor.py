"""monitor: images like the reference pass, others are reported, by numbers alone."""

import json
import re
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from asl_pkg import contract
from asl_pkg.config.schema import InferenceSettings, MonitorSettings
from asl_pkg.errors import BundleError, DataError
from asl_pkg.infer import infer
from asl_pkg.monitor import monitor, read_answers
from asl_pkg.monitoring.drift import CONFIDENCE, LETTER, compute_drift
from asl_pkg.monitoring.features import MEASURES, describe_image
from tests.conftest import Asl
from tests.support.exported import CLASSES, Exported, image
from tests.support.tiny import make_bundle


def same(pixels: np.ndarray) -> np.ndarray:
    return pixels


def dark(pixels: np.ndarray) -> np.ndarray:
    return (pixels // 3).astype(np.uint8)


def blurred(pixels: np.ndarray) -> np.ndarray:
    return np.asarray(Image.fromarray(pixels).resize((20, 20)).resize((200, 200)))


def warm(pixels: np.ndarray) -> np.ndarray:
    return np.clip(pixels * np.array([1.3, 1, 0.6]), 0, 255).astype(np.uint8)


def images(folder: Path, change: Callable[[np.ndarray], np.ndarray], signers: int = 4) -> Path:
    """Images that the reference does not hold, of the same kind, and then changed."""
    folder.mkdir()
    for label in range(CLASSES):
        for signer in range(signers):
            Image.fromarray(change(image(label, 900 + signer))).save(folder / f"{label}-{signer}.png")
    return folder


@pytest.mark.parametrize(
    ("change", "told"),
    [(same, set()), (dark, {"brightness", "contrast"}), (blurred, {"sharpness"}), (warm, {"red", "blue"})],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_images_of_another_kind_are_told_by_what_changed(
    exported: Exported, tmp_path: Path, change: Callable[[np.ndarray], np.ndarray], told: set[str]
) -> None:
    settings = InferenceSettings(bundle=str(exported.bundle), monitor_dir=str(tmp_path / "out"), output="json")
    answers = infer(settings, [str(images(tmp_path / "new", change))])
    found = monitor(settings, map(asdict, answers))
    names = set(found.drifted)
    assert told <= names
    assert bool(names) == bool(told)
    assert found.images == 4 * CLASSES
    assert ("Drifted." if told else "No drift.") in (tmp_path / "out" / contract.MONITOR_PAGE).read_text()


def test_drift_is_said_in_one_line_with_exit_1_and_a_page_that_needs_nothing_else(
    exported: Exported, asl: Asl, tmp_path: Path
) -> None:
    answer = asl("monitor", str(images(tmp_path / "new", dark)), f"bundle={exported.bundle}")
    assert answer.returncode == 1
    assert answer.stderr.count("\n") == 1
    assert "look at monitor/monitor.html" in answer.stdout
    body = json.loads((tmp_path / "monitor" / contract.MONITOR_FILE).read_text())
    assert all(name in answer.stderr for name in body["drifted"])
    page = (tmp_path / "monitor" / contract.MONITOR_PAGE).read_text()
    links = re.findall(r"""(?:src|href|url)\s*[=(]\s*["']?([^"')\s>]+)""", page)
    assert all(link.startswith("#") for link in links), links
    assert not re.search("<script|<img|<image|data:", page)


def test_answers_for_programs_hold_all_that_is_compared(asl: Asl, exported: Exported, tmp_path: Path) -> None:
    folder = images(tmp_path / "new", same)
    (folder / "broken.png").write_text("no image")
    lines = asl("infer", str(folder), f"bundle={exported.bundle}", "output=json").stdout
    (tmp_path / "answers.jsonl").write_text(lines)
    settings = InferenceSettings(bundle=str(exported.bundle), monitor_dir=str(tmp_path / "out"))
    found = monitor(settings, read_answers(tmp_path / "answers.jsonl"))
    assert not found.drifted
    assert (found.images, found.unread) == (4 * CLASSES, 1)
    assert "1 could not be read" in found.summary


def line(release: str, letter: str = "A", **measures: float) -> dict[str, object]:
    given = dict.fromkeys(MEASURES, 0.5) | measures
    return {"release": release, "top3": [[letter, 0.9]], "measures": given, "error": None}


@pytest.mark.parametrize(
    ("answers", "said"),
    [
        ([], "nothing to compare"),
        ([{"error": "broken"}], "nothing to compare"),
        ([line("another")], "answers of release 'another'"),
        ([{"release": "x", "top3": [["A", 1.0]], "error": None}], "has nothing to compare"),
        ([line("x", letter="?")], "has nothing to compare"),
        ([{}], "has nothing to compare"),
    ],
    ids=["none", "all broken", "another release", "an older answer", "no letter", "something else"],
)
def test_answers_that_cannot_be_compared_are_refused(
    exported: Exported, tmp_path: Path, answers: list[dict[str, object]], said: str
) -> None:
    settings = InferenceSettings(bundle=str(exported.bundle), monitor_dir=str(tmp_path / "out"))
    with pytest.raises(DataError, match=re.escape(said)):
        monitor(settings, answers)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("text", [None, "no JSON\n", "3\n", "\udcff"], ids=["missing", "text", "a number", "no text"])
def test_a_file_without_answers_is_named(tmp_path: Path, text: str | None) -> None:
    if text:
        (tmp_path / "a.jsonl").write_bytes(text.encode(errors="surrogateescape"))
    with pytest.raises(DataError, match="does not hold lines of `asl infer output=json`"):
        list(read_answers(tmp_path / "a.jsonl"))


def test_a_bundle_without_reference_is_named_with_what_makes_one(tmp_path: Path) -> None:
    bundle = make_bundle(tmp_path / "bundle")
    with pytest.raises(BundleError, match="no drift reference: `asl train` and `asl export`"):
        monitor(InferenceSettings(bundle=str(bundle.folder), monitor_dir=str(tmp_path / "out")), [])


def sample(rng: np.random.Generator, images: int, moved: float = 0.0) -> dict[str, list[object]]:
    numbers = (rng.normal(size=images) + moved).tolist()
    return {CONFIDENCE: numbers, LETTER: rng.choice(contract.CLASSES, images).tolist()}


@pytest.mark.parametrize("images", [1, 5, 30, 300])
def test_what_is_alike_is_not_told_apart_by_chance(images: int) -> None:
    rng = np.random.default_rng(images)
    nothing_allowed = MonitorSettings(distance_max=0, letters_max=0)
    found = [compute_drift(sample(rng, 500), sample(rng, images), nothing_allowed) for _ in range(100)]
    assert sum(shift.drifted for shifts in found for shift in shifts) <= 2  # of 200, each once in a thousand


def test_what_moved_is_told_from_as_many_images_as_that_takes() -> None:
    rng = np.random.default_rng(0)
    reference = sample(rng, 500)
    assert compute_drift(reference, sample(rng, 60, moved=1.5), MonitorSettings())[0].drifted
    assert not compute_drift(reference, sample(rng, 3, moved=1.5), MonitorSettings())[0].drifted


def test_one_letter_all_the_time_is_told_and_written_english_is_not() -> None:
    english = dict(zip("etaoinshrdlcumwfgypbvkjxqz", [12.7, 9.1, 8.2, 7.5, 7, 6.7, 6.3, 6.1, 6, 4.3, 4, 2.8, 2.8, 2.4,
                   2.4, 2.2, 2, 2, 1.9, 1.5, 1, 0.8, 0.2, 0.2, 0.1, 0.1], strict=True))  # fmt: skip
    words = [letter.upper() for letter, share in english.items() for _ in range(round(10 * share))]
    reference = {LETTER: list(contract.CLASSES) * 20}
    assert not compute_drift(reference, {LETTER: words}, MonitorSettings())[0].drifted
    assert compute_drift(reference, {LETTER: ["nothing"] * 200}, MonitorSettings())[0].drifted


def test_the_same_image_has_the_same_numbers_in_years() -> None:
    numbers = describe_image(image(3, 5))
    assert list(numbers) == list(MEASURES)
    assert numbers == describe_image(image(3, 5).copy())
    assert numbers["shape 1"] == pytest.approx(-0.18255, abs=1e-4)  # as when this was written
