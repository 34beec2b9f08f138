from pathlib import Path

import pytest

from asl_pkg.config import FolderData
from asl_pkg.contract import CLASSES
from asl_pkg.data.picture import Picture, Rejected, label_of
from asl_pkg.data.sources import fingerprint, open_source
from asl_pkg.data.sources.layout import picture, rejection_of
from asl_pkg.errors import DataError
from tests.data.making import encoded, noise


def read(folder: Path) -> dict[str, Picture | Rejected]:
    return {item.path: item for item in open_source(FolderData(path=str(folder)), 7, folder).read(0)}


@pytest.mark.parametrize(
    ("spelling", "name"),
    [
        ("A", "A"),
        ("a", "A"),
        ("del", "del"),
        ("DEL", "del"),
        ("delete", "del"),
        ("blank", "nothing"),
        ("Space", "space"),
    ],
)
def test_spellings_of_public_sets_are_understood(spelling: str, name: str) -> None:
    assert label_of(spelling) == CLASSES.index(name)


@pytest.mark.parametrize("name", ["", "AB", "5", "asl_alphabet_train", "ä"])
def test_other_names_are_no_class(name: str) -> None:
    assert label_of(name) is None


@pytest.mark.parametrize(
    ("path", "sequence", "frame"),
    [
        ("asl_alphabet_train/A/A104.jpg", "asl_alphabet_train/A/A", 104),
        ("A/hand1_A_seg_7.png", "A/hand1_A_seg_", 7),
        ("x/train/a/frame 0012 (right).JPEG", "x/train/a/frame  (right)", 12),
        ("A/portrait.jpg", "A/portrait", None),
    ],
    ids=["public", "two numbers", "number inside", "no number"],
)
def test_the_last_number_of_a_name_is_the_frame(path: str, sequence: str, frame: int | None) -> None:
    found = picture(path, b"")
    assert (found.label, found.sequence, found.frame, found.signer) == (0, sequence, frame, "unknown")


@pytest.mark.parametrize(
    ("path", "quarantined"),
    [
        ("A/notes.txt", False),
        ("A/.A1.jpg", False),
        ("A1.jpg", True),
        ("asl_alphabet_test/A_test.jpg", True),
        ("A/more/A1.jpg", True),
    ],
    ids=["text", "hidden", "no folder", "test half without folders", "folder below the class"],
)
def test_only_what_claims_to_be_a_picture_is_quarantined(path: str, quarantined: bool) -> None:
    rejected = rejection_of(path)
    assert rejected is not None
    assert (rejected.path, rejected.quarantined) == (path, quarantined)


@pytest.mark.parametrize("digits", [19, 25, 200, 5000])
def test_a_number_of_any_length_is_a_frame_that_fits_into_64_bits(digits: int) -> None:
    number = picture(f"A/A{'9' * digits}.jpg", b"").frame
    assert number is not None
    assert number < 2**63


def test_a_folder_is_read_at_any_depth(tmp_path: Path) -> None:
    data = encoded(noise(1))
    for path in ("deep/er/train/a/1.jpg", "deep/er/test/delete/2.JPG"):
        (tmp_path / path).parent.mkdir(parents=True)
        (tmp_path / path).write_bytes(data)
    items = read(tmp_path)
    assert {path: (item.label, item.data) for path, item in items.items()} == {
        "deep/er/train/a/1.jpg": (CLASSES.index("A"), data),
        "deep/er/test/delete/2.JPG": (CLASSES.index("del"), data),
    }


def test_links_are_never_followed(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.mkdir()
    (secret / "1.jpg").write_bytes(encoded(noise(1)))
    folder = tmp_path / "pictures"
    (folder / "A").mkdir(parents=True)
    (folder / "A/2.jpg").symlink_to(secret / "1.jpg")
    (folder / "B").symlink_to(secret)
    items = read(folder)
    assert set(items) == {"A/2.jpg", "B"}
    assert all(isinstance(item, Rejected) and "link" in item.reason for item in items.values())


def test_a_name_that_is_not_utf_8_is_rejected_by_name(tmp_path: Path) -> None:
    (tmp_path / "A").mkdir()
    (tmp_path / "A" / b"1\xff.jpg".decode(errors="surrogateescape")).write_bytes(encoded(noise(1)))
    assert read(tmp_path)["A/1?.jpg"].reason == "a name that is not UTF-8"


@pytest.mark.parametrize("path", ["", "nowhere", "file.jpg"])
def test_what_is_no_folder_is_refused(path: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("file.jpg").touch()
    with pytest.raises(DataError, match=rf"no folder '{path}'.*data\.path="):
        read(Path(path)) if path else open_source(FolderData(), 7, Path())


def test_an_empty_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="holds no file"):
        read(tmp_path)


def test_the_fingerprint_changes_with_contents_seed_and_splits_only(tmp_path: Path) -> None:
    (tmp_path / "A").mkdir()
    (tmp_path / "A/1.jpg").write_bytes(b"x")

    def now(seed: int = 7, **changed: object) -> str:
        data = FolderData(path=str(tmp_path), **changed)
        return fingerprint(data, seed, open_source(data, seed, Path()))

    before = now()
    assert now(batch_size=8, cache_dir="elsewhere") == before
    assert len({before, now(seed=8), now(block_frames=5), now(test_share=0.3)}) == 4
    (tmp_path / "A/2.jpg").write_bytes(b"x")
    assert now() != before
