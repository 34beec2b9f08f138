"""A tar archive, plain or compressed by gzip, bzip2, xz or Zstandard, read strictly from first to last byte."""

import bz2
import functools
import gzip
import hashlib
import io
import itertools
import lzma
import tarfile
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path, PurePosixPath
from typing import Any, Self, TypeVar

import zstandard

from asl_pkg.data.preparation import MAX_IMAGE_BYTES
from asl_pkg.data.sample import RejectedFile, Sample, Source
from asl_pkg.data.sources import limits, members
from asl_pkg.data.sources.layout import item, too_large
from asl_pkg.errors import DataError
from asl_pkg.storage.safe_names import linked, slashed

CHUNK = 2**20
MAX_HEADER = 2**16  # bytes of a long name or of extended attributes: tarfile holds them in memory
GZIP, BZIP2, XZ, ZSTANDARD = PACKED = (b"\x1f\x8b", b"BZh", b"\xfd7zXZ\0", b"\x28\xb5\x2f\xfd")
LONG_HEADERS = (
    tarfile.GNUTYPE_LONGNAME,
    tarfile.GNUTYPE_LONGLINK,
    tarfile.XHDTYPE,
    tarfile.XGLTYPE,
    tarfile.SOLARIS_XHDTYPE,
)
# Errors that tarfile lets through, beside its own, where fields of a header contradict one another.
BROKEN_HEADER = (ValueError, IndexError, KeyError, OverflowError, RecursionError)
Header = TypeVar("Header", bound=tarfile.TarInfo)
DAMAGED = (tarfile.TarError, zstandard.ZstdError, zlib.error, lzma.LZMAError, EOFError, OSError, *BROKEN_HEADER)


class StrictHeader(tarfile.TarInfo):
    """Strict headers: tarfile takes a broken or missing one for the end of the archive."""

    @classmethod
    def fromtarfile(cls, archive: tarfile.TarFile) -> Self:
        """Read the next header; overrides tarfile's."""
        try:
            return super().fromtarfile(archive)
        except tarfile.EOFHeaderError:  # type: ignore[attr-defined]
            raise
        except tarfile.EmptyHeaderError as error:  # type: ignore[attr-defined]
            raise tarfile.ReadError("its end is missing") from error
        except tarfile.HeaderError as error:
            raise tarfile.ReadError(str(error)) from error

    @classmethod
    def frombuf(cls, buf: bytes | bytearray, encoding: str, errors: str) -> Self:
        """Read the fields of a header; overrides tarfile's."""
        return _checked(super().frombuf(buf, encoding, errors))

    @classmethod
    def _frombuf(cls, buf: bytes | bytearray, encoding: str, errors: str, **options: Any) -> Self:
        """Read the fields of a header; later patch releases of Python, and Debian's, call this one."""
        return _checked(super()._frombuf(buf, encoding, errors, **options))  # type: ignore[misc]

    def _proc_gnusparse_10(self, *_: Any) -> None:
        raise tarfile.ReadError(f"member {self.name!r} is sparse")


def _checked(header: Header) -> Header:
    if header.type in LONG_HEADERS and header.size > MAX_HEADER:
        raise tarfile.ReadError(f"member {header.name!r} has a header of {header.size:,} bytes")
    if header.size < 0:
        raise tarfile.ReadError(f"member {header.name!r} has a size of {header.size:,} bytes")
    if header.type == tarfile.GNUTYPE_SPARSE:
        raise tarfile.ReadError(f"member {header.name!r} is sparse")
    return header


class _Measured(io.BufferedIOBase):
    """A stream that ends with an error where a bomb would begin."""

    def __init__(self, stream: io.BufferedIOBase, name: str, max_bytes: int) -> None:
        self.stream = stream
        self.name = name
        self.left_bytes = max_bytes

    def read(self, size: int | None = -1, /) -> bytes:
        data = self.stream.read(size)
        self.left_bytes -= len(data)
        if self.left_bytes < 0:
            raise limits.bomb(self.name)
        return data


def is_tar(path: Path) -> bool:
    """Whether a file begins like a tar archive, or like a compressed one."""
    with path.open("rb") as file:
        head = file.read(tarfile.BLOCKSIZE)
    if head.startswith(PACKED):
        return True
    try:  # not tarfile.is_tarfile: it reads as much as the first header says
        tarfile.TarInfo.frombuf(head, tarfile.ENCODING, "surrogateescape")
    except tarfile.HeaderError:
        return False
    return True


def open_source(path: Path, name: str, state: str) -> Source:
    """Open a tar archive; its members are known only when they are read.

    Args:
        path: The file.
        name: Its origin, for errors.
        state: Its SHA-256.

    Returns:
        Its members, in its own order; reading raises DataError where a member could do harm or the archive is damaged.
    """
    return Source(lambda start: itertools.islice(_items(path, name), start, None), None, state)


def _unpacked(file: io.BufferedReader) -> io.BufferedIOBase:
    head = file.peek(len(XZ))
    if head.startswith(GZIP):
        return gzip.GzipFile(fileobj=file)
    if head.startswith(BZIP2):
        return bz2.BZ2File(file)
    if head.startswith(XZ):
        return lzma.LZMAFile(file)
    if head.startswith(ZSTANDARD):
        return zstandard.ZstdDecompressor().stream_reader(file, read_across_frames=True)  # type: ignore[return-value]
    return file


def _items(path: Path, name: str) -> Iterator[Sample | RejectedFile]:
    seen = _Seen(name)
    for member, read in _members(path, name):
        yield from seen.items(member, read)
    if seen.links:
        yield from _linked(path, name, seen)


def _members(path: Path, name: str) -> Iterator[tuple[tarfile.TarInfo, Callable[[], bytes]]]:
    """Yield each member with a function that reads its contents before the next one is requested."""
    count = 0
    try:
        with path.open("rb") as packed, _unpacked(packed) as stream:
            measured = _Measured(stream, name, limits.max_unpacked(path.stat().st_size))
            with tarfile.open(fileobj=measured, mode="r|", bufsize=CHUNK, tarinfo=StrictHeader) as file:
                while member := file.next():
                    file.members.clear()  # type: ignore[attr-defined] # or tarfile keeps all of them
                    count += 1
                    if count > limits.MAX_MEMBERS:
                        raise limits.too_many(name)
                    if member.size < 0:  # as extended attributes may say
                        raise tarfile.ReadError(f"member {member.name!r} has a size of {member.size:,} bytes")
                    if member.size > measured.left_bytes:  # tarfile would seek for hours
                        raise limits.bomb(name)
                    yield member, functools.partial(_contents, file, member, name)
                _require_nothing_more(file, name)
    except DAMAGED as error:
        raise DataError(f"{name}: damaged archive ({error})") from error


def _contents(file: tarfile.TarFile, member: tarfile.TarInfo, name: str) -> bytes:
    try:
        stream = file.extractfile(member)
        return stream.read() if stream else b""
    except DAMAGED as error:
        raise DataError(f"{name}: damaged archive ({error})") from error


def _slashed(name: str) -> str:
    """Backslashes are separators where there is no slash; else they are part of the name, as on Unix."""
    return name if "/" in name else slashed(name)


class _Seen:
    """Members read so far, for the checks of later ones.

    Args:
        archive: Its origin, for errors.
    """

    def __init__(self, archive: str) -> None:
        self.archive = archive
        self.digests: dict[PurePosixPath, bytes] = {}  # of files' contents
        self.links: dict[PurePosixPath, str] = {}  # names of their targets, which may not exist

    def items(self, member: tarfile.TarInfo, read: Callable[[], bytes]) -> Iterator[Sample | RejectedFile]:
        """Yield the sample or rejection of a member; nothing for a folder, nor yet for a link to a file."""
        name = _slashed(member.name)
        if member.isdir():
            members.require_harmless_folder(self.archive, name)
        elif rejected := members.unused(self.archive, name):
            yield rejected
        elif member.issym() or member.islnk():
            yield from self._link(name, member)
        elif not member.isreg() or member.issparse():
            if rejected := self._link_or_device(name):
                yield rejected
        elif member.size > MAX_IMAGE_BYTES:
            yield self._once(name, str(member.size).encode()) or too_large(name)
        else:
            data = read()
            yield self._once(name, hashlib.sha256(data).digest()) or item(name, data)

    def _link_or_device(self, name: str) -> RejectedFile | None:
        return members.refuse_or_leave(self.archive, name, members.LINK_OR_DEVICE, members.member_has_image_name(name))

    def _link(self, name: str, member: tarfile.TarInfo) -> Iterator[RejectedFile]:
        """A hard link's target is relative to the archive, a symbolic one's to its own folder."""
        target = linked("" if member.islnk() else name, _slashed(member.linkname))
        rejected = self._link_or_device(name) if target is None else self._once(name, target.encode(errors="replace"))
        if rejected:
            yield rejected
        elif target is not None:
            self.links[PurePosixPath(name)] = target

    def _once(self, name: str, contents: bytes) -> RejectedFile | None:
        """Leave out a duplicate with the same contents."""
        path = PurePosixPath(name)
        before = self.digests.setdefault(path, contents)
        if before is contents:
            return None
        if before == contents:
            return RejectedFile(name, members.TWICE, quarantined=False)
        raise DataError(f"{self.archive}: member {name!r} occurs twice, expected each name once")

    def file_of(self, link: PurePosixPath) -> PurePosixPath | None:
        """The file that a link leads to, possibly through other links."""
        passed = {link}
        while link in self.links:
            link = PurePosixPath(self.links[link])
            if link in passed:
                return None
            passed.add(link)
        return link if link in self.digests else None


def _linked(path: Path, archive: str, seen: _Seen) -> Iterator[Sample | RejectedFile]:
    """Read the archive once more for the files that links lead to."""
    names: dict[PurePosixPath, list[str]] = {}
    folders = {folder for file in seen.digests for folder in file.parents}
    for link in seen.links:
        if file := seen.file_of(link):
            names.setdefault(file, []).append(str(link))
        else:
            yield members.link_without_file(str(link), PurePosixPath(seen.links[link]) in folders)
    left_bytes = limits.max_unpacked(path.stat().st_size)
    for member, read in _members(path, archive) if names else ():
        wanted = names.pop(PurePosixPath(_slashed(member.name)), []) if member.isreg() else []
        left_bytes -= member.size * len(wanted)
        if left_bytes < 0:
            raise limits.bomb(archive)
        data = read() if wanted and member.size <= MAX_IMAGE_BYTES else b""
        yield from (item(name, data) if member.size <= MAX_IMAGE_BYTES else too_large(name) for name in wanted)


def _require_nothing_more(file: tarfile.TarFile, name: str) -> None:
    """Refuse data after the end, which only some programs read; reading on also checks a gzip's checksum."""
    while data := file.fileobj.read(CHUNK):
        if data.count(0) != len(data):
            raise DataError(f"{name}: damaged archive (it has data after its end)")
