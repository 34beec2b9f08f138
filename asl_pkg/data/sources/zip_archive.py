"""A zip archive: its list of members is checked before a single one is read."""

import stat
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path, PurePosixPath

from asl_pkg.data.picture import Picture, Rejected, Source
from asl_pkg.data.preparation import MAX_BYTES
from asl_pkg.data.sources import limits
from asl_pkg.data.sources.layout import TOO_LARGE, picture, rejection_of
from asl_pkg.data.sources.names import fault_of
from asl_pkg.data.sources.zip_index import check_index
from asl_pkg.errors import DataError

MAGICS = (b"PK\x03\x04", b"PK\x05\x06")  # of a first member; of an archive without one
MAGIC_BYTES = 4
LOCAL_HEADER_BYTES = 30  # its name and extra fields come on top
# zipfile unpacks LZMA and bzip2 without a limit: a few bytes would fill the memory.
METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)


def open_source(path: Path, name: str, state: str) -> Source:
    """Open a zip and check the names, kinds, sizes and places of all members.

    Args:
        path: the file.
        name: what errors call it.
        state: its SHA-256.

    Returns:
        Its members, in its own order.

    Raises:
        DataError: it is damaged, or a member could do harm.
    """
    index = check_index(path, name)
    try:
        with zipfile.ZipFile(path) as file:
            members = file.infolist()
    except (zipfile.BadZipFile, NotImplementedError, OSError, ValueError) as error:
        raise DataError(f"{name}: damaged archive ({error})") from error
    for member in members:
        _check(member, name)
    _require_unique(members, name)
    _require_apart(members, index.start, name)
    if sum(member.file_size for member in members) > limits.max_unpacked(path.stat().st_size):
        raise limits.bomb(name)
    files = [member for member in members if not member.is_dir()]
    return Source(lambda start: _items(path, files[start:]), len(files), state)


def _check(member: zipfile.ZipInfo, name: str) -> None:
    # zipfile cuts a name at its first NUL, and what it shows then is not what is there.
    if fault := fault_of(member.orig_filename):
        raise DataError(f"{name}: member {member.orig_filename[:100]!r} {fault}")
    kind = stat.S_IFMT(member.external_attr >> 16)
    if kind not in (0, stat.S_IFDIR if member.is_dir() else stat.S_IFREG):
        raise DataError(f"{name}: member {member.filename!r} is a link or device, expected plain files")
    if member.flag_bits & 1:
        raise DataError(f"{name}: member {member.filename!r} is encrypted, expected an archive without a password")
    if member.compress_type not in METHODS:
        raise DataError(
            f"{name}: member {member.filename!r} is compressed by method {member.compress_type}, expected stored or "
            "deflated"
        )


def _require_unique(members: Sequence[zipfile.ZipInfo], name: str) -> None:
    seen = set()
    for member in members:
        path = PurePosixPath(member.filename)
        if path in seen:
            raise DataError(f"{name}: member {member.filename!r} is there twice, expected each name once")
        seen.add(path)


def _require_apart(members: Sequence[zipfile.ZipInfo], index_start: int, name: str) -> None:
    """Refuse members that share bytes: so 46 MB become 4.5 PB (D. Fifield, "A better zip bomb", WOOT 2019)."""
    end = index_start
    for member in sorted(members, key=lambda member: member.header_offset, reverse=True):
        if member.header_offset + LOCAL_HEADER_BYTES + member.compress_size > end:
            raise DataError(f"{name}: member {member.filename!r} overlaps what follows, expected members apart")
        end = member.header_offset


def _items(path: Path, members: Sequence[zipfile.ZipInfo]) -> Iterator[Picture | Rejected]:
    with zipfile.ZipFile(path) as file:
        for member in members:
            if rejected := rejection_of(member.filename):
                yield rejected
            elif member.file_size > MAX_BYTES:
                yield Rejected(member.filename, TOO_LARGE)
            else:
                yield _item(file, member)


def _item(file: zipfile.ZipFile, member: zipfile.ZipInfo) -> Picture | Rejected:
    try:
        with file.open(member) as stream:
            data = stream.read()  # at most the declared size, whatever there is
    except (zipfile.BadZipFile, zlib.error, NotImplementedError, EOFError, OSError, ValueError) as error:
        return Rejected(member.filename, f"damaged in the archive ({type(error).__name__})")
    if len(data) != member.file_size:
        return Rejected(member.filename, "damaged in the archive (shorter than declared)")
    return picture(member.filename, data)
