import errno
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from asl_pkg.config.schema import FolderData
from asl_pkg.contract import CLASSES
from asl_pkg.data.sample import RejectedFile, Sample, label_of
from asl_pkg.data.sources import fingerprint, open_source
from asl_pkg.data.sources.layout import rejection_of, sample_of
from asl_pkg.errors import DataError
from tests.support.making import encoded, noise


def read(folder: Path) -> dict[str, Sample | RejectedFile]:
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
    found = sample_of(path, b"")
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
def test_only_what_claims_to_be_a_image_is_quarantined(path: str, quarantined: bool) -> None:
    rejected = rejection_of(path)
    assert rejected is not None
    assert (rejected.path, rejected.quarantined) == (path, quarantined)


@pytest.mark.parametrize("digits", [19, 25, 200, 5000])
def test_a_number_of_any_length_is_a_frame_that_fits_into_64_bits(digits: int) -> None:
    number = sample_of(f"A/A{'9' * digits}.jpg", b"").frame
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


def write(root: Path, *paths: str) -> Path:
    for number, path in enumerate(paths):
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_bytes(encoded(noise(number)))
    return root


def lost(items: dict[str, Sample | RejectedFile]) -> dict[str, bool]:
    """What stays out, and whether it counts as unfit."""
    return {path: item.quarantined for path, item in items.items() if isinstance(item, RejectedFile)}


def test_links_to_images_and_folders_are_followed(tmp_path: Path) -> None:
    write(tmp_path / "store", "ab/1", "B/2.jpg")
    folder = write(tmp_path / "images", "A/0.jpg")
    (folder / "A/1.jpg").symlink_to(tmp_path / "store/ab/1")  # as DVC, git-annex and Bazel lay images out
    (folder / "B").symlink_to("../store/B")
    assert set(read(folder)) == {"A/0.jpg", "A/1.jpg", "B/2.jpg"}
    assert not lost(read(folder))


def test_a_folder_that_is_reached_twice_is_read_once_and_told(tmp_path: Path) -> None:
    folder = write(tmp_path / "images", "m/A/0.jpg")
    (folder / "a latest").symlink_to("m")
    (folder / "m/loop").symlink_to("..")
    (folder / "out").symlink_to(tmp_path)
    items = read(folder)
    assert set(items) == {"m/A/0.jpg", "a latest", "m/loop", "out"}
    assert lost(items) == {"a latest": False, "m/loop": False, "out": False}


def test_two_links_to_one_folder_outside_are_one(tmp_path: Path) -> None:
    write(tmp_path / "store", "A/0.jpg")
    folder = write(tmp_path / "images", "B/1.jpg")
    (folder / "ann").symlink_to(tmp_path / "store")
    (folder / "bob").symlink_to(tmp_path / "store")
    assert lost(read(folder)) == {"bob": False}


def test_links_to_nothing_and_to_themselves_count_as_unfit_where_an_image_is_named(tmp_path: Path) -> None:
    folder = write(tmp_path / "images", "A/0.jpg")
    (folder / "A/1.jpg").symlink_to("../.git/annex/objects/none")
    (folder / "A/2.jpg").symlink_to("2.jpg")
    (folder / "B").symlink_to(tmp_path / "not mounted")
    (folder / "README.md").symlink_to("none")
    (folder / "A/.#0.jpg").symlink_to("somebody@host.1234")
    assert lost(read(folder)) == {"A/1.jpg": True, "A/2.jpg": True, "B": True, "README.md": False, "A/.#0.jpg": False}


def test_a_device_named_as_an_image_is_unfit(tmp_path: Path) -> None:
    folder = write(tmp_path / "images", "A/0.jpg")
    os.mkfifo(folder / "A/1.jpg")
    (folder / "A/2.jpg").symlink_to("/dev/zero")
    assert lost(read(folder)) == {"A/1.jpg": True, "A/2.jpg": True}


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads every folder")
def test_a_folder_without_the_right_to_read_it_counts_as_unfit(tmp_path: Path) -> None:
    folder = write(tmp_path / "images", "ann/A/0.jpg", "eve/A/0.jpg")
    (folder / "eve").chmod(0)
    try:
        assert lost(read(folder)) == {"eve": True}
    finally:
        (folder / "eve").chmod(0o755)


@pytest.mark.parametrize("code", [errno.EACCES, errno.EIO, errno.ESTALE, errno.ENOENT])
def test_what_a_disk_or_network_does_not_give_counts_as_unfit_and_the_rest_is_read(
    code: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = write(tmp_path / "images", "ann/A/0.jpg", "ann/A/1.jpg", "eve/A/0.jpg")
    scan, read_bytes = os.scandir, Path.read_bytes

    def scandir(path: Path) -> Iterator[os.DirEntry[str]]:
        if Path(path).name == "eve":
            raise OSError(code, os.strerror(code))
        return scan(path)

    def bytes_of(path: Path) -> bytes:
        if path.name == "1.jpg":
            raise OSError(code, os.strerror(code))
        return read_bytes(path)

    monkeypatch.setattr(os, "scandir", scandir)
    monkeypatch.setattr(Path, "read_bytes", bytes_of)
    items = read(folder)
    assert lost(items) == {"ann/A/1.jpg": True, "eve": True}
    assert all(os.strerror(code) in items[path].reason for path in lost(items))
    with pytest.raises(DataError, match="cannot be read"):
        read(folder / "eve")


@pytest.mark.parametrize(
    "name",
    ["1.JPG", "1.jpe", "1.jfif", "1.tif", "1.TIFF", "1.gif", "1.avif", "1.jp2", "1.ppm", "1.pgm", "1.dib", "1.webp"],
)
def test_every_extension_that_an_image_program_writes_is_read(name: str, tmp_path: Path) -> None:
    write(tmp_path, f"A/{name}")
    assert isinstance(read(tmp_path)[f"A/{name}"], Sample)


@pytest.mark.parametrize("name", ["1", "1.jpg_large", "1.dat", "1.heic", "1.jpg ", "photo (1)"])
def test_an_image_under_another_name_is_read(name: str, tmp_path: Path) -> None:
    write(tmp_path, f"A/{name}")
    assert isinstance(read(tmp_path)[f"A/{name}"], Sample)


@pytest.mark.parametrize("name", ["1.heic", "1.HEIF", "1.tga", "1.dng", "1.svg", "1.psd"])
def test_an_image_that_is_not_read_counts_as_unfit_with_its_extension(name: str, tmp_path: Path) -> None:
    (tmp_path / "A").mkdir()
    (tmp_path / "A" / name).write_bytes(b"II*\0 or anything else")
    found = read(tmp_path)[f"A/{name}"]
    assert found.quarantined
    assert Path(name).suffix.lower() in found.reason


@pytest.mark.parametrize(
    "text", [b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n", b"/annex/objects/SHA256E-s9--0.jpg\n"]
)
def test_a_pointer_in_place_of_an_image_says_what_brings_it(text: bytes, tmp_path: Path) -> None:
    (tmp_path / "A").mkdir()
    (tmp_path / "A/1.jpg").write_bytes(text)
    found = read(tmp_path)["A/1.jpg"]
    assert found.quarantined
    assert "git lfs pull" in found.reason


@pytest.mark.parametrize("name", ["1", "1.unknown", "1.part"])
def test_what_is_no_image_by_name_nor_contents_is_left_out_with_its_extension(name: str, tmp_path: Path) -> None:
    (tmp_path / "A").mkdir()
    (tmp_path / "A" / name).write_bytes(b"text")
    found = read(tmp_path)[f"A/{name}"]
    assert not found.quarantined
    assert (Path(name).suffix or "no extension") in found.reason


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
