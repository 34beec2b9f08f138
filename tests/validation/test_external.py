"""Other people's images are scored correctly, whatever else is in their folder."""

import re
from pathlib import Path

import numpy as np
import pytest

from asl_pkg import contract
from asl_pkg.config.schema import Settings
from asl_pkg.data.sample import UNKNOWN_SIGNER, RejectedFile, Sample
from asl_pkg.errors import DataError
from asl_pkg.inference.onnx_session import open_session
from asl_pkg.metrics import classification
from asl_pkg.validate import validate
from asl_pkg.validation.external import ExternalScore, groups_of, open_external, score
from asl_pkg.validation.report import Report, read_report
from tests.support.exported import Exported, image, png, settings

LETTERS = [label for label, name in enumerate(contract.CLASSES) if len(name) == 1]


def folder_of(root: Path, wrong: int = 0, names: str = "{name}{number}.png") -> Path:
    """26 classes of three images; in some folders of their class lie images of the next one."""
    for label in LETTERS:
        folder = root / contract.CLASSES[label].lower()
        folder.mkdir(parents=True)
        for number in range(3):
            shown = label + 1 if label < wrong else label
            pixels = png(image(shown, 100 + number))
            (folder / names.format(name=contract.CLASSES[label], number=number)).write_bytes(pixels)
    return root


def scored(exported: Exported, folder: Path) -> ExternalScore:
    session = open_session(exported.bundle / contract.MODEL_FILE)
    return score(session, open_external(str(folder)).read(0), str(folder), 200, 0)


def asked(folder: Path, **thresholds: float) -> Settings:
    made = settings(**thresholds)
    made.data.external = str(folder)
    return made


def run(exported: Exported, folder: Path, report_dir: Path, **thresholds: float) -> Report:
    return validate(asked(folder, **thresholds), exported.bundle, exported.dataset, exported.checkpoint, report_dir)


@pytest.fixture(scope="module")
def report(exported: Exported, tmp_path_factory: pytest.TempPathFactory) -> Report:
    root = tmp_path_factory.mktemp("strangers")
    folder = folder_of(root / "images", wrong=2)
    (folder / "a" / "cut.jpg").write_bytes(b"\xff\xd8\xff")
    (folder / "README.txt").write_text("not an image")
    return run(exported, folder, root / "report")


def test_26_classes_are_scored_and_the_rest_has_no_part(report: Report) -> None:
    found = report.body.external
    assert found is not None
    assert list(found.recall) == [contract.CLASSES[label] for label in LETTERS]
    assert found.images == 26 * 3
    assert found.accuracy.value == pytest.approx(24 / 26)
    assert [found.recall[name] for name in "ABC"] == [0, 0, 1]
    assert found.confusion[0][1] == 3
    # A is never answered right; B and C are each answered for another class, three of six times
    assert found.macro_f1.value == pytest.approx((23 + 2 / 3) / 26)


def test_a_broken_image_is_named_and_stops_nothing(report: Report) -> None:
    assert report.body.external is not None
    (broken,) = report.body.external.broken
    assert broken.path == "a/cut.jpg"
    assert "image" in broken.reason


def test_it_has_a_gate_of_its_own(report: Report) -> None:
    (gate,) = (gate for gate in report.body.gates if gate.name == "external")
    assert report.passed
    assert report.body.external is not None
    assert gate.measured == report.body.external.accuracy.low
    assert read_report(report.folder) == report


def test_strangers_who_are_read_too_badly_are_a_reason_to_refuse(exported: Exported, tmp_path: Path) -> None:
    made = run(exported, folder_of(tmp_path, wrong=24), tmp_path / "report", external_min=0.5)
    assert made.failed == ["external"]


def test_page_card_and_line_tell_of_it(report: Report) -> None:
    page = (report.folder / contract.REPORT_PAGE).read_text()
    section = page[page.index("Other people's images") :]
    assert section.count('alt="A read as B"') == 3
    assert "a/cut.jpg" in section
    assert 'alt="Confusion matrix of other' in section
    assert not re.search(r'src="(?!data:image/)', page)
    assert report.external in (report.folder / contract.MODEL_CARD).read_text()
    assert "92.3% of 78 read correctly" in report.external
    assert "1 broken" in report.external


def test_without_the_setting_nothing_is_said(exported: Exported, tmp_path: Path) -> None:
    made = validate(settings(), exported.bundle, exported.dataset, exported.checkpoint, tmp_path / "report")
    assert (made.body.external, made.external) == (None, "")
    assert "Other people" not in (made.folder / contract.REPORT_PAGE).read_text()


@pytest.mark.parametrize(
    ("names", "unit", "groups"),
    [("{name}{number}.png", "image", 78), ("{number}{name}_of_someone.png", "image", 78)],
    ids=["three frames", "three names"],
)
def test_the_unit_of_few_images_is_the_image(
    exported: Exported, tmp_path: Path, names: str, unit: str, groups: int
) -> None:
    found = scored(exported, folder_of(tmp_path, wrong=9, names=names))
    assert (found.unit, found.accuracy.groups) == (unit, groups)


def shot(label: int, frame: int | None, signer: str = UNKNOWN_SIGNER, name: str = "") -> Sample:
    return Sample(b"", f"{label}/{name}{frame}.jpg", label, signer, f"{label}/{name}", frame)


@pytest.mark.parametrize(
    ("images", "unit", "groups"),
    [
        ([shot(0, frame) for frame in range(3000)], "block", 30),
        ([shot(0, frame) for frame in range(80)], "block", 8),
        ([shot(label, frame) for label in (0, 1) for frame in range(16)], "block", 16),
        ([shot(0, None, name=str(number)) for number in range(40)], "image", 40),
        ([shot(0, frame, signer) for signer in ("a", "b") for frame in range(9)], "signer", 2),
        ([shot(0, frame, "a") for frame in range(800)], "block", 8),
    ],
    ids=["a long run", "a short run", "two classes", "no numbers", "known signers", "one signer"],
)
def test_neighbouring_frames_are_resampled_together(images: list[Sample], unit: str, groups: int) -> None:
    said, found = groups_of(images)
    assert (said, len(set(found))) == (unit, groups)


def test_one_image_of_each_class_has_an_interval_too() -> None:
    confusions = np.zeros((26, 29, 29), np.int64)
    confusions[range(26), range(26), [label + (label < 6) for label in range(26)]] = 1
    found = classification.interval(classification.accuracy, confusions, 1000, 0)
    assert found.value == pytest.approx(20 / 26)
    assert 0.55 < found.low < 0.7
    assert 0.85 < found.high <= 1


def test_all_right_is_all_right(exported: Exported, tmp_path: Path) -> None:
    found = scored(exported, folder_of(tmp_path))
    assert (found.accuracy.value, found.macro_f1.value, found.macro_f1.low, found.mistakes) == (1, 1, 1, [])


def test_the_surest_mistakes_of_many_are_kept(exported: Exported) -> None:
    session = open_session(exported.bundle / contract.MODEL_FILE)
    shown = [
        Sample(png(image(label + 1, signer)), f"{label}/{signer}", label, UNKNOWN_SIGNER, f"{label}/{signer}")
        for label in range(14)
        for signer in range(6)
    ]
    found = score(session, [*shown, RejectedFile("README", "no image", quarantined=False)], "here", 100, 0)
    assert found.accuracy.value == 0
    assert len(found.mistakes) == 15
    sure = [mistake.confidence for mistake in found.mistakes]
    assert sure == sorted(sure, reverse=True)
    assert all(
        np.array_equal(mistake.pixels, image(mistake.truth + 1, int(mistake.origin[-1]))) for mistake in found.mistakes
    )
    assert not found.broken


@pytest.mark.parametrize("files", [None, {}, {"README.txt": b""}, {"A/a.jpg": b"", "B/b.jpg": b"\xff"}])
def test_a_folder_without_images_is_refused_in_one_line(
    exported: Exported, tmp_path: Path, files: dict[str, bytes] | None
) -> None:
    folder = tmp_path / "images"
    if files is not None:
        folder.mkdir()
    for name, data in (files or {}).items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_bytes(data)
    with pytest.raises(DataError, match="expected") as refusal:
        scored(exported, folder)
    assert str(folder) in str(refusal.value)
    assert "\n" not in str(refusal.value)


def test_a_missing_folder_is_refused_before_anything_is_written(exported: Exported, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="data.external=.*expected"):
        run(exported, tmp_path / "none", tmp_path / "report")
    assert not list(tmp_path.iterdir())
