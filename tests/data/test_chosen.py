"""A data set with some of the 29 classes: chosen by a setting, or detected and reported."""

import json
from pathlib import Path

import pytest

from asl_pkg import contract
from asl_pkg.config.schema import FolderData, MixData, Settings, SyntheticData
from asl_pkg.data.chosen import chosen_labels
from asl_pkg.data.dataset import DatasetInfo, read_info, read_split
from asl_pkg.data.sample import resembled_class
from asl_pkg.errors import DataError, SettingError
from asl_pkg.pull import pull
from tests.support.making import encoded, noise

CUT = {"block_frames": 2, "guard_frames": 0}


def folders(root: Path, **images: int) -> Path:
    """Images in folders of these names; `__` stands for a slash."""
    for number, (name, count) in enumerate(images.items()):
        folder = root / name.replace("__", "/")
        folder.mkdir(parents=True, exist_ok=True)
        for frame in range(count):
            (folder / f"{frame}.jpg").write_bytes(encoded(noise(number * 10_000 + frame)))
    return root


def pulled(root: Path, target: Path, **options: object) -> DatasetInfo:
    return pull(Settings(seed=3, data=FolderData(path=str(root), **CUT | options)), target)


def test_24_letters_are_found_and_said_everywhere(tmp_path: Path) -> None:
    letters = [name for name in contract.CLASSES if len(name) == 1 and name not in "JZ"]
    info = pulled(folders(tmp_path / "in", **dict.fromkeys(letters, 6)), tmp_path / "dataset")
    assert info.known_classes == letters
    said = "24 of 29 classes: no J, Z, del, nothing, space"
    assert said in info.summary
    assert read_info(tmp_path / "dataset") == info
    audit = json.loads((tmp_path / "dataset" / contract.AUDIT_FILE).read_text())
    assert audit["known_classes"] == letters
    assert said in (tmp_path / "dataset" / contract.AUDIT_PAGE).read_text()


def test_chosen_classes_are_read_and_everything_else_is_left_out_and_counted(tmp_path: Path) -> None:
    root = folders(tmp_path / "in", A=6, b=6, C=6, delete1=9)
    (root / "C" / "damaged.jpg").write_bytes(b"\xff\xd8 no more")
    info = pulled(root, tmp_path / "dataset", classes="b, A")
    assert info.known_classes == ["A", "B"]
    audit = json.loads((tmp_path / "dataset" / contract.AUDIT_FILE).read_text())
    assert audit["quarantined"] == []
    assert sum(group["count"] for group in audit["skipped"]) == 16


def test_an_unfit_image_of_a_chosen_class_stays_unfit(tmp_path: Path) -> None:
    root = folders(tmp_path / "in", A=6, B=6)
    (root / "A" / "damaged.jpg").write_bytes(b"\xff\xd8 no more")
    with pytest.raises(DataError, match="1 of 13"):
        pulled(root, tmp_path / "dataset", classes="A,B")


def test_a_chosen_class_without_an_image_is_named_with_what_there_is(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"no image of D, it has A \(6\), B \(6\): set data.classes=A,B.*1 .*'D_'.*'D'"):
        pulled(folders(tmp_path / "in", A=6, B=6, D_=1), tmp_path / "dataset", classes="A,B,D")


def test_one_class_is_refused_with_what_was_found(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"only one class, A \(6\)"):
        pulled(folders(tmp_path / "in", A=6), tmp_path / "dataset")


@pytest.mark.parametrize("text", ["A,Ä", "A", "a,A", "A;B"])
def test_a_setting_that_names_no_two_classes_is_refused_before_anything_is_read(tmp_path: Path, text: str) -> None:
    with pytest.raises(SettingError, match=r"data\.classes="):
        pulled(tmp_path / "missing", tmp_path / "dataset", classes=text)
    assert chosen_labels("") == list(range(29))


def test_hands_are_drawn_of_the_chosen_classes_only(tmp_path: Path) -> None:
    data = SyntheticData(classes="D,A", train_signers=1, validation_signers=1, test_signers=1)
    info = pull(Settings(seed=3, data=data), tmp_path)
    assert info.known_classes == ["A", "D"]
    assert read_split(tmp_path, "train", ["label"])["label"].to_pylist() == [0, 3]


def test_a_mix_has_the_classes_of_all_its_parts(tmp_path: Path) -> None:
    parts = [folders(tmp_path / name, **dict.fromkeys(own, 9)) for name, own in (("x", "AB"), ("y", "BC"), ("z", "AC"))]
    data = MixData(path=",".join(f"{part.name}={part}" for part in parts), **CUT)
    assert pull(Settings(seed=3, data=data), tmp_path / "dataset").known_classes == ["A", "B", "C"]


def test_other_peoples_images_of_other_classes_are_counted_and_not_scored(tmp_path: Path) -> None:
    others = folders(tmp_path / "others", A=2, Z=3)
    pulled(folders(tmp_path / "in", A=9, B=9), tmp_path / "dataset", external=str(others))
    audit = json.loads((tmp_path / "dataset" / contract.AUDIT_FILE).read_text())
    assert [(group["count"], "class Z" in group["reason"]) for group in audit["external_skipped"]] == [(3, True)]
    assert audit["honesty"]["scores"][2]["test"] == 2


@pytest.mark.parametrize(
    ("folder", "name"),
    [
        ("delete1", "del"), ("Space_", "space"), ("a_", "A"), ("letter_A", "A"), ("A (1)", "A"), ("backspace", "del"),
        ("none", "nothing"), ("Background", "nothing"), ("0", None), ("Thank_you", None), ("AB", None), ("1", None),
        ("", None), ("(1)", None), ("user_1", None), ("train", None),
    ],
)  # fmt: skip
def test_a_folder_is_told_the_class_that_it_comes_close_to(folder: str, name: str | None) -> None:
    assert resembled_class(folder) == name


@pytest.mark.parametrize(
    ("images", "below", "said"),
    [
        ({"A": 1, "Thank_you": 3, "0": 2}, "", r"5 not in a folder .*by folder: Thank_you 3, 0 2"),
        ({"A": 1, "B": 1, "delete1": 3}, "", r"'delete1', which names no class: rename it to 'del'"),
        ({"A": 9, "B": 9, "0": 3, "1": 3}, "", r"data\.classes=A,B reads only these classes"),
        ({"set__A": 3, "set__B": 3}, "set/A", r"data\.path=.*/set reads all classes"),
        ({"A__one": 3, "B__two": 3}, "", "move it up"),
        ({"x": 3}, "", None),
        ({"hello": 3}, "", "name the folders"),
    ],
)
def test_images_in_folders_of_no_class_are_said_with_what_mends_it(
    tmp_path: Path, images: dict[str, int], below: str, said: str | None
) -> None:
    with pytest.raises(DataError, match=said or "(one|only one) class"):
        pulled(folders(tmp_path / "in", **images) / below, tmp_path / "dataset")
