import hashlib
import json
import re
import shutil
from pathlib import Path

import numpy as np
import pyarrow.parquet
import pytest

from asl_pkg import contract
from asl_pkg.config.schema import FolderData, Settings, SyntheticData
from asl_pkg.data.dataset import DatasetInfo, drawn_signers, read_info, read_split, shards
from asl_pkg.data.hashing import dataset_digest
from asl_pkg.errors import DataError
from asl_pkg.pull import pull
from asl_pkg.storage import outputs
from tests.support.making import encoded, noise, public_folder

FRAMES = 20


def settings_for(folder: Path, seed: int = 7) -> Settings:
    return Settings(seed=seed, data=FolderData(path=str(folder), block_frames=4, guard_frames=1))


@pytest.fixture(scope="module")
def photographs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = public_folder(tmp_path_factory.mktemp("photographs"), FRAMES)
    (root / "README.txt").write_text("not an image")
    (root / "asl_alphabet_train/C/C99.jpg").write_bytes(encoded(noise(1))[:700])
    return root


@pytest.fixture(scope="module")
def pulled(photographs: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, DatasetInfo]:
    dataset_dir = tmp_path_factory.mktemp("data") / "dataset"
    return dataset_dir, pull(settings_for(photographs), dataset_dir)


def test_all_images_are_in_a_split_in_the_guard_or_in_quarantine(pulled: tuple[Path, DatasetInfo]) -> None:
    dataset_dir, info = pulled
    audit = json.loads((dataset_dir / contract.AUDIT_FILE).read_text())
    kept = sum(sum(counts.values()) for counts in info.counts.values())
    assert kept + sum(audit["guard"].values()) == FRAMES * len(contract.CLASSES)
    assert audit["quarantined"] == [
        {
            "reason": "damaged or truncated image, expected a whole one",
            "count": 1,
            "examples": ["asl_alphabet_train/C/C99.jpg"],
        }
    ]
    assert [group["examples"] for group in audit["skipped"]] == [["README.txt"]]


def test_what_stayed_out_is_told_in_the_terminal_too(
    photographs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pull(settings_for(photographs), tmp_path / "dataset")
    told = capsys.readouterr().err
    assert "1 unfit: 1 damaged" in told
    assert "1 left out: 1 not an image (.txt)" in told


def test_what_stayed_out_of_other_peoples_images_is_in_the_audit(photographs: Path, tmp_path: Path) -> None:
    settings = settings_for(photographs)
    settings.data.external = str(photographs)
    pull(settings, tmp_path / "dataset")
    audit = json.loads((tmp_path / "dataset" / contract.AUDIT_FILE).read_text())
    assert [group["count"] for group in audit["external_quarantined"]] == [1]
    assert [group["examples"] for group in audit["external_skipped"]] == [["README.txt"]]
    assert "(of data.external)" in (tmp_path / "dataset" / contract.AUDIT_PAGE).read_text()


def test_counts_are_those_of_the_shards(pulled: tuple[Path, DatasetInfo]) -> None:
    dataset_dir, info = pulled
    for split in contract.SPLITS:
        labels = read_split(dataset_dir, split, ["label"])["label"].to_numpy()
        counted = np.bincount(labels, minlength=len(contract.CLASSES)).tolist()
        assert counted == list(info.counts[split].values())
        assert min(counted) > 0


def test_the_bytes_are_those_of_the_source(pulled: tuple[Path, DatasetInfo], photographs: Path) -> None:
    for row in read_split(pulled[0], "test").to_pylist():
        original = (photographs / row["image"]["path"]).read_bytes()
        assert row["image"]["bytes"] == original
        assert row["sha256"] == hashlib.sha256(original).hexdigest()
        assert Path(row["image"]["path"]).parent.name == contract.CLASSES[row["label"]]
        assert (row["split"], row["signer"]) == ("test", "unknown")


def test_no_group_is_in_two_splits(pulled: tuple[Path, DatasetInfo]) -> None:
    groups = [set(read_split(pulled[0], split, ["group"])["group"].to_pylist()) for split in contract.SPLITS]
    assert not groups[0] & groups[1]
    assert not groups[0] & groups[2]
    assert not groups[1] & groups[2]


def test_the_digest_follows_from_the_rows_alone(pulled: tuple[Path, DatasetInfo]) -> None:
    columns = ["sha256", "label", "split", "group"]
    rows = [
        tuple(row.values()) for split in contract.SPLITS for row in read_split(pulled[0], split, columns).to_pylist()
    ]
    assert dataset_digest(rows) == dataset_digest(rows[::-1]) == pulled[1].digest
    assert dataset_digest(rows[1:]) != pulled[1].digest


def test_what_is_read_is_what_pull_said(pulled: tuple[Path, DatasetInfo]) -> None:
    dataset_dir, info = pulled
    assert read_info(dataset_dir) == info
    assert (info.split_by, info.unseen_signers, info.signers["test"]) == ("block", False, 1)


def test_the_same_pull_gives_the_same_data_set_and_another_seed_another(
    pulled: tuple[Path, DatasetInfo], photographs: Path, tmp_path: Path
) -> None:
    again = pull(settings_for(photographs), tmp_path / "again")
    other = pull(settings_for(photographs, seed=8), tmp_path / "other")
    assert again == pulled[1]
    assert other.digest != pulled[1].digest
    assert other.fingerprint != pulled[1].fingerprint


def test_only_finished_files_are_left(pulled: tuple[Path, DatasetInfo]) -> None:
    dataset_dir, _ = pulled
    assert {path.name for path in dataset_dir.iterdir()} == {
        outputs.MARKER,
        contract.DATASET_FILE,
        contract.AUDIT_FILE,
        contract.AUDIT_PAGE,
        contract.CONTACT_SHEET,
        *(f"{split}-00000-of-00001.parquet" for split in contract.SPLITS),
    }
    assert list(dataset_dir.parent.iterdir()) == [dataset_dir]


def test_a_failed_pull_leaves_the_old_data_set_whole(
    pulled: tuple[Path, DatasetInfo], photographs: Path, tmp_path: Path
) -> None:
    dataset_dir = tmp_path / "dataset"
    shutil.copytree(pulled[0], dataset_dir)
    folder = shutil.copytree(photographs, tmp_path / "photographs")
    for file in (folder / "asl_alphabet_train/Z").iterdir():
        file.unlink()
    settings = settings_for(folder)
    settings.data.classes = ",".join(contract.CLASSES)
    with pytest.raises(DataError, match="Z"):
        pull(settings, dataset_dir)
    assert read_info(dataset_dir) == pulled[1]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["dataset", "photographs"]


def test_a_source_that_is_damaged_as_a_whole_is_refused(photographs: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(photographs, tmp_path / "photographs")
    for name in "AB":
        for file in (folder / "asl_alphabet_train" / name).iterdir():
            file.write_bytes(b"")
    with pytest.raises(
        DataError,
        match=r"41 of 581 images are unfit, expected at most data\.max_quarantined=0\.05 of them: 40 empty file",
    ):
        pull(settings_for(folder), tmp_path / "dataset")
    assert not (tmp_path / "dataset").exists()


def test_synthetic_signers_are_held_out_and_landmarks_kept(tmp_path: Path) -> None:
    data = SyntheticData(train_signers=1, validation_signers=1, test_signers=1, frames=1)
    info = pull(Settings(data=data), tmp_path / "dataset")
    assert (info.split_by, info.unseen_signers) == ("signer", True)
    assert info.counts == {split: dict.fromkeys(contract.CLASSES, 1) for split in contract.SPLITS}
    signers = [set(read_split(tmp_path / "dataset", split)["signer"].to_pylist()) for split in contract.SPLITS]
    assert signers == [{"signer000"}, {"signer001"}, {"signer002"}]
    assert [drawn_signers(read_split(tmp_path / "dataset", split)) for split in contract.SPLITS] == [1, 1, 1]
    for row in read_split(tmp_path / "dataset", "train").to_pylist():
        shown = contract.CLASSES[row["label"]] != "nothing"
        assert (row["landmarks_2d"] is not None) == (row["landmarks_3d"] is not None) == shown
        if shown:
            assert np.shape(row["landmarks_2d"]) == (21, 2)
            assert np.shape(row["landmarks_3d"]) == (21, 3)


def test_the_audit_page_needs_nothing_else_and_says_what_the_accuracy_means(pulled: tuple[Path, DatasetInfo]) -> None:
    page = (pulled[0] / contract.AUDIT_PAGE).read_text()
    assert not re.findall(r'(?:src|href)="(?!data:)', page)
    assert "unseen moments of the same recordings" in page
    assert "asl_alphabet_train/C/C99.jpg" in page


def test_file_names_cannot_write_the_audit_page(photographs: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(photographs, tmp_path / "photographs")
    (folder / "<img onerror=alert(1)>.txt").touch()
    pull(settings_for(folder), tmp_path / "dataset")
    page = (tmp_path / "dataset" / contract.AUDIT_PAGE).read_text()
    assert "&lt;img onerror=alert(1)&gt;.txt" in page
    assert "<img onerror" not in page


def test_shards_carry_the_types_that_hugging_face_datasets_reads(pulled: tuple[Path, DatasetInfo]) -> None:
    (shard,) = shards(pulled[0], "train")
    schema = pyarrow.parquet.read_schema(shard)
    features = json.loads(schema.metadata[b"huggingface"])["info"]["features"]
    assert list(features) == schema.names
    assert features["image"] == {"_type": "Image"}
    assert features["label"]["names"] == list(contract.CLASSES)
