from pathlib import Path

import pytest

from asl_pkg import contract
from asl_pkg.config.schema import FolderData, ParquetData, Settings
from asl_pkg.data.dataset import DatasetInfo, read_split
from asl_pkg.data.split import splitting
from asl_pkg.errors import DataError
from asl_pkg.pull import pull
from tests.support.making import encoded, noise, public_folder

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


def people_folder(root: Path, classes_of: dict[str, tuple[str, ...]], each: int = 1) -> Path:
    """Images of noise: …/<folder>/<CLASS>/<CLASS><number>.jpg for each folder and class."""
    for number, (folder, classes) in enumerate(classes_of.items()):
        for name in classes:
            for image in range(each):
                file = root / folder / name / f"{name}{image}.jpg"
                file.parent.mkdir(parents=True, exist_ok=True)
                file.write_bytes(encoded(noise(10_000 * number + 100 * contract.CLASSES.index(name) + image)))
    return root


def test_people_who_are_in_both_halves_are_in_one_split(tmp_path: Path) -> None:
    halves = [f"{half}/user_{number}" for half in ("train", "test") for number in range(3)]
    folder = people_folder(tmp_path / "set", dict.fromkeys(halves, contract.CLASSES))
    info = pulled(folder, tmp_path / "dataset")
    assert (info.split_by, info.unseen_signers) == ("signer", True)
    assert sorted(map(sorted, signers_of(tmp_path / "dataset").values())) == [["user_0"], ["user_1"], ["user_2"]]
    assert "3 signers (user_0, user_1, user_2)" in info.people[0]


def test_people_who_are_doubtful_are_held_out_and_not_called_unseen(tmp_path: Path) -> None:
    folder = people_folder(tmp_path / "set", dict.fromkeys("123", contract.CLASSES))
    info = pulled(folder, tmp_path / "dataset")
    assert (info.split_by, info.unseen_signers) == ("signer", False)
    assert "1, 2, 3 may be people or parts of the set" in info.people[1]
    again = pull(Settings(data=ParquetData(path=str(tmp_path / "dataset"))), tmp_path / "again")
    assert (again.unseen_signers, again.people[1:]) == (False, info.people[1:])


def test_halves_in_any_spelling_are_no_people(tmp_path: Path) -> None:
    halves = dict.fromkeys(("trainData", "ValSet", "TESTimages"), contract.CLASSES)
    info = pulled(people_folder(tmp_path / "set", halves, each=4), tmp_path / "dataset")
    assert (info.split_by, info.unseen_signers) == ("recording", False)
    assert "parts of one data set" in info.people[0]


def test_classes_that_one_signer_shows_are_learnt_and_called_unmeasurable(tmp_path: Path) -> None:
    letters = contract.CLASSES[:26]
    people = people_folder(tmp_path / "set", {"ann": contract.CLASSES, "bob": letters, "cem": letters})
    for seed in (1, 2, 3):
        info = pull(Settings(seed=seed, data=FolderData(path=str(people))), tmp_path / "dataset")
        assert (info.split_by, info.unseen_signers) == ("signer", True)
        assert info.unmeasurable == ["del", "nothing", "space"]
        assert [info.counts[split]["del"] for split in contract.SPLITS] == [1, 0, 0]
        assert all(info.counts[split]["A"] == 1 for split in contract.SPLITS)
        assert "too few signers show del, nothing, space: the test has none" in info.people[0]


def test_signers_whose_images_look_the_same_may_be_one_person(tmp_path: Path) -> None:
    folder = people_folder(tmp_path / "set", dict.fromkeys(("ann", "bob", "cem"), contract.CLASSES), each=3)
    for name in contract.CLASSES[:9]:
        for other in ("bob", "cem"):
            (folder / other / name / f"{name}0.jpg").write_bytes((folder / "ann" / name / f"{name}0.jpg").read_bytes())
    info = pulled(folder, tmp_path / "dataset")
    assert (info.split_by, info.unseen_signers) == ("signer", False)
    assert "look the same as another signer's" in info.people[1]


def test_images_that_a_table_leaves_without_a_signer_forbid_the_promise(photographs: Path, tmp_path: Path) -> None:
    table = tmp_path / "signers.csv"
    rows = [
        f"asl_alphabet_train/{name}/{name}{frame}.jpg,{'' if name == 'B' and frame == 7 else 'abc'[frame % 3]}"
        for name in contract.CLASSES
        for frame in range(FRAMES)
    ]
    table.write_text("\n".join(["path,signer", *rows]))
    info = pulled(photographs, tmp_path / "dataset", signers_csv=str(table))
    assert (info.split_by, info.unseen_signers) == ("signer", False)
    assert "unknown" in signers_of(tmp_path / "dataset")["train"]
    assert "1 of 348 images" in info.people[1]


def test_a_table_that_cannot_be_used_is_refused_before_the_source_is_opened(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="signers.csv: cannot be read"):
        pulled(tmp_path / "none", tmp_path / "dataset", signers_csv=str(tmp_path / "signers.csv"))


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
    with pytest.raises(DataError, match=r"names no image .* such as asl_alphabet_train/A/A0.jpg"):
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
    rows = [
        f"asl_alphabet_train/{name}/{name}{frame}.jpg,ann,{frame // 3 if name == 'B' else ''}"
        for name in contract.CLASSES
        for frame in range(FRAMES)
    ]
    table.write_text("\n".join(["path,signer,recording", *rows]))
    info = pulled(folder, tmp_path / "dataset", signers_csv=str(table), block_frames=2)
    assert (info.unmeasurable, [info.counts[split]["B"] for split in contract.SPLITS]) == ([], [6, 3, 3])


def test_twins_that_were_overlooked_stop_the_pull_by_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = public_folder(tmp_path / "set", FRAMES)
    for frame in range(FRAMES):
        (folder / f"asl_alphabet_train/B/B{frame}.jpg").write_bytes(encoded(noise(999_999)))
    monkeypatch.setattr(splitting, "without_near_duplicates", lambda places, looks: list(places))
    with pytest.raises(
        DataError, match=r"look like images of another split, such as .*/B/B\d+\.jpg and .*/B/B\d+\.jpg"
    ):
        pulled(folder, tmp_path / "dataset")
    assert not (tmp_path / "dataset").exists()
