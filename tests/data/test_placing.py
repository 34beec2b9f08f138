from pathlib import Path

import pytest

from asl_pkg import contract
from asl_pkg.config import FolderData, Settings
from asl_pkg.data import splitting
from asl_pkg.data.dataset import DatasetInfo, read_split
from asl_pkg.errors import DataError
from asl_pkg.pull import pull
from tests.data.making import encoded, noise, public_folder

FRAMES = 12


def pulled(folder: Path, dataset_dir: Path, **settings: object) -> DatasetInfo:
    data = FolderData(path=str(folder), **{"block_frames": 4, "guard_frames": 0} | settings)  # type: ignore[arg-type]
    return pull(Settings(data=data), dataset_dir)


def signers_of(dataset_dir: Path) -> dict[str, set[str]]:
    return {split: set(read_split(dataset_dir, split)["signer"].to_pylist()) for split in contract.SPLITS}


@pytest.fixture(scope="module")
def photographs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return public_folder(tmp_path_factory.mktemp("photographs"), FRAMES)


def test_folders_above_the_classes_are_signers_and_held_out_whole(tmp_path: Path) -> None:
    for number, signer in enumerate(("ann", "bob", "cem")):
        for label, name in enumerate(contract.CLASSES):
            file = tmp_path / "set" / signer / name / f"{name}1.jpg"
            file.parent.mkdir(parents=True)
            file.write_bytes(encoded(noise(100 * label + number)))
    info = pulled(tmp_path / "set", tmp_path / "dataset")
    assert (info.split_by, info.unseen_signers) == ("signer", True)
    assert sorted(map(sorted, signers_of(tmp_path / "dataset").values())) == [["ann"], ["bob"], ["cem"]]


def test_a_table_names_signers(photographs: Path, tmp_path: Path) -> None:
    table = tmp_path / "signers.csv"
    rows = [
        f"asl_alphabet_train/{name}/{name}{frame}.jpg,{'abc'[frame % 3]}"
        for name in contract.CLASSES
        for frame in range(FRAMES)
    ]
    table.write_text("\n".join(["path,signer", *rows]))
    info = pulled(photographs, tmp_path / "dataset", signers_csv=str(table))
    assert (info.split_by, info.signers) == ("signer", dict.fromkeys(contract.SPLITS, 1))


def test_a_table_of_another_set_is_refused(photographs: Path, tmp_path: Path) -> None:
    (tmp_path / "signers.csv").write_text("path,signer\nelsewhere.jpg,ann\n")
    with pytest.raises(DataError, match=r"names no picture .* such as asl_alphabet_train/A/A0.jpg"):
        pulled(photographs, tmp_path / "dataset", signers_csv=str(tmp_path / "signers.csv"))


def test_recordings_in_a_table_are_held_out_whole(photographs: Path, tmp_path: Path) -> None:
    table = tmp_path / "signers.csv"
    rows = [
        f"asl_alphabet_train/{name}/{name}{frame}.jpg,ann,{'abc'[frame % 3]}"
        for name in contract.CLASSES
        for frame in range(FRAMES)
    ]
    table.write_text("\n".join(["path,signer,recording", *rows]))
    info = pulled(photographs, tmp_path / "dataset", signers_csv=str(table))
    assert info.split_by == "recording"
    frames = {
        split: {int(path[-6:-4].lstrip("AZ")) % 3 for path in paths if "/A/" in path}
        for split in contract.SPLITS
        for paths in [[image["path"] for image in read_split(tmp_path / "dataset", split)["image"].to_pylist()]]
    }
    assert sorted(map(sorted, frames.values())) == [[0], [1], [2]]


def test_names_without_a_number_in_common_are_split_by_neighbours_not_at_random(tmp_path: Path) -> None:
    names = [f"{first}{second}" for first in "abc" for second in "uvwxy"]
    for label, letter in enumerate(contract.CLASSES):
        folder = tmp_path / "set" / letter
        folder.mkdir(parents=True)
        for number, name in enumerate(names):
            (folder / f"{name}.jpg").write_bytes(encoded(noise(100 * label + number)))
    pulled(tmp_path / "set", tmp_path / "dataset")
    for split in contract.SPLITS:
        rows = read_split(tmp_path / "dataset", split).to_pylist()
        order = {(row["label"], names.index(Path(row["image"]["path"]).stem)) for row in rows}
        assert all((label, number ^ 1) in order or number // 4 == 3 for label, number in order)


def test_a_class_of_twins_is_learnt_called_unmeasurable_and_not_held_out(tmp_path: Path) -> None:
    folder = public_folder(tmp_path / "set", FRAMES)
    for frame in range(FRAMES):
        (folder / f"asl_alphabet_train/nothing/nothing{frame}.jpg").write_bytes(encoded(noise(999_999)))
    info = pulled(folder, tmp_path / "dataset")
    assert info.unmeasurable == ["nothing"]
    assert [info.counts[split]["nothing"] for split in contract.SPLITS] == [4, 0, 0]
    assert all(info.counts[split]["A"] == 4 for split in contract.SPLITS)


def test_a_class_whose_blocks_look_alike_is_held_out_by_recordings_however_small_they_are(tmp_path: Path) -> None:
    """Four recordings of three equal frames each: cut into blocks of two, every recording is on both sides."""
    folder = public_folder(tmp_path / "set", FRAMES)
    for frame in range(FRAMES):
        (folder / f"asl_alphabet_train/B/B{frame}.jpg").write_bytes(encoded(noise(900_000 + frame // 3)))
    table = tmp_path / "signers.csv"
    rows = [f"asl_alphabet_train/B/B{frame}.jpg,ann,{frame // 3}" for frame in range(FRAMES)]
    table.write_text("\n".join(["path,signer,recording", *rows]))
    info = pulled(folder, tmp_path / "dataset", signers_csv=str(table), block_frames=2)
    assert (info.unmeasurable, [info.counts[split]["B"] for split in contract.SPLITS]) == ([], [6, 3, 3])


def test_twins_that_were_overlooked_stop_the_pull_by_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = public_folder(tmp_path / "set", FRAMES)
    for frame in range(FRAMES):
        (folder / f"asl_alphabet_train/B/B{frame}.jpg").write_bytes(encoded(noise(999_999)))
    monkeypatch.setattr(splitting, "without_twins", lambda places, looks: list(places))
    with pytest.raises(DataError, match=r"look like pictures of another split, as .*/B/B\d+\.jpg and .*/B/B\d+\.jpg"):
        pulled(folder, tmp_path / "dataset")
    assert not (tmp_path / "dataset").exists()
