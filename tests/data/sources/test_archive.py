import gzip
import io
import tarfile
import zipfile
from pathlib import Path

import pytest

from asl_pkg.contract import CLASSES
from asl_pkg.data.sample import RejectedFile, Sample
from asl_pkg.data.sources import limits
from asl_pkg.data.sources.layout import LEFT_BY_TOOLS as LITTER_REASON
from asl_pkg.errors import DataError
from tests.support.archives import MAKERS, read, tarred, zipped
from tests.support.making import encoded, noise, public_files

GOOD = {"set/A/A1.jpg": encoded(noise(1)), "set/delete/d2.png": encoded(noise(2), "PNG"), "set/LICENSE": b"text"}
JPEG, OTHER = encoded(noise(1)), encoded(noise(2))


def paths(items: list[Sample | RejectedFile]) -> list[str]:
    return [item.path for item in items if isinstance(item, Sample)]


every_kind = pytest.mark.parametrize("name", MAKERS)


@every_kind
def test_members_are_read_whole_and_in_order(name: str, tmp_path: Path) -> None:
    first, second, other = read(MAKERS[name](tmp_path / name, GOOD))
    assert (first.data, first.label, first.frame) == (GOOD["set/A/A1.jpg"], 0, 1)
    assert (second.data, second.label, second.frame) == (GOOD["set/delete/d2.png"], CLASSES.index("del"), 2)
    assert isinstance(other, RejectedFile)
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


def listed(path: Path, *files: tuple[str, bytes]) -> Path:
    """An archive of members whose names may be there twice."""
    if path.name.endswith(".zip"):
        with zipfile.ZipFile(path, "w") as archive:
            for name, data in files:
                archive.writestr(name, data)
        return path
    with tarfile.open(path, "w") as archive:
        for name, data in files:
            member = tarfile.TarInfo(name)
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))
    return path


@pytest.mark.filterwarnings("ignore:Duplicate name")
@pytest.mark.parametrize("name", ["x.zip", "x.tar"])
def test_a_name_that_is_there_twice_is_read_once_or_refused_where_the_contents_differ(
    name: str, tmp_path: Path
) -> None:
    same = read(listed(tmp_path / name, ("A/1.jpg", JPEG), ("A/1.jpg", JPEG)))
    assert [type(item) for item in same] == [Sample, RejectedFile]
    assert not same[1].quarantined
    with pytest.raises(DataError, match=r"'A/1\.jpg' occurs twice"):
        read(listed(tmp_path / name, ("A/1.jpg", JPEG), ("A/1.jpg", JPEG[:-1] + b"x")))


@pytest.mark.filterwarnings("ignore:Duplicate name")
@every_kind
def test_folders_are_listed_as_often_and_as_late_as_a_tool_likes(name: str, tmp_path: Path) -> None:
    if name.endswith(".zip"):
        path = listed(tmp_path / name, ("ann/", b""), ("/", b""), ("ann/A/1.jpg", JPEG), ("ann/", b""), ("ann/A/", b""))
    else:
        folder = tarfile.TarInfo("ann/")
        folder.type = tarfile.DIRTYPE
        path = tarred(tmp_path / name, {"ann/A/1.jpg": JPEG})
        with tarfile.open(path, "a") as archive:
            archive.addfile(folder)
            archive.addfile(folder)
    assert paths(read(path)) == ["ann/A/1.jpg"]


def backslashed(path: Path, *names: str) -> Path:
    """A zip as .NET and old programs of Windows write it."""
    with zipfile.ZipFile(path, "w") as file:
        for name in names:
            member = zipfile.ZipInfo("x")
            member.filename = member.orig_filename = name
            member.create_system = 0
            file.writestr(member, b"" if name.endswith("\\") else JPEG)
    return path


@pytest.mark.parametrize(
    ("name", "read_as"),
    [
        ("asl\\A\\A1.jpg", "asl/A/A1.jpg"),
        ("asl/A\\A1.jpg", "asl/A/A1.jpg"),
        (".\\A\\A1.jpg", "./A/A1.jpg"),
        ("asl//A//A1.jpg", "asl//A//A1.jpg"),
        ("J\u00fcrgen\\A\\A1.jpg", "J\u00fcrgen/A/A1.jpg"),
        ("./A/A1.jpg", "./A/A1.jpg"),
    ],
)
def test_separators_of_windows_are_understood(name: str, read_as: str, tmp_path: Path) -> None:
    assert paths(read(backslashed(tmp_path / "x.zip", "asl\\", name))) == [read_as]


def test_half_a_character_of_another_encoding_is_no_separator(tmp_path: Path) -> None:
    path = zipped(tmp_path / "x.zip", {"x" * 8 + "/A/1.jpg": JPEG})
    shift_jis = "\u30bd\u30bd\u30bd\u30bd".encode("shift_jis")  # each character ends in a backslash
    assert b"\\" in shift_jis
    path.write_bytes(path.read_bytes().replace(b"x" * 8, shift_jis))
    (found,) = paths(read(path))
    assert found.count("/") == 2


LEFT_BY_TOOLS = (
    "__MACOSX/A/._1.jpg", "A/._1.jpg", "A/.DS_Store", "A/Thumbs.db", "desktop.ini", ".picasa.ini",
    "A/@eaDir/1.jpg/S.jpg", "#recycle/A/1.jpg", ".git/objects/ab", "A/.ipynb_checkpoints/1-checkpoint.jpg", "A/1.jpg~",
    "~$x.docx", ".~lock.x#",
)  # fmt: skip


@every_kind
def test_litter_and_labels_are_left_out_and_told_whatever_they_hold(name: str, tmp_path: Path) -> None:
    others = dict.fromkeys([*LEFT_BY_TOOLS, "labels.csv", "LICENSE", "A/video.mp4", "A/notes"], b"not an image")
    items = read(MAKERS[name](tmp_path / name, others | {"A/1.jpg": JPEG}))
    left_out = [item for item in items if isinstance(item, RejectedFile)]
    assert paths(items) == ["A/1.jpg"]
    assert {item.path for item in left_out} == set(others)
    assert not any(item.quarantined for item in left_out)
    assert {item.reason for item in left_out} == {
        LITTER_REASON, "not an image (.csv)", "not an image (.mp4)", "not an image (no extension)"
    }  # fmt: skip


@every_kind
def test_dangerous_names_of_what_is_not_read_are_left_out_and_told(name: str, tmp_path: Path) -> None:
    odd = ["../README.md", "/etc/notes.txt", "x/../../.DS_Store", "A/\x1b[2Jreadme.txt", "C:\\Thumbs.db"]
    items = read(MAKERS[name](tmp_path / name, dict.fromkeys(odd, b"text") | {"A/1.jpg": JPEG}))
    assert paths(items) == ["A/1.jpg"]
    left_out = [item for item in items if isinstance(item, RejectedFile)]
    assert len(left_out) == len(odd)
    assert all(item.path.isprintable() and not item.quarantined for item in left_out)


def zip_member(name: str, **fields: int) -> zipfile.ZipInfo:
    member = zipfile.ZipInfo(name)
    for field, value in fields.items():
        setattr(member, field, value)
    return member


def test_what_is_not_read_of_a_zip_may_be_a_link_or_a_device_or_encrypted(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "x.zip", "w") as file:
        file.writestr(zip_member("README", external_attr=0o120777 << 16), "../../README")
        file.writestr(zip_member("pipe", external_attr=0o010666 << 16), "")
        file.writestr(zip_member("notes.txt", compress_type=zipfile.ZIP_LZMA), "text")
        file.writestr("A/1.jpg", JPEG)
        file.writestr("labels.csv", "x")
    content = bytearray((tmp_path / "x.zip").read_bytes())
    content[content.rindex(b"PK\x01\x02") + 8] |= 1
    (tmp_path / "x.zip").write_bytes(content)
    items = read(tmp_path / "x.zip")
    assert paths(items) == ["A/1.jpg"]
    assert [item.path for item in items if isinstance(item, RejectedFile)] == [
        "README",
        "pipe",
        "notes.txt",
        "labels.csv",
    ]


def tar_links(path: Path, mode: str, *links: tuple[str, bytes, str]) -> Path:
    """Two images, and links: name, kind and target."""
    tarred(path, {"./A/1.jpg": JPEG, "./B/2.jpg": OTHER})
    with tarfile.open(path, "a") as file:
        for name, kind, target in links:
            member = tarfile.TarInfo(name)
            member.type, member.linkname = kind, target
            file.addfile(member)
    if mode:
        path.write_bytes(gzip.compress(path.read_bytes()))
    return path


@pytest.mark.parametrize("mode", ["", "gz"])
def test_links_inside_a_tar_are_images_of_their_own_name(mode: str, tmp_path: Path) -> None:
    hard, soft = tarfile.LNKTYPE, tarfile.SYMTYPE
    links = [
        ("./C/3.jpg", hard, "./A/1.jpg"), ("C/4.jpg", soft, "../B/2.jpg"), ("D/5.jpg", soft, "../C/4.jpg"),
        ("E", soft, "A"), ("F/6.jpg", soft, "7.jpg"), ("F/7.jpg", soft, "6.jpg"), ("G/8.jpg", soft, "../A/none.jpg"),
        ("README", soft, "../README"), ("C/3.jpg", hard, "A/1.jpg"), ("pipe", tarfile.FIFOTYPE, ""),
        ("label", b"V", ""),
    ]  # fmt: skip
    items = read(tar_links(tmp_path / "x", mode, *links))
    assert {item.path.removeprefix("./"): item.data for item in items if isinstance(item, Sample)} == {
        "A/1.jpg": JPEG, "B/2.jpg": OTHER, "C/3.jpg": JPEG, "C/4.jpg": OTHER, "D/5.jpg": OTHER
    }  # fmt: skip
    lost = {item.path for item in items if isinstance(item, RejectedFile) and item.quarantined}
    assert lost == {"F/6.jpg", "F/7.jpg", "G/8.jpg"}
    told = {item.path for item in items if isinstance(item, RejectedFile) and not item.quarantined}
    assert told == {"E", "README", "C/3.jpg", "pipe", "label"}


def test_links_inside_a_zip_are_images_of_their_own_name(tmp_path: Path) -> None:
    links = {
        "C/4.jpg": "../B/2.jpg", "D/5.jpg": "../C/4.jpg", "E": "A", "F/6.jpg": "7.jpg", "F/7.jpg": "6.jpg",
        "G/8.jpg": "none.jpg",
    }  # fmt: skip
    with zipfile.ZipFile(tmp_path / "x.zip", "w") as file:
        file.writestr("A/1.jpg", JPEG)
        file.writestr("B/2.jpg", OTHER)
        for name, target in links.items():
            file.writestr(zip_member(name, external_attr=0o120777 << 16), target)
    items = read(tmp_path / "x.zip")
    assert {item.path: item.data for item in items if isinstance(item, Sample)} == {
        "A/1.jpg": JPEG, "B/2.jpg": OTHER, "C/4.jpg": OTHER, "D/5.jpg": OTHER
    }  # fmt: skip
    assert {item.path: item.quarantined for item in items if isinstance(item, RejectedFile)} == {
        "E": False, "F/6.jpg": True, "F/7.jpg": True, "G/8.jpg": True
    }  # fmt: skip


@pytest.mark.parametrize("kind", ["zip", "tar"])
def test_links_that_multiply_a_member_are_a_bomb(kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "BOMB_BYTES", 2**10)
    monkeypatch.setattr(limits, "BOMB_RATIO", 10)
    large = encoded(noise(1, 400), "BMP")
    links = [f"A/{number}.bmp" for number in range(2, 40)]
    if kind == "zip":
        with zipfile.ZipFile(tmp_path / "x", "w") as file:
            file.writestr("A/1.bmp", large)
            for link in links:
                file.writestr(zip_member(link, external_attr=0o120777 << 16), "1.bmp")
    else:
        tarred(tmp_path / "x", {"A/1.bmp": large})
        with tarfile.open(tmp_path / "x", "a") as file:
            for link in links:
                member = tarfile.TarInfo(link)
                member.type, member.linkname = tarfile.LNKTYPE, "A/1.bmp"
                file.addfile(member)
    with pytest.raises(DataError, match="decompression bomb"):
        read(tmp_path / "x")


def test_a_zip_as_streaming_tools_write_it_is_read(tmp_path: Path) -> None:
    class Pipe(io.RawIOBase):
        def __init__(self, file: io.BufferedIOBase) -> None:
            self.file = file

        def writable(self) -> bool:
            return True

        def write(self, data: bytes) -> int:  # type: ignore[override]
            return self.file.write(data)

    with (tmp_path / "x.zip").open("wb") as file, zipfile.ZipFile(Pipe(file), "w", zipfile.ZIP_DEFLATED) as archive:  # type: ignore[call-overload]
        archive.writestr("A/1.jpg", JPEG)
        with archive.open("A/2.jpg", "w", force_zip64=True) as member:
            member.write(OTHER)
    assert paths(read(tmp_path / "x.zip")) == ["A/1.jpg", "A/2.jpg"]


def test_a_damaged_member_of_a_zip_is_quarantined_and_the_rest_read(tmp_path: Path) -> None:
    content = zipped(tmp_path / "x.zip", GOOD).read_bytes()
    (tmp_path / "x.zip").write_bytes(content.replace(GOOD["set/A/A1.jpg"][-40:-20], bytes(20)))
    first, second, _ = read(tmp_path / "x.zip")
    assert first == RejectedFile("set/A/A1.jpg", "damaged in the archive (BadZipFile)")
    assert isinstance(second, Sample)


def test_a_bomb_in_a_zip_is_quarantined_without_unpacking_it(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "x.zip", "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("A/1.jpg", bytes(70 * 2**20))
    assert read(tmp_path / "x.zip") == [RejectedFile("A/1.jpg", "more than 64 MiB")]


@every_kind
@pytest.mark.parametrize("share", [0.3, 0.6])
def test_a_truncated_archive_is_one_line(name: str, share: float, tmp_path: Path) -> None:
    content = MAKERS[name](tmp_path / name, {f"A/{n}.jpg": encoded(noise(n, 200)) for n in range(20)}).read_bytes()
    (tmp_path / name).write_bytes(content[: int(len(content) * share)])
    with pytest.raises(DataError, match="damaged archive|is not an archive") as caught:
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
    with pytest.raises(DataError, match=r"is not an archive, expected \.zip"):
        read(tmp_path / "x.zip")


@pytest.mark.parametrize("packed", ["gz", "bz2", "xz"])
def test_a_small_compressed_archive_is_read(packed: str, tmp_path: Path) -> None:
    path = tarred(tmp_path / f"x.tar.{packed}", {"A/1.jpg": b""}, f"w:{packed}")
    assert path.stat().st_size < tarfile.BLOCKSIZE
    assert [item.path for item in read(path)] == ["A/1.jpg"]


def test_a_missing_archive_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"no archive .*nowhere\.zip"):
        read(tmp_path / "nowhere.zip")
