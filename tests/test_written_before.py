"""Files of version 0.1.0 load: data set, bundle, report, store and drift report.

`support/written_by_0.1.0.tar.xz.b64` holds what `asl pull`, `export`, `validate`, `deploy` and `monitor` of 0.1.0 wrote
about 87 images of 24x24 px, with a network of 4 channels whose weights were rounded so that they pack well.
"""

import base64
import io
import tarfile
from dataclasses import asdict, replace
from pathlib import Path

import pytest

from asl_pkg import contract
from asl_pkg.bundle.store import open_store
from asl_pkg.config.schema import InferenceSettings
from asl_pkg.data.audit.audit_json import read_audit
from asl_pkg.data.dataset import read_info, read_split
from asl_pkg.deploy import deploy, releases, rollback
from asl_pkg.infer import infer
from asl_pkg.monitor import monitor
from asl_pkg.monitoring.drift import DriftReport
from asl_pkg.storage import outputs
from asl_pkg.storage.json_model import parse_json
from asl_pkg.validation.golden import read_golden
from asl_pkg.validation.report import read_report
from asl_pkg.verify import verify
from tests.support.exported import settings

PACKED = Path(__file__).parent / "support" / "written_by_0.1.0.tar.xz.b64"
RELEASE = "5186a51c59a8"


@pytest.fixture
def written(tmp_path: Path) -> Path:
    with tarfile.open(fileobj=io.BytesIO(base64.b64decode(PACKED.read_bytes())), mode="r:xz") as packed:
        packed.extractall(tmp_path, filter="data")
    return tmp_path


@pytest.fixture
def bundle(written: Path) -> Path:
    return written / "store" / contract.KUBERNETES_NAME / RELEASE


@pytest.fixture
def report(written: Path) -> Path:
    return written / "store" / contract.KUBERNETES_NAME / f"{RELEASE}-report"


def test_its_data_set_is_read(written: Path) -> None:
    info = read_info(written / "dataset")
    assert (info.split_by, info.unseen_signers) == ("signer", True)
    assert [len(read_split(written / "dataset", split)) for split in contract.SPLITS] == [29, 29, 29]


def test_its_audit_and_its_drift_report_are_read(written: Path) -> None:
    assert read_audit(written / "dataset").images == 87
    text = (written / "monitor" / contract.MONITOR_FILE).read_bytes()
    assert parse_json(DriftReport, text).images == 3


def test_its_outputs_may_be_replaced_although_they_carry_no_marker(written: Path, bundle: Path, report: Path) -> None:
    for folder, kind in (
        (written / "dataset", outputs.DATASET),
        (bundle, outputs.BUNDLE),
        (report, outputs.REPORT),
        (written / "monitor", outputs.MONITOR),
    ):
        assert outputs.claim(folder, kind) == folder.resolve()


def test_its_bundle_is_verified_and_names_letters(written: Path, bundle: Path) -> None:
    assert verify(bundle).release == RELEASE
    image = written / "A.png"
    image.write_bytes(read_split(written / "dataset", contract.SPLITS[2])["image"][0].as_py()["bytes"])
    (answer,) = infer(InferenceSettings(bundle=str(bundle)), [str(image)])
    assert answer.error is None
    assert answer.release == RELEASE


def test_its_report_and_golden_set_let_the_bundle_serve_from_a_new_store(
    written: Path, bundle: Path, report: Path
) -> None:
    assert read_report(report).passed
    assert len(read_golden(report / contract.GOLDEN_FOLDER).pixels) == len(contract.CLASSES)
    chosen = replace(settings(), store=str(written / "new"))
    assert deploy(chosen, bundle, report).release == RELEASE
    assert open_store(chosen.store).serving() is not None


def test_its_store_says_what_serves_and_takes_it_back(written: Path) -> None:
    chosen = replace(settings(), store=str(written / "store"))
    (listed,) = releases(chosen)
    assert (listed.release, listed.role) == (RELEASE, "serves")
    assert rollback(chosen, to=RELEASE).release == RELEASE


def test_its_drift_reference_is_compared_with_what_is_shown_now(written: Path, bundle: Path) -> None:
    images = written / "images"
    images.mkdir()
    for number, image in enumerate(read_split(written / "dataset", contract.SPLITS[2])["image"].to_pylist()):
        (images / f"{number}.png").write_bytes(image["bytes"])
    chosen = InferenceSettings(bundle=str(bundle), output="json", monitor_dir=str(written / "monitor"))
    found = monitor(chosen, [asdict(answer) for answer in infer(chosen, [str(images)])])
    assert (found.release, found.images, found.drifted) == (RELEASE, len(contract.CLASSES), [])
