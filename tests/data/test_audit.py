import json
from pathlib import Path

import pytest

from asl_pkg import contract
from asl_pkg.data.arrival import Arrived
from asl_pkg.data.audit import meaning, write_audit
from asl_pkg.data.dataset import DatasetInfo
from asl_pkg.data.picture import Rejected
from asl_pkg.data.splitting import GUARD, Place


def info(**changed: object) -> DatasetInfo:
    usual = {
        "schema_version": 1,
        "digest": "d" * 64,
        "fingerprint": "f" * 64,
        "source": {"name": "folder", "path": "photographs", "block_frames": 100, "guard_frames": 20},
        "seed": 7,
        "split_by": "block",
        "unseen_signers": False,
        "counts": {split: dict.fromkeys(contract.CLASSES, 1) for split in contract.SPLITS},
        "signers": dict.fromkeys(contract.SPLITS, 3),
        "versions": {},
    }
    return DatasetInfo(**usual | changed)


def picture(sha256: str, label: int = 0) -> Arrived:
    return Arrived(label, "x", "a", 0, None, sha256, 1000, 128, 96)


@pytest.fixture
def written(tmp_path: Path) -> Path:
    arrived = [picture("1"), picture("1"), picture("2"), picture("2"), picture("3"), picture("1", 2)]
    places = [Place(split, "g") for split in ("train", "test", "train", "train", "train", GUARD)]
    rejected = [Rejected(f"A/{number}.jpg", "empty file") for number in range(7)] + [Rejected("x.txt", "text", False)]
    write_audit(tmp_path, info(), arrived, rejected, places, b"sheet")
    return tmp_path


def test_identical_files_are_counted_within_and_across_splits(written: Path) -> None:
    audit = json.loads((written / contract.AUDIT_FILE).read_text())
    assert audit["same_bytes"] == {"within_a_split": 2, "across_splits": 2}


def test_the_guard_is_counted_by_class_and_apart_from_the_pictures(written: Path) -> None:
    audit = json.loads((written / contract.AUDIT_FILE).read_text())
    assert audit["guard"] == {"C": 1}
    assert audit["pictures"] == 5
    assert audit["sizes_px"] == {"128 x 96": 5}


def test_reasons_are_counted_with_a_few_names(written: Path) -> None:
    audit = json.loads((written / contract.AUDIT_FILE).read_text())
    names = [f"A/{number}.jpg" for number in range(5)]
    assert audit["quarantined"] == [{"reason": "empty file", "count": 7, "examples": names}]
    assert audit["skipped"] == [{"reason": "text", "count": 1, "examples": ["x.txt"]}]


def test_the_page_shows_every_class(written: Path) -> None:
    page = (written / contract.AUDIT_PAGE).read_text()
    assert all(f"<td>{name}</td>" in page for name in contract.CLASSES)


def test_the_meaning_of_blocks_promises_no_other_person() -> None:
    assert "more than 20 frames" in meaning(info())
    assert "Expect less for another person" in meaning(info())


@pytest.mark.parametrize(("name", "drawn"), [("synthetic", True), ("folder", False)])
def test_the_meaning_of_signers_says_how_many_and_whether_they_are_drawn(name: str, drawn: bool) -> None:
    text = meaning(info(unseen_signers=True, source={"name": name}))
    assert "hands of 3 people it has never seen" in text
    assert ("drawn hands" in text) == drawn
