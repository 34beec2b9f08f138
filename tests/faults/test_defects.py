"""Every planted defect is refused by the gate that was named before any gate ran on it."""

import random
import shutil
from pathlib import Path

import pytest
from PIL import Image

from asl_pkg import contract
from asl_pkg.bundle.bundle import open_bundle
from asl_pkg.errors import BundleError
from asl_pkg.validate import validate
from asl_pkg.validation import evaluation
from asl_pkg.validation.gates import GateInput
from asl_pkg.validation.report import read_report
from tests.faults.case import Good
from tests.faults.judging import refused_by
from tests.faults.page import DOCS
from tests.faults.planters import PLANTERS
from tests.faults.table import DEFECTS, Defect
from tests.support.exported import Exported, image, settings

FLIPS = 10_000
STRANGERS = range(200, 203)  # signers of no data set, in a darker room


@pytest.fixture(scope="module")
def good(exported: Exported, tmp_path_factory: pytest.TempPathFactory) -> Good:
    folder = tmp_path_factory.mktemp("good")
    for label, name in enumerate(contract.CLASSES):
        (folder / "external" / name).mkdir(parents=True)
        for signer in STRANGERS:
            Image.fromarray(image(label, signer) // 2).save(folder / "external" / name / f"{signer}.png")
    report = validate(settings(), exported.bundle, exported.dataset, exported.checkpoint, folder / "report")
    assert report.failed == []
    return Good(settings(), exported.checkpoint, exported.bundle, exported.dataset, report.folder, folder / "external")


def test_every_defect_of_the_table_is_planted() -> None:
    assert list(PLANTERS) == [defect.name for defect in DEFECTS]


@pytest.mark.parametrize("defect", [pytest.param(defect, id=defect.name) for defect in DEFECTS])
def test_a_defect_is_refused_by_what_was_expected_to_refuse_it(
    good: Good, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, defect: Defect
) -> None:
    if defect.caught_by != "triton":  # a server for each of the others would take minutes and tell nothing
        monkeypatch.setattr(evaluation, "ask_triton", lambda *_arguments: GateInput(0))
    refused = refused_by(defect, good, tmp_path)
    assert defect.caught_by in refused, f"refused by {refused}"


def test_every_flipped_byte_is_noticed(good: Good, tmp_path: Path) -> None:
    """By its digest in bundle.json; in bundle.json itself by the digest of the bundle, which the report names."""
    bundle = Path(shutil.copytree(good.bundle, tmp_path / "bundle"))
    digest = read_report(good.report).bundle_digest
    assert open_bundle(bundle).digest == digest
    paths = sorted(path for path in bundle.rglob("*") if path.is_file())
    rng = random.Random(7)
    for _ in range(FLIPS):
        path = rng.choice(paths)
        place, change = rng.randrange(path.stat().st_size), rng.randrange(1, 256)
        flip(path, place, change)
        assert is_noticed(bundle, digest), f"byte {place} of {path.name}, exclusive or {change}"
        flip(path, place, change)
    assert open_bundle(bundle).digest == digest


def flip(path: Path, place: int, change: int) -> None:
    with path.open("r+b", buffering=0) as file:
        file.seek(place)
        before = file.read(1)[0]
        file.seek(place)
        file.write(bytes([before ^ change]))


def is_noticed(bundle: Path, digest: str) -> bool:
    try:
        return open_bundle(bundle).digest != digest
    except BundleError:
        return True


def test_the_table_in_the_docs_is_the_one_that_is_tested() -> None:
    text = DOCS.read_text(encoding="utf-8")
    for defect in DEFECTS:
        assert f"| {defect.name} | {defect.how} | {defect.caught_by} | " in text
