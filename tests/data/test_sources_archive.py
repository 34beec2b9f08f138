import tarfile
import zipfile
from pathlib import Path

import pytest

from asl_pkg.contract import CLASSES
from asl_pkg.data.picture import Picture, Rejected
from asl_pkg.errors import DataError
from tests.data.archives import MAKERS, read, tarred, zipped
from tests.data.making import encoded, noise, public_files

GOOD = {"set/A/A1.jpg": encoded(noise(1)), "set/delete/d2.png": encoded(noise(2), "PNG"), "set/LICENSE": b"text"}


every_kind = pytest.mark.parametrize("name", MAKERS)


@every_kind
def test_members_are_read_whole_and_in_order(name: str, tmp_path: Path) -> None:
    first, second, other = read(MAKERS[name](tmp_path / name, GOOD))
    assert (first.data, first.label, first.frame) == (GOOD["set/A/A1.jpg"], 0, 1)
    assert (second.data, second.label, second.frame) == (GOOD["set/delete/d2.png"], CLASSES.index("del"), 2)
    assert isinstance(other, Rejected)
    assert not other.quarantined


@every_kind
def test_the_public_layout_gives_every_class(name: str, tmp_path: Path) -> None:
    items = read(MAKERS[name](tmp_path / name, dict(public_files(2))))
    assert [item.label for item in items] == [label for label in range(len(CLASSES)) for _ in range(2)]


@every_kind
@pytest.mark.parametrize(
    "member",
    ["/etc/A/1.jpg", "../A/1.jpg", "set/../../A/1.jpg", "C:/A/1.jpg", "\\\\host\\A\\1.jpg", "..\\A\\1.jpg"],
    ids=["absolute", "parent", "parent inside", "drive", "network path", "backslash parent"],
)
def test_a_member_that_leads_out_is_refused_by_name(name: str, member: str, tmp_path: Path) -> None:
    path = MAKERS[name](tmp_path / name, GOOD | {member: GOOD["set/A/A1.jpg"]})
    with pytest.raises(DataError, match="leads out of the data set") as caught:
        read(path)
    assert "1.jpg" in str(caught.value)


@pytest.mark.parametrize(
    "kind",
    [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.FIFOTYPE],
    ids=["link", "hard link", "device", "fifo"],
)
def test_links_and_devices_in_a_tar_are_refused_by_name(kind: bytes, tmp_path: Path) -> None:
    with tarfile.open(tmp_path / "x.tar", "w") as file:
        member = tarfile.TarInfo("A/1.jpg")
        member.type, member.linkname = kind, "/etc/passwd"
        file.addfile(member)
    with pytest.raises(DataError, match=r"'A/1\.jpg' is a link or device"):
        read(tmp_path / "x.tar")


def test_a_link_in_a_zip_is_refused_by_name(tmp_path: Path) -> None:
    member = zipfile.ZipInfo("A/1.jpg")
    member.external_attr = 0o120777 << 16
    with zipfile.ZipFile(tmp_path / "x.zip", "w") as file:
        file.writestr(member, "/etc/passwd")
    with pytest.raises(DataError, match=r"'A/1\.jpg' is a link or device"):
        read(tmp_path / "x.zip")


def test_an_encrypted_member_is_refused_by_name(tmp_path: Path) -> None:
    content = bytearray(zipped(tmp_path / "x.zip", GOOD).read_bytes())
    content[content.index(b"PK\x01\x02") + 8] |= 1
    (tmp_path / "x.zip").write_bytes(content)
    with pytest.raises(DataError, match=r"'set/A/A1\.jpg' is encrypted"):
        read(tmp_path / "x.zip")


@pytest.mark.filterwarnings("ignore:Duplicate name")
@every_kind
def test_a_name_that_is_there_twice_is_refused(name: str, tmp_path: Path) -> None:
    if name.endswith(".zip"):
        with zipfile.ZipFile(tmp_path / name, "w") as file:
            file.writestr("A/1.jpg", b"one")
            file.writestr("A/1.jpg", b"two")
    else:
        with tarfile.open(tmp_path / name, "w") as file:
            file.addfile(tarfile.TarInfo("A/1.jpg"))
            file.addfile(tarfile.TarInfo("A/1.jpg"))
    with pytest.raises(DataError, match=r"'A/1\.jpg' is there twice"):
        read(tmp_path / name)


def test_a_damaged_member_of_a_zip_is_quarantined_and_the_rest_read(tmp_path: Path) -> None:
    content = zipped(tmp_path / "x.zip", GOOD).read_bytes()
    (tmp_path / "x.zip").write_bytes(content.replace(GOOD["set/A/A1.jpg"][-40:-20], bytes(20)))
    first, second, _ = read(tmp_path / "x.zip")
    assert first == Rejected("set/A/A1.jpg", "damaged in the archive (BadZipFile)")
    assert isinstance(second, Picture)


def test_a_bomb_in_a_zip_is_quarantined_without_unpacking_it(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "x.zip", "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("A/1.jpg", bytes(70 * 2**20))
    assert read(tmp_path / "x.zip") == [Rejected("A/1.jpg", "more than 64 MiB")]


@every_kind
@pytest.mark.parametrize("share", [0.3, 0.6])
def test_a_truncated_archive_is_one_line(name: str, share: float, tmp_path: Path) -> None:
    content = MAKERS[name](tmp_path / name, {f"A/{n}.jpg": encoded(noise(n, 200)) for n in range(20)}).read_bytes()
    (tmp_path / name).write_bytes(content[: int(len(content) * share)])
    with pytest.raises(DataError, match="damaged archive|is no archive") as caught:
        read(tmp_path / name)
    assert "\n" not in str(caught.value)


def test_a_tar_that_ends_after_a_member_is_truncated_too(tmp_path: Path) -> None:
    path = tarred(tmp_path / "x.tar", {"A/1.jpg": b"1" * 512, "A/2.jpg": b"2" * 512})
    path.write_bytes(path.read_bytes()[: 2 * 512])
    with pytest.raises(DataError, match="its end is missing"):
        read(path)


def test_a_tar_of_the_folder_dot_is_read(tmp_path: Path) -> None:
    (tmp_path / "set" / "A").mkdir(parents=True)
    (tmp_path / "set" / "A" / "A1.jpg").write_bytes(GOOD["set/A/A1.jpg"])
    with tarfile.open(tmp_path / "x.tar", "w") as file:
        file.add(tmp_path / "set", ".")
    assert [item.path for item in read(tmp_path / "x.tar")] == ["./A/A1.jpg"]


@pytest.mark.parametrize("content", [b"", b"hello"], ids=["empty", "text"])
def test_what_is_no_archive_is_refused(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "x.zip").write_bytes(content)
    with pytest.raises(DataError, match=r"is no archive, expected \.zip"):
        read(tmp_path / "x.zip")


def test_a_small_compressed_archive_is_read(tmp_path: Path) -> None:
    path = tarred(tmp_path / "x.tar.gz", {"A/1.jpg": b""}, "w:gz")
    assert path.stat().st_size < tarfile.BLOCKSIZE
    assert [item.path for item in read(path)] == ["A/1.jpg"]


def test_a_missing_archive_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"no archive .*nowhere\.zip"):
        read(tmp_path / "nowhere.zip")
