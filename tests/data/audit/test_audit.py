import json
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from asl_pkg import contract
from asl_pkg.data.audit.audit import Findings, meaning, write_audit
from asl_pkg.data.dataset import DatasetInfo
from asl_pkg.data.external import ExternalSet
from asl_pkg.data.hashing import dhash
from asl_pkg.data.ingest import PARTS_SCHEMA, IngestedData
from asl_pkg.data.sample import RejectedFile
from asl_pkg.data.split.assign import SplitResult
from asl_pkg.data.split.near_duplicates import SimilarityIndex
from asl_pkg.data.split.signers import People
from asl_pkg.data.split.splitting import GUARD, NEAR_DUPLICATE, SampleMeta, SplitAssignment
from tests.support.making import encoded, noise

SPLITS = [
    "train",
    "train",
    "train",
    "train",
    "validation",
    "validation",
    "test",
    "test",
    GUARD,
    NEAR_DUPLICATE,
]  # by frame


def info(**changed: object) -> DatasetInfo:
    usual = {
        "schema_version": contract.DATASET_SCHEMA,
        "digest": "d" * 64,
        "fingerprint": "f" * 64,
        "source": {"name": "folder", "path": "photographs", "block_frames": 100, "guard_frames": 20},
        "seed": 7,
        "split_by": "block",
        "unseen_signers": False,
        "unmeasurable": [],
        "counts": {split: dict.fromkeys(contract.CLASSES, SPLITS.count(split)) for split in contract.SPLITS},
        "signers": dict.fromkeys(contract.SPLITS, 3),
        "versions": {},
    }
    return DatasetInfo(**usual | changed)


def image(label: int, frame: int) -> dict[str, object]:
    """A row as arrival writes it; frames 0 and 1 of each class are the same file."""
    image = noise(100 * label + max(1, frame))
    return {
        "image": {"bytes": b"", "path": f"{contract.CLASSES[label]}/{frame}.jpg"},
        "label": label,
        "sequence": "",
        "frame": frame,
        "sha256": f"{label}-{max(1, frame)}",
        "dhash": dhash(np.asarray(image)),
        "thumbnail": image.tobytes(),
        "size_bytes": 1000,
        "width_px": 128,
        "height_px": 96,
        "private": label == 0 and frame == 0,
    }


@pytest.fixture(scope="module")
def findings() -> Findings:
    assignments = [(label, frame) for label in range(len(contract.CLASSES)) for frame in range(len(SPLITS))]
    table = pa.Table.from_pylist([image(*place) for place in assignments], PARTS_SCHEMA)
    rejected = [RejectedFile(f"A/{number}.jpg", "empty file") for number in range(7)] + [
        RejectedFile("x.txt", "text", False)
    ]
    ingested = IngestedData(table, rejected)
    samples = [SampleMeta(label, "unknown", "", frame, frame // 4) for label, frame in assignments]
    where = [SplitAssignment(SPLITS[frame], f"{label}/{frame // 2}") for label, frame in assignments]
    result = SplitResult("block", People(["unknown"] * len(assignments), ""), samples, where, [])
    similarity = SimilarityIndex(table["dhash"].to_numpy(), ingested.thumbnails)
    return Findings(info(), ingested, result, similarity, encoded(noise(0)))


@pytest.fixture(scope="module")
def written(findings: Findings, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("audited")
    write_audit(folder, findings)
    return folder


@pytest.fixture(scope="module")
def audit(written: Path) -> dict:
    return json.loads((written / contract.AUDIT_FILE).read_text())


@pytest.fixture(scope="module")
def page(written: Path) -> str:
    return (written / contract.AUDIT_PAGE).read_text()


def test_what_is_left_out_is_counted_by_class_and_apart_from_the_images(audit: dict) -> None:
    assert audit["guard"] == audit["near_duplicates"]["dropped"] == dict.fromkeys(contract.CLASSES, 1)
    assert audit["images"] == 8 * len(contract.CLASSES)
    assert audit["sizes_px"] == {"128 x 96": audit["images"]}


def test_identical_files_are_counted_within_and_across_splits(audit: dict) -> None:
    assert audit["same_bytes"] == {"within_a_split": 2 * len(contract.CLASSES), "across_splits": 0}


def test_reasons_are_counted_with_a_few_names(audit: dict) -> None:
    names = [f"A/{number}.jpg" for number in range(5)]
    assert audit["quarantined"] == [{"reason": "empty file", "count": 7, "examples": names}]
    assert audit["skipped"] == [{"reason": "text", "count": 1, "examples": ["x.txt"]}]


def test_recordings_are_listed_with_their_frames_and_where_they_went(audit: dict) -> None:
    assert audit["recordings"]["A"]["count"] == 3
    assert audit["recordings"]["A"]["listed"][1] == {
        "name": "unknown//1",
        "first_frame": 4,
        "last_frame": 7,
        "images": {"validation": 2, "test": 2},
    }


def test_the_honesty_table_has_a_row_a_split_and_its_sentence_opens_the_page(audit: dict, page: str) -> None:
    assert [score["split"] for score in audit["honesty"]["scores"]] == ["random split", "our split"]
    assert page.index(audit["honesty"]["sentence"]) < page.index("<h1>")


def test_brightness_is_a_distribution_of_each_split(audit: dict) -> None:
    assert list(audit["brightness"]) == list(contract.SPLITS)
    assert all(sum(found["shares"]) == pytest.approx(1, abs=0.01) for found in audit["brightness"].values())


def test_the_page_shows_every_class_and_needs_no_other_file(page: str) -> None:
    assert all(f"<td>{name}</td>" in page for name in contract.CLASSES)
    assert all(link.startswith("data:") for link in re.findall(r'(?:src|href)="([^"]+)', page))


def test_the_page_warns_of_private_exif(audit: dict, page: str) -> None:
    assert audit["private"] == 1
    assert "data.strip_private=true" in page


def test_a_pair_across_splits_is_counted_shown_and_warned_of(findings: Findings, tmp_path: Path) -> None:
    assignments = [
        assignment._replace(split="test") if row == 1 else assignment
        for row, assignment in enumerate(findings.result.assignments)
    ]
    write_audit(tmp_path, replace(findings, result=replace(findings.result, assignments=assignments)))
    near = json.loads((tmp_path / contract.AUDIT_FILE).read_text())["near_duplicates"]
    assert near["remaining"] == 1
    assert near["nearest"][0] == {
        "paths": ["A/1.jpg", "A/0.jpg"],
        "splits": ["test", "train"],
        "bits": 0,
        "correlation": 1.0,
    }
    assert "near-duplicate in another split" in (tmp_path / contract.AUDIT_PAGE).read_text()


def test_classes_that_cannot_be_measured_are_named(findings: Findings, tmp_path: Path) -> None:
    write_audit(tmp_path, replace(findings, info=info(unmeasurable=["O", "nothing"])))
    assert "Not measurable on this data set: O, nothing" in (tmp_path / contract.AUDIT_PAGE).read_text()


def test_other_peoples_images_are_scored_too(findings: Findings, tmp_path: Path) -> None:
    thumbnails, labels = findings.ingested.thumbnails, np.array(findings.ingested.column("label"))
    write_audit(tmp_path, replace(findings, external=ExternalSet(thumbnails, labels, [], [])))
    audit = json.loads((tmp_path / contract.AUDIT_FILE).read_text())
    assert audit["honesty"]["scores"][2]["split"] == "external set"


def test_the_meaning_of_blocks_promises_no_other_person() -> None:
    assert "more than 20 frames" in meaning(info())
    assert "Expect less for another person" in meaning(info())


def test_the_meaning_of_recordings_promises_no_other_person() -> None:
    assert "whole recordings" in meaning(info(split_by="recording"))
    assert "Expect less for another person" in meaning(info(split_by="recording"))


@pytest.mark.parametrize(
    ("drawn", "said"),
    [(0, ""), (2, "2 of them are synthetic hands"), (3, "They are synthetic hands")],
    ids=["no", "some", "all"],
)
def test_the_meaning_of_signers_says_how_many_and_whether_they_are_drawn(drawn: int, said: str) -> None:
    text = meaning(info(unseen_signers=True), drawn)
    assert "hands of 3 people it has never seen" in text
    assert said in text
    assert ("synthetic hands" in text) == bool(drawn)


def test_doubts_about_signers_are_told_and_no_one_is_called_unseen(findings: Findings, tmp_path: Path) -> None:
    doubtful = info(split_by="signer", people=["3 signers", "1 and 2 may be parts"])
    audit = write_audit(tmp_path, replace(findings, info=doubtful))
    assert audit.people == ["3 signers", "1 and 2 may be parts"]
    assert "not certain that training saw none of them: 1 and 2 may be parts" in audit.meaning
    assert "Doubtful signers:</b> 1 and 2 may be parts" in (tmp_path / contract.AUDIT_PAGE).read_text()


def test_unseen_signers_promise_nothing_of_classes_that_are_not_held_out() -> None:
    assert "It says nothing about del, space." in meaning(info(unseen_signers=True, unmeasurable=["del", "space"]))


def test_signers_whose_joints_are_known_in_space_are_drawn(findings: Findings, tmp_path: Path) -> None:
    table = findings.ingested.table
    known = [[[0.0] * 3] * 21 if path.startswith("A/") else None for path in findings.ingested.paths]
    field = PARTS_SCHEMA.field("landmarks_3d")
    table = table.set_column(table.schema.get_field_index(field.name), field, pa.array(known, field.type))
    drawn = replace(findings, info=info(unseen_signers=True), ingested=replace(findings.ingested, table=table))
    assert "synthetic hands" in write_audit(tmp_path, drawn).meaning
    assert "synthetic hands" not in write_audit(tmp_path, replace(findings, info=info(unseen_signers=True))).meaning
