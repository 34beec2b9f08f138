"""A tar archive, plain or compressed by gzip or Zstandard, read strictly from its first byte to its last."""

import gzip
import io
import itertools
import tarfile
import zlib
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Any, Self, TypeVar

import zstandard

from asl_pkg.data.picture import Picture, Rejected, Source
from asl_pkg.data.preparation import MAX_BYTES
from asl_pkg.data.sources import limits
from asl_pkg.data.sources.layout import TOO_LARGE, picture, rejection_of
from asl_pkg.data.sources.names import fault_of
from asl_pkg.errors import DataError

CHUNK = 2**20
MAX_HEADER = 2**16  # bytes of a long name or of extended attributes: tarfile holds them in memory
GZIP, ZSTANDARD = b"\x1f\x8b", b"\x28\xb5\x2f\xfd"
LONG_HEADERS = (
    tarfile.GNUTYPE_LONGNAME,
    tarfile.GNUTYPE_LONGLINK,
    tarfile.XHDTYPE,
    tarfile.XGLTYPE,
    tarfile.SOLARIS_XHDTYPE,
)
# What tarfile lets through where a header's fields contradict one another, besides its own errors.
BROKEN_HEADER = (ValueError, IndexError, KeyError, OverflowError, RecursionError)
Header = TypeVar("Header", bound=tarfile.TarInfo)
DAMAGED = (tarfile.TarError, zstandard.ZstdError, zlib.error, EOFError, OSError, *BROKEN_HEADER)


class StrictHeader(tarfile.TarInfo):
    """Headers by the letter: tarfile alone takes a broken one, and none at all, for the end of the archive."""

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
        """Read the fields of a header: later patch releases of Python, and Debian's, call this one."""
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
    """Say whether a file begins as a tar archive or as a compressed one."""
    with path.open("rb") as file:
        head = file.read(tarfile.BLOCKSIZE)
    if head.startswith((GZIP, ZSTANDARD)):
        return True
    try:  # not tarfile.is_tarfile: that reads what the first header asks for
        tarfile.TarInfo.frombuf(head, tarfile.ENCODING, "surrogateescape")
    except tarfile.HeaderError:
        return False
    return True


def open_source(path: Path, name: str, state: str) -> Source:
    """Open a tar archive; its members are known only when they are reached.

    Args:
        path: the file.
        name: what errors call it.
        state: its SHA-256.

    Returns:
        Its members, in its own order; reading raises DataError where one could do harm or the archive is damaged.
    """
    return Source(lambda start: itertools.islice(_items(path, name), start, None), None, state)


def _unpacked(file: io.BufferedReader) -> io.BufferedIOBase:
    head = file.peek(len(ZSTANDARD))
    if head.startswith(GZIP):
        return gzip.GzipFile(fileobj=file)
    if head.startswith(ZSTANDARD):
        return zstandard.ZstdDecompressor().stream_reader(file, read_across_frames=True)  # type: ignore[return-value]
    return file


def _items(path: Path, name: str) -> Iterator[Picture | Rejected]:
    seen: set[PurePosixPath] = set()
    try:
        with path.open("rb") as packed, _unpacked(packed) as stream:
            measured = _Measured(stream, name, limits.max_unpacked(path.stat().st_size))
            with tarfile.open(fileobj=measured, mode="r|", bufsize=CHUNK, tarinfo=StrictHeader) as file:
                while member := file.next():
                    file.members.clear()  # type: ignore[attr-defined] # or tarfile keeps all of them
                    _check(member, name, seen)
                    if member.size > measured.left_bytes:  # tarfile would seek for hours in nothing
                        raise limits.bomb(name)
                    if not member.isdir():
                        yield _item(file, member)
                _require_nothing_more(file, name)
    except DAMAGED as error:
        raise DataError(f"{name}: damaged archive ({error})") from error


def _check(member: tarfile.TarInfo, name: str, seen: set[PurePosixPath]) -> None:
    if fault := fault_of(member.name):
        raise DataError(f"{name}: member {member.name[:100]!r} {fault}")
    if member.size < 0:  # as extended attributes may say
        raise DataError(f"{name}: damaged archive (member {member.name!r} has a size of {member.size:,} bytes)")
    if not (member.isdir() or member.isreg()) or member.issparse():
        raise DataError(f"{name}: member {member.name!r} is a link or device, expected plain files")
    path = PurePosixPath(member.name)
    if path in seen and not member.isdir():
        raise DataError(f"{name}: member {member.name!r} is there twice, expected each name once")
    seen.add(path)
    if len(seen) > limits.MAX_MEMBERS:
        raise limits.too_many(name)


def _item(file: tarfile.TarFile, member: tarfile.TarInfo) -> Picture | Rejected:
    if rejected := rejection_of(member.name):
        return rejected
    if member.size > MAX_BYTES:
        return Rejected(member.name, TOO_LARGE)
    stream = file.extractfile(member)
    return picture(member.name, stream.read() if stream else b"")


def _require_nothing_more(file: tarfile.TarFile, name: str) -> None:
    """Refuse what lies behind the end, where only some programs look; reading on also proves a gzip's checksum."""
    while data := file.fileobj.read(CHUNK):
        if data.count(0) != len(data):
            raise DataError(f"{name}: damaged archive (it goes on behind its end)")
