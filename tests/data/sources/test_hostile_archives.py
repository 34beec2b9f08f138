"""Malicious archives: each is refused, or its member reported by name; nothing is written to disk."""

import gzip
import io
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest
import zstandard
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from asl_pkg.data.sample import RejectedFile
from asl_pkg.data.sources import limits
from asl_pkg.errors import DataError
from tests.support.archives import read, tarred, zipped
from tests.support.making import encoded, noise

JPEG = encoded(noise(1))
LONG = "A/" + "deep/" * 300 + "1.jpg"

Build = Callable[[], bytes]


def zip_of(**changes: object) -> bytes:
    """A zip of one image whose member says of itself what `changes` say."""
    member = zipfile.ZipInfo("A/1.jpg")
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for name, value in changes.items():
            setattr(member, name, value)
        archive.writestr(member, JPEG)
    return file.getvalue()


def zip_named(*names: str) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for name in names:
            archive.writestr(name, JPEG)
    return file.getvalue()


def zip_raw_name(name: bytes) -> bytes:
    """A zip whose member has a name that zipfile would not write."""
    return zip_named("A/" + "x" * (len(name) - 2)).replace(b"A/" + b"x" * (len(name) - 2), name)


def patched(content: bytes, magic: bytes, offset: int, kind: str, *values: int) -> bytes:
    """Overwrite numbers after the last place of a magic."""
    data = bytearray(content)
    struct.pack_into(kind, data, content.rindex(magic) + offset, *values)
    return bytes(data)


CENTRAL, LOCAL, END = b"PK\x01\x02", b"PK\x03\x04", b"PK\x05\x06"


def zip_overlapping() -> bytes:
    """Two members, the second one's bytes being those of the first."""
    content = zip_named("A/1.jpg", "A/2.jpg")
    return patched(content, CENTRAL, 42, "<L", 0)


def zip_in_another() -> bytes:
    """The first member reaches over the whole second one."""
    content = zip_named("A/1.jpg", "A/2.jpg")
    first = content.index(CENTRAL)
    data = bytearray(content)
    struct.pack_into("<2L", data, first + 20, 2 * len(JPEG) + 37, 2 * len(JPEG) + 37)
    return bytes(data)


def zip_64(members: int, index_bytes: int, start: int) -> bytes:
    """A zip of a 64-bit end record and nothing else."""
    record = struct.pack("<4sQ2H2L4Q", b"PK\x06\x06", 44, 45, 45, 0, 0, members, members, index_bytes, start)
    locator = struct.pack("<4sLQL", b"PK\x06\x07", 0, 4, 1)
    end = struct.pack("<4s4H2LH", END, 0, 0, 0xFFFF, 0xFFFF, 2**32 - 1, 2**32 - 1, 0)
    return LOCAL + record + locator + end


def zip_bomb(members: int, member_bytes: int) -> bytes:
    file = io.BytesIO()
    packed = zlib.compressobj(9, wbits=-15)
    data = packed.compress(bytes(member_bytes)) + packed.flush()
    index = b""
    for number in range(members):
        name = f"A/{number:04}.jpg".encode()
        fields = (8, 0, 33, zlib.crc32(bytes(member_bytes)), len(data), member_bytes, len(name), 0)
        index += struct.pack("<4s4H2H3L2H3H2L", CENTRAL, 20, 20, 0, *fields, 0, 0, 0, 0, file.tell()) + name
        file.write(struct.pack("<4s2H3H3L2H", LOCAL, 20, 0, *fields) + name + data)
    start = file.tell()
    file.write(index + struct.pack("<4s4H2LH", END, 0, 0, members, members, len(index), start, 0))
    return file.getvalue()


def header(name: str = "A/1.jpg", size: int = 0, kind: bytes = tarfile.REGTYPE, **fields: object) -> bytes:
    member = tarfile.TarInfo(name)
    member.size, member.type = size, kind
    for field, value in fields.items():
        setattr(member, field, value)
    return member.tobuf(tarfile.GNU_FORMAT)


def blocks(data: bytes) -> bytes:
    return data + bytes(-len(data) % tarfile.BLOCKSIZE)


def tar_of(*parts: bytes) -> bytes:
    return b"".join(map(blocks, parts)) + bytes(2 * tarfile.BLOCKSIZE)


def tar_named(name: str) -> bytes:
    return tar_of(header("A/0.jpg", len(JPEG)), JPEG, header(name, len(JPEG)), JPEG)


def tar_long_name(name: bytes) -> bytes:
    """GNU's long name overrides that of the header, which looks harmless."""
    return tar_of(
        header("././@LongLink", len(name) + 1, tarfile.GNUTYPE_LONGNAME), name + b"\0", header(size=4), JPEG[:4]
    )


def tar_pax(kind: bytes = tarfile.XHDTYPE, **records: str) -> bytes:
    """Extended attributes override those of the header, which looks harmless."""
    data = b""
    for key, value in records.items():
        record = f" {key.replace('__', '.')}={value}\n".encode()
        length = len(record) + len(str(len(record) + 2))
        data += str(length).encode() + record
    return tar_of(header("PaxHeader", len(data), kind), data, header(size=len(JPEG)), JPEG)


def signed(block: bytes) -> bytes:
    """A header with the checksum that its bytes have."""
    blank = block[:148] + b" " * 8 + block[156:]
    return block[:148] + f"{sum(blank):06o}\0 ".encode() + block[156:]


def tar_negative() -> bytes:
    block = header()
    return tar_of(header("A/0.jpg", 4), b"1234", signed(block[:124] + b"\xff" * 11 + b"\x00" + block[136:]))


def tar_broken_midway() -> bytes:
    good = header("A/1.jpg", len(JPEG))
    return tar_of(header("A/0.jpg", 4), b"1234", good.replace(b"A/1", b"A/2"), JPEG)


def tar_old_sparse() -> bytes:
    return tar_of(header(size=512, kind=tarfile.GNUTYPE_SPARSE), b"x")


def tar_endless_sparse_map() -> bytes:
    return tar_pax(GNU__sparse__major="1", GNU__sparse__minor="0", GNU__sparse__name="A/1.jpg", size="600000")


def nested_headers() -> bytes:
    long_name = header("././@LongLink", 2, tarfile.GNUTYPE_LONGNAME) + blocks(b"A\0")
    return long_name * 3000 + tar_of(header())


GZIP_BOMB = gzip.compress(bytes(2**20), 9)


HOSTILE: dict[str, tuple[Build, str]] = {
    "zip: absolute": (lambda: zip_named("/etc/A/1.jpg"), "'/etc/A/1.jpg' leads out"),
    "zip: absolute after slashes": (lambda: zip_named("//A/1.jpg"), "'//A/1.jpg' leads out"),
    "zip: parent": (lambda: zip_named("../A/1.jpg"), "'../A/1.jpg' leads out"),
    "zip: parent deep inside": (lambda: zip_named("a/b/../../../A/1.jpg"), "/1.jpg' leads out"),
    "zip: parent by backslashes": (lambda: zip_raw_name(rb"A\..\..\1.jpg"), "1.jpg' leads out"),
    "zip: drive": (lambda: zip_named("C:/A/1.jpg"), "'C:/A/1.jpg' leads out"),
    "zip: drive without a slash": (lambda: zip_named("c:A/1.jpg"), "'c:A/1.jpg' leads out"),
    "zip: network path": (lambda: zip_raw_name(rb"\\host\A\1.jpg"), "1.jpg' leads out"),
    "zip: folder that leads out": (lambda: zip_named("../A/", "A/1.jpg"), "'../A/' leads out"),
    "zip: NUL in the name": (lambda: zip_raw_name(b"A/1.jpg\0.exe"), "control characters"),
    "zip: escape sequence in the name": (lambda: zip_raw_name(b"A/\x1b[2J1.jpg"), "control characters"),
    "zip: endless name": (lambda: zip_named(LONG), "a name of 1,507 characters"),
    "zip: link": (lambda: zip_of(external_attr=0o120777 << 16), "'A/1.jpg' is a link or device"),
    "zip: fifo": (lambda: zip_of(external_attr=0o010666 << 16), "'A/1.jpg' is a link or device"),
    "zip: device": (lambda: zip_of(external_attr=0o060666 << 16), "'A/1.jpg' is a link or device"),
    "zip: encrypted": (lambda: patched(zip_named("A/1.jpg"), CENTRAL, 8, "<H", 1), "'A/1.jpg' is encrypted"),
    "zip: LZMA": (lambda: zip_of(compress_type=zipfile.ZIP_LZMA), "'A/1.jpg' is compressed by method 14"),
    "zip: unknown method": (lambda: patched(zip_named("A/1.jpg"), CENTRAL, 10, "<H", 99), "'A/1.jpg' is compressed by"),
    "zip: same name spelled otherwise": (lambda: zip_named("A/1.jpg", "A/./1.jpg"), "'A/./1.jpg' occurs twice"),
    "zip: overlapping": (zip_overlapping, "jpg' overlaps"),
    "zip: member inside another": (zip_in_another, "'A/1.jpg' overlaps"),
    "zip: member behind the end": (
        lambda: patched(zip_named("A/1.jpg"), CENTRAL, 42, "<L", 2**31),
        "'A/1.jpg' overlaps",
    ),
    "zip: more members than declared": (
        lambda: patched(zip_named("A/1.jpg", "A/2.jpg"), END, 8, "<2H", 1, 1),
        "lists 2",
    ),
    "zip: fewer members than declared": (
        lambda: patched(zip_named("A/1.jpg"), END, 8, "<2H", 9, 9),
        "end record says 9",
    ),
    "zip: absurd number of members": (lambda: zip_64(2**60, 0, 4), "members"),
    "zip: absurd index": (lambda: zip_64(1, 2**60, 4), "members"),
    "zip: 64-bit end elsewhere": (lambda: b"PK\x03\x04PK" + zip_64(1, 0, 0)[4:], "64-bit end"),
    "zip: index elsewhere": (lambda: patched(zip_named("A/1.jpg"), END, 16, "<L", 3), "it may hide data"),
    "zip: one zip behind another": (lambda: zip_named("A/1.jpg") + zip_named("A/2.jpg"), "it may hide data"),
    "zip: damaged index": (lambda: zip_named("A/1.jpg").replace(CENTRAL, b"PK\x01\x03"), "damaged"),
    "zip: truncated": (lambda: zip_named("A/1.jpg")[:-30], "its end is missing"),
    "zip: bomb of many members": (lambda: zip_bomb(40, 2**21), "decompression bomb"),
    "zip: bomb of one member": (lambda: zip_bomb(1, 70 * 2**20), "decompression bomb"),
    "zip: size declared too small": (
        lambda: patched(zip_bomb(1, 2**20), CENTRAL, 24, "<L", 1),
        "A/0000.jpg: damaged in the archive",
    ),
    "zip: size declared too large": (
        lambda: patched(zip_of(), CENTRAL, 24, "<L", 2**20),
        "A/1.jpg: damaged in the archive",
    ),
    "zip: wrong checksum": (lambda: patched(zip_of(), CENTRAL, 16, "<L", 1), "A/1.jpg: damaged in the archive"),
    "zip: another name inside": (
        lambda: zip_of().replace(LOCAL + zip_of()[4:30] + b"A/1.jpg", LOCAL + zip_of()[4:30] + b"B/9.exe"),
        "A/1.jpg: damaged in the archive",
    ),
    "tar: absolute": (lambda: tar_named("/etc/A/1.jpg"), "'/etc/A/1.jpg' leads out"),
    "tar: parent": (lambda: tar_named("../A/1.jpg"), "'../A/1.jpg' leads out"),
    "tar: parent at the end": (lambda: tar_named("A/.."), "'A/..' leads out"),
    "tar: drive": (lambda: tar_named("C:\\A\\1.jpg"), "1.jpg' leads out"),
    "tar: folder that leads out": (lambda: tar_of(header("../A", kind=tarfile.DIRTYPE)), "'../A' leads out"),
    "tar: control characters": (lambda: tar_named("A/\r1.jpg"), "control characters"),
    "tar: long name that hides a parent": (lambda: tar_long_name(b"x/" * 80 + b"../" * 90 + b"A/1.jpg"), "leads out"),
    "tar: endless long name": (lambda: tar_long_name(LONG.encode()), "a name of 1,507 characters"),
    "tar: long name that fills the memory": (
        lambda: tar_of(header("././@LongLink", 2**40, tarfile.GNUTYPE_LONGNAME)),
        "has a header of 1,099,511,627,776 bytes",
    ),
    "tar: attributes that hide a parent": (lambda: tar_pax(path="../../A/1.jpg"), "'../../A/1.jpg' leads out"),
    "tar: attributes that hide an absolute name": (lambda: tar_pax(path="/A/1.jpg"), "'/A/1.jpg' leads out"),
    "tar: attributes of all members": (lambda: tar_pax(tarfile.XGLTYPE, path="../A/1.jpg"), "'../A/1.jpg' leads out"),
    "tar: attributes with a negative size": (lambda: tar_pax(size="-512"), "damaged"),
    "tar: attributes with a huge size": (lambda: tar_pax(size=str(2**60)), "decompression bomb"),
    "tar: attributes that fill the memory": (lambda: tar_of(header("x", 2**40, tarfile.XHDTYPE)), "has a header of"),
    "tar: attributes that are none": (lambda: tar_of(header("x", 9, tarfile.XHDTYPE), b"999999999"), "damaged"),
    "tar: endless headers": (nested_headers, "damaged"),
    "tar: negative size": (tar_negative, "damaged"),
    "tar: link": (lambda: tar_of(header(kind=tarfile.SYMTYPE, linkname="/etc")), "'A/1.jpg' is a link"),
    "tar: hard link": (lambda: tar_of(header(kind=tarfile.LNKTYPE, linkname="/etc/passwd")), "'A/1.jpg' is a link"),
    "tar: device": (lambda: tar_of(header(kind=tarfile.BLKTYPE, devmajor=8)), "'A/1.jpg' is a link or device"),
    "tar: fifo": (lambda: tar_of(header(kind=tarfile.FIFOTYPE)), "'A/1.jpg' is a link or device"),
    "tar: unknown kind": (lambda: tar_of(header(kind=b"M")), "'A/1.jpg' is a link or device"),
    "tar: sparse": (tar_old_sparse, "'A/1.jpg' is sparse"),
    "tar: sparse by attributes": (lambda: tar_pax(GNU__sparse__map="0,1", GNU__sparse__size="9"), "'A/1.jpg' is"),
    "tar: sparse without an end": (tar_endless_sparse_map, "is sparse"),
    "tar: sparse map of no numbers": (lambda: tar_pax(GNU__sparse__map="x,y"), "damaged"),
    "tar: broken header midway": (tar_broken_midway, "damaged"),
    "tar: truncated in a member": (lambda: tar_named("A/1.jpg")[:1700], "damaged"),
    "tar: without its end": (lambda: tar_named("A/1.jpg")[:-1024], "its end is missing"),
    "tar: members behind the end": (lambda: tar_named("A/1.jpg") + tar_named("../A/1.jpg"), "after its end"),
    "tar: size of the next member too": (
        lambda: tar_of(header(size=1025 + len(JPEG)), JPEG, header("A/2.jpg", len(JPEG)), JPEG),
        "damaged",
    ),
    "gzip: truncated": (lambda: gzip.compress(tar_named("A/1.jpg"))[:-9], "damaged"),
    "gzip: wrong checksum": (lambda: gzip.compress(tar_named("A/1.jpg"))[:-8] + bytes(8), "damaged"),
    "gzip: no tar inside": (lambda: gzip.compress(b"hello" * 300), "damaged"),
    "gzip: bomb": (
        lambda: gzip.compress(header("A/1.txt", size=2**26)) + GZIP_BOMB * 70,
        "decompression bomb",
    ),
    "gzip: bomb behind the end": (lambda: gzip.compress(tar_named("A/1.jpg")) + GZIP_BOMB * 70, "decompression bomb"),
    "zstandard: truncated": (lambda: zstandard.compress(tar_named("A/1.jpg"))[:-40], "damaged"),
    "zstandard: no tar inside": (lambda: zstandard.compress(b"hello" * 300), "damaged"),
    "zstandard: bomb": (
        lambda: zstandard.compress(header("A/1.txt", size=2**26)) + zstandard.compress(bytes(2**24)) * 5,
        "decompression bomb",
    ),
    "zstandard: window that fills the memory": (lambda: b"\x28\xb5\x2f\xfd\x00\xf8" + bytes(20), "damaged"),
}


@pytest.mark.filterwarnings("ignore:Duplicate name")
@pytest.mark.parametrize("case", HOSTILE)
def test_it_is_refused_by_name_before_it_does_harm(case: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "BOMB_BYTES", 2**26)  # a real one would take seconds
    build, message = HOSTILE[case]
    path = tmp_path / "inner" / "x"
    path.parent.mkdir()
    path.write_bytes(build())
    try:
        said = [f"{item.path}: {item.reason}" for item in read(path) if isinstance(item, RejectedFile)]
    except DataError as error:
        said = [str(error)]
    assert any(message in line for line in said), said
    assert not any("\n" in line or "\x1b" in line for line in said)
    assert [found for found in tmp_path.rglob("*") if found.is_file()] == [path]


@pytest.mark.parametrize("kind", ["zip", "tar"])
def test_more_members_than_any_data_set_has_are_refused(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "MAX_MEMBERS", 5)
    make = zipped if kind == "zip" else tarred
    path = make(tmp_path / "x", {f"A/{number}.jpg": b"" for number in range(6)})
    with pytest.raises(DataError, match="more than 5 members"):
        read(path)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    base=st.sampled_from([zip_named("A/1.jpg", "B/2.jpg"), tar_named("A/1.jpg"), tar_long_name(b"A/" + b"x" * 200)]),
    changes=st.lists(st.tuples(st.integers(0, 4000), st.integers(0, 255)), min_size=1, max_size=6),
)
def test_an_archive_with_any_bytes_changed_is_read_or_refused(
    base: bytes, changes: list[tuple[int, int]], tmp_path: Path
) -> None:
    data = bytearray(base)
    for position, value in changes:
        data[position % len(data)] = value
    (tmp_path / "x").write_bytes(data)
    with suppress(DataError):
        read(tmp_path / "x")
