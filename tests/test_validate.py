"""The report on a real bundle."""

import json
import re
import shutil
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest

from asl_pkg import contract
from asl_pkg import validate as step
from asl_pkg.data.dataset import drawn_signers, read_split
from asl_pkg.errors import BundleError, DataError, GateError
from asl_pkg.storage import outputs
from asl_pkg.storage.atomic import sha256
from asl_pkg.validate import validate
from asl_pkg.validation.answers import Answers
from asl_pkg.validation.report import Report, raise_refusal, read_report
from asl_pkg.validation.report_html import confusions, worst_mistakes
from tests.faults.case import plant
from tests.support.exported import DIGEST, SIGNERS, Exported, image, settings, write_dataset


@pytest.fixture(scope="module")
def report(exported: Exported, tmp_path_factory: pytest.TempPathFactory) -> Report:
    folder = tmp_path_factory.mktemp("validated") / "report"
    return validate(settings(), exported.bundle, exported.dataset, exported.checkpoint, folder)


def test_the_report_holds_what_was_promised(report: Report) -> None:
    expected = {contract.REPORT_FILE, contract.REPORT_PAGE, contract.MODEL_CARD, contract.GOLDEN_FOLDER}
    assert {path.name for path in report.folder.iterdir()} == expected | {outputs.MARKER}
    assert len(list(report.golden_folder.iterdir())) == len(contract.CLASSES) + 1


def test_the_report_is_on_this_bundle_and_data_set(report: Report, exported: Exported) -> None:
    assert report.bundle_digest == sha256(exported.bundle / contract.BUNDLE_FILE)
    assert report.body.dataset_digest == DIGEST
    assert report.body.champion is None
    assert report.body.golden_digest == sha256(report.golden_folder / contract.GOLDEN_FILE)


def test_what_is_read_back_is_what_was_returned(report: Report) -> None:
    read = read_report(report.folder)
    assert read == report
    assert (read.passed, read.failed, read.accuracy, read.macro_f1) == (True, [], 1.0, 1.0)


def test_the_first_line_says_on_how_many_unseen_signers(report: Report) -> None:
    assert next(iter(json.loads((report.folder / contract.REPORT_FILE).read_text()))) == "headline"
    assert f"of {SIGNERS} signers that training never saw" in report.body.headline
    assert report.summary.startswith("passed, 20 of 20 gates: 100.0% of 232 test images read correctly")


def test_drawn_hands_are_called_drawn_in_the_first_line_and_the_model_card(
    exported: Exported, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert drawn_signers(read_split(exported.dataset, "test")) == 0
    monkeypatch.setattr(step, "drawn_signers", lambda *_: SIGNERS)
    made = validate(settings(), exported.bundle, exported.dataset, exported.checkpoint, tmp_path / "report")
    assert "never saw: synthetic hands, no photographs" in made.body.headline
    assert "data.external=" in (made.folder / contract.MODEL_CARD).read_text()


def test_the_first_line_says_that_the_signer_was_seen(exported: Exported, tmp_path: Path) -> None:
    dataset = write_dataset(tmp_path / "dataset", signers=3, unseen=False)
    made = validate(settings(), exported.bundle, dataset, exported.checkpoint, tmp_path / "report")
    assert "held-out blocks of the same signer" in made.body.headline
    assert "too few groups" in made.body.headline
    gate = next(gate for gate in made.body.gates if gate.name == "accuracy")
    assert (gate.unit, gate.passed) == ("block", True)
    assert "the worst block decides" in gate.why


class Links(HTMLParser):
    """Collects what a page would load."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found += [value or "" for name, value in attrs if name in ("src", "href")]


def test_the_page_needs_no_other_file(report: Report) -> None:
    page = (report.folder / contract.REPORT_PAGE).read_text()
    links = Links()
    links.feed(page)
    assert len(links.found) == 4  # the plots: there is no mistake to show
    assert all(link.startswith("data:image/") for link in links.found)
    assert not re.search(r"url\(|@import|<script", page)
    body = page[page.index("<main>") :]
    assert body.index("signers that training never saw") < body.index("<h1>")


def test_a_refused_model_gets_a_page_that_says_so(exported: Exported, tmp_path: Path) -> None:
    strict = settings(calibration_error_max=0.0)
    made = validate(strict, exported.bundle, exported.dataset, exported.checkpoint, tmp_path / "report")
    assert made.failed == ["calibration"]
    page = (made.folder / contract.REPORT_PAGE).read_text()
    assert page.count("FAIL") == 1
    assert "Refused." in page
    with pytest.raises(GateError, match="failed gates: calibration "):
        raise_refusal(made.folder)


def test_the_surest_mistakes_are_shown_first() -> None:
    probabilities = np.eye(len(contract.CLASSES), dtype=np.float32)[[0, 1, 2, 3]] * [[0.9], [0.6], [0.8], [1.0]]
    truth = np.array([1, 2, 3, 3])
    pixels = np.stack([image(label, 0) for label in truth])
    answers = Answers(pixels, truth, probabilities, probabilities, ["a", "b", "c", "d"], ["", "", "", ""])
    shown = worst_mistakes(answers)
    assert [(mistake["truth"], mistake["answer"], mistake["group"]) for mistake in shown] == [
        ("B", "A", "a"),
        ("D", "C", "c"),
        ("C", "B", "b"),
    ]
    assert all(mistake["image"].startswith("data:image/jpeg;base64,") for mistake in shown)


def test_the_most_frequent_confusions_are_listed_first() -> None:
    confusion = 5 * np.eye(len(contract.CLASSES), dtype=np.int64)
    confusion[0, 1], confusion[2, 3] = 1, 4
    assert confusions(confusion) == [
        {"truth": "C", "answer": "D", "count": 4, "images": 9},
        {"truth": "A", "answer": "B", "count": 1, "images": 6},
    ]


def test_a_model_that_cannot_be_run_gets_a_report_too(exported: Exported, tmp_path: Path) -> None:
    planted = plant(exported.bundle, tmp_path / "bundle", lambda folder: (folder / contract.LABELS_FILE).write_text(""))
    made = validate(settings(), planted, exported.dataset, exported.checkpoint, tmp_path / "report")
    assert read_report(made.folder).failed[0] == "contract"
    assert (made.accuracy, made.body.metrics, made.body.golden_digest) == (0.0, None, None)
    assert "could not be measured" in (made.folder / contract.REPORT_PAGE).read_text()
    assert "Not measured." in (made.folder / contract.MODEL_CARD).read_text()


def test_a_damaged_bundle_gets_a_report_too(exported: Exported, tmp_path: Path) -> None:
    shutil.copytree(exported.bundle, tmp_path / "bundle")
    (tmp_path / "bundle" / contract.LABELS_FILE).unlink()
    made = validate(settings(), tmp_path / "bundle", exported.dataset, exported.checkpoint, tmp_path / "report")
    assert made.failed[0] == "integrity"
    assert f"missing {contract.LABELS_FILE}" in (made.folder / contract.REPORT_PAGE).read_text()
    assert "damaged" in (made.folder / contract.MODEL_CARD).read_text()


def test_an_interrupted_validation_leaves_the_old_report(
    exported: Exported, report: Report, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(report.folder, tmp_path / "report")

    def interrupted(body: object) -> str:
        raise KeyboardInterrupt

    monkeypatch.setattr(step, "model_card", interrupted)
    with pytest.raises(KeyboardInterrupt):
        validate(settings(), exported.bundle, exported.dataset, exported.checkpoint, tmp_path / "report")
    assert read_report(tmp_path / "report").digest == report.digest
    assert [path.name for path in tmp_path.iterdir()] == ["report"]


def test_the_model_card_has_the_headings_of_the_literature(report: Report) -> None:
    card = (report.folder / contract.MODEL_CARD).read_text()
    for heading in ("Model details", "Intended use", "Factors", "Metrics", "Evaluation data", "Training data",
                    "Quantitative analyses", "Ethical considerations", "Caveats and recommendations"):  # fmt: skip
        assert f"\n## {heading}\n" in card


def edited(report: Report, folder: Path, **changes: object) -> Path:
    shutil.copytree(report.folder, folder)
    body = report.body.model_dump(mode="json") | changes
    (folder / contract.REPORT_FILE).write_text(json.dumps(body))
    return folder


def test_a_report_that_contradicts_itself_is_refused(report: Report, tmp_path: Path) -> None:
    gates = report.body.model_dump(mode="json")["gates"]
    next(gate for gate in gates if gate["name"] == "accuracy")["measured"] = 0.1
    with pytest.raises(BundleError, match="the verdict contradicts its numbers: `asl validate`"):
        read_report(edited(report, tmp_path / "report", gates=gates))


def test_a_golden_set_of_another_report_is_refused(report: Report, tmp_path: Path) -> None:
    with pytest.raises(BundleError, match="does not belong to the report"):
        read_report(edited(report, tmp_path / "report", golden_digest="0" * 64))


@pytest.mark.parametrize(
    ("text", "said"),
    [(None, "no report in"), ("{", "is damaged"), ("[]", "is damaged"), ('{"schema_version": 0}', "has schema 0")],
    ids=["missing", "truncated", "of another shape", "of another schema"],
)
def test_what_is_no_report_is_refused_with_the_command_that_mends_it(
    tmp_path: Path, text: str | None, said: str
) -> None:
    if text is not None:
        (tmp_path / contract.REPORT_FILE).write_text(text)
    with pytest.raises(BundleError, match=f"{said}.*`asl validate`"):
        read_report(tmp_path)


def test_without_bundle_or_data_set_the_command_that_makes_one_is_named(exported: Exported, tmp_path: Path) -> None:
    with pytest.raises(BundleError, match="`asl export` writes one"):
        validate(settings(), tmp_path / "none", exported.dataset, exported.checkpoint, tmp_path / "report")
    with pytest.raises(DataError, match="run `asl pull`"):
        validate(settings(), exported.bundle, tmp_path / "none", exported.checkpoint, tmp_path / "report")
    assert not (tmp_path / "report").exists()
