"""A zip or tar archive, read as a stream: nothing is ever unpacked to the disk."""

import itertools
import lzma
import os
import stat
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from asl_pkg.config import ArchiveData
from asl_pkg.data.picture import Picture, Rejected, Source
from asl_pkg.data.preparation import MAX_BYTES
from asl_pkg.data.sources.layout import picture, rejection_of
from asl_pkg.errors import DataError
from asl_pkg.files import sha256

TOO_LARGE = f"more than {MAX_BYTES >> 20} MiB"


def open_source(settings: ArchiveData) -> Source:
    """Open the archive and, for a zip, check the names of all members.

    Args:
        settings: `path` names the archive.

    Returns:
        Its members, in its own order.

    Raises:
        DataError: there is no such file, it is no archive, or a member's name or kind could do harm. Members of a tar
            are known only when they are reached: it is raised then.
    """
    path = Path(settings.path)
    if not settings.path or not path.is_file():
        raise DataError(f"no archive {settings.path!r}: `asl pull data=archive data.path=FILE` reads one")
    if zipfile.is_zipfile(path):
        return _open_zip(path)
    if tarfile.is_tarfile(path):
        _require_end(path)
        return Source(lambda start: itertools.islice(_tar_items(path), start, None), None, sha256(path))
    raise DataError(f"{path} is no archive, expected .zip, .tar or .tar.gz")


def _refuse_name(archive: Path, name: str) -> None:
    """Refuse what could be written outside a folder: nobody makes such an archive by mistake."""
    parts = PurePosixPath(name.replace("\\", "/")).parts
    if not parts or parts[0].startswith("/") or ".." in parts or parts[0].endswith(":"):
        raise DataError(f"{archive}: member {name!r} leads out of the archive, expected relative names")


def _open_zip(path: Path) -> Source:
    try:
        with zipfile.ZipFile(path) as file:
            members = [member for member in file.infolist() if not member.is_dir()]
    except (zipfile.BadZipFile, NotImplementedError, OSError, ValueError) as error:
        raise DataError(f"{path}: damaged archive ({error})") from error
    seen = set()
    for member in members:
        _refuse_name(path, member.filename)
        kind = stat.S_IFMT(member.external_attr >> 16)
        if kind not in (0, stat.S_IFREG):
            raise DataError(f"{path}: member {member.filename!r} is a link or device, expected plain files")
        if member.flag_bits & 1:
            raise DataError(f"{path}: member {member.filename!r} is encrypted, expected an archive without a password")
        if member.filename in seen:
            raise DataError(f"{path}: member {member.filename!r} is there twice, expected each name once")
        seen.add(member.filename)
    return Source(lambda start: _zip_items(path, members[start:]), len(members), sha256(path))


def _zip_items(path: Path, members: list[zipfile.ZipInfo]) -> Iterator[Picture | Rejected]:
    with zipfile.ZipFile(path) as file:
        for member in members:
            if rejected := rejection_of(member.filename):
                yield rejected
            elif member.file_size > MAX_BYTES:
                yield Rejected(member.filename, TOO_LARGE)
            else:
                yield _zip_item(file, member)


def _zip_item(file: zipfile.ZipFile, member: zipfile.ZipInfo) -> Picture | Rejected:
    try:
        with file.open(member) as stream:
            data = stream.read(MAX_BYTES + 1)  # the declared size may lie
    except (zipfile.BadZipFile, zlib.error, lzma.LZMAError, NotImplementedError, EOFError, OSError) as error:
        return Rejected(member.filename, f"damaged in the archive ({type(error).__name__})")
    return picture(member.filename, data) if len(data) <= MAX_BYTES else Rejected(member.filename, TOO_LARGE)


def _require_end(path: Path) -> None:
    """Refuse a plain tar that lost its tail between two members: only the zeros at its end tell (POSIX pax, ustar)."""
    with path.open("rb") as file:
        if file.read(tarfile.BLOCKSIZE)[257:262] == b"ustar":
            file.seek(-tarfile.BLOCKSIZE, os.SEEK_END)
            if any(file.read()):
                raise DataError(f"{path}: damaged archive (its end is missing)")


def _tar_items(path: Path) -> Iterator[Picture | Rejected]:
    seen = set()
    try:
        with tarfile.open(path, "r|*") as file:
            for member in file:
                _refuse_name(path, member.name)
                if member.isdir():
                    continue
                if not member.isreg():
                    raise DataError(f"{path}: member {member.name!r} is a link or device, expected plain files")
                if member.name in seen:
                    raise DataError(f"{path}: member {member.name!r} is there twice, expected each name once")
                seen.add(member.name)
                yield _tar_item(file, member)
    except (tarfile.TarError, EOFError, zlib.error, lzma.LZMAError, OSError) as error:
        raise DataError(f"{path}: damaged archive ({error})") from error


def _tar_item(file: tarfile.TarFile, member: tarfile.TarInfo) -> Picture | Rejected:
    if rejected := rejection_of(member.name):
        return rejected
    if member.size > MAX_BYTES:
        return Rejected(member.name, TOO_LARGE)
    stream = file.extractfile(member)
    return picture(member.name, stream.read() if stream else b"")
