"""A zip archive: its list of members is checked before any is read."""

import stat
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from asl_pkg.data.preparation import MAX_IMAGE_BYTES
from asl_pkg.data.sample import RejectedFile, Sample, Source
from asl_pkg.data.sources import limits, members
from asl_pkg.data.sources.layout import item, too_large
from asl_pkg.data.sources.zip_index import check_index
from asl_pkg.errors import DataError
from asl_pkg.progress import patiently
from asl_pkg.storage.safe_names import MAX_NAME, linked, slashed

MAGICS = (b"PK\x03\x04", b"PK\x05\x06")  # of a first member; of an empty archive
MAGIC_BYTES = 4
LOCAL_HEADER_BYTES = 30  # without name and extra fields
DOS_FOLDER = 0x10
# zipfile unpacks LZMA and bzip2 without limit: a few bytes could fill the memory.
METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
BROKEN_MEMBER = (zipfile.BadZipFile, zlib.error, NotImplementedError, EOFError, OSError, ValueError, RuntimeError)


class Member(NamedTuple):
    """A file to read: a link has its own name and the contents of its target."""

    name: str
    info: zipfile.ZipInfo


ListedMember = Member | RejectedFile


def open_source(path: Path, name: str, state: str) -> Source:
    """Open a zip and check names, kinds, sizes and offsets of all members to be read.

    Args:
        path: The file.
        name: Its origin, for errors.
        state: Its SHA-256.

    Returns:
        Its files, in its own order.

    Raises:
        DataError: It is damaged, or a member to be read could do harm.
    """
    index = check_index(path, name)
    try:
        with patiently(f"Reading the index of {name}: {index.members:,} members"), zipfile.ZipFile(path) as file:
            listed = _links_resolved(file, _once(_files(file, name), name), name)
    except (zipfile.BadZipFile, NotImplementedError, OSError, ValueError) as error:
        raise DataError(f"{name}: damaged archive ({error})") from error
    read = [member.info for member in listed if isinstance(member, Member)]
    _require_apart(read, index.start, name)
    if sum(info.file_size for info in read) > limits.max_unpacked(path.stat().st_size):
        raise limits.bomb(name)
    return Source(lambda start: _items(path, listed[start:]), len(listed), state)


def _files(file: zipfile.ZipFile, archive: str) -> Iterator[ListedMember]:
    for info in file.infolist():
        # zipfile cuts a name at its first NUL: the rest would be hidden.
        name = slashed(info.orig_filename)
        if _is_folder(info, name):
            members.require_harmless_folder(archive, name)
        else:
            yield members.unused(archive, name) or _left_out(info, name, archive) or Member(name, info)


def _is_folder(info: zipfile.ZipInfo, name: str) -> bool:
    marked = stat.S_ISDIR(info.external_attr >> 16) or info.external_attr & DOS_FOLDER
    return name.endswith("/") or bool(marked and not info.file_size)


def _left_out(info: zipfile.ZipInfo, name: str, archive: str) -> RejectedFile | None:
    """Leave out a member that cannot be read; refused if it is named as an image."""
    fault = None
    if stat.S_IFMT(info.external_attr >> 16) not in (0, stat.S_IFREG, stat.S_IFLNK):
        fault = members.LINK_OR_DEVICE
    elif info.flag_bits & 1:
        fault = "is encrypted, expected an archive without a password"
    elif info.compress_type not in METHODS:
        fault = f"is compressed by method {info.compress_type}, expected stored or deflated"
    return members.refuse_or_leave(archive, name, fault, members.member_has_image_name(name))


def _once(listed: Iterator[ListedMember], archive: str) -> Iterator[ListedMember]:
    """Leave out duplicates with the same contents."""
    seen: dict[PurePosixPath, Member] = {}
    for member in listed:
        if isinstance(member, RejectedFile):
            yield member
            continue
        first = seen.setdefault(PurePosixPath(member.name), member)
        if first is member:
            yield member
        elif (first.name, first.info.CRC, first.info.file_size) == (
            member.name,
            member.info.CRC,
            member.info.file_size,
        ):
            yield RejectedFile(member.name, members.TWICE, quarantined=False)
        else:
            raise DataError(f"{archive}: member {member.name!r} occurs twice, expected each name once")


def _links_resolved(file: zipfile.ZipFile, listed: Iterator[ListedMember], archive: str) -> list[ListedMember]:
    found = list(listed)
    files = {str(PurePosixPath(member.name)): member.info for member in found if isinstance(member, Member)}
    folders = {str(folder) for name in files for folder in PurePosixPath(name).parents}
    return [
        _target(file, member, files, folders, archive)
        if isinstance(member, Member) and stat.S_ISLNK(member.info.external_attr >> 16)
        else member
        for member in found
    ]


def _target(
    file: zipfile.ZipFile, link: Member, files: dict[str, zipfile.ZipInfo], folders: set[str], archive: str
) -> ListedMember:
    """Follow a link, possibly through other links."""
    path, info, passed = link.name, link.info, set[str]()
    while stat.S_ISLNK(info.external_attr >> 16):
        target = linked(path, _link_text(file, info))
        if target is None:
            left_out = members.refuse_or_leave(
                archive, link.name, members.LINK_OR_DEVICE, members.member_has_image_name(link.name)
            )
            return left_out or link
        if target not in files or target in passed:
            return members.link_without_file(link.name, target in folders)
        passed.add(target)
        path, info = target, files[target]
    return Member(link.name, info)


def _link_text(file: zipfile.ZipFile, info: zipfile.ZipInfo) -> str:
    """Target of a link; empty if it is not a valid name."""
    try:
        with file.open(info) as stream:
            text = stream.read(MAX_NAME + 1)
        return text.decode() if len(text) <= MAX_NAME else ""
    except BROKEN_MEMBER:
        return ""


def _require_apart(infos: Sequence[zipfile.ZipInfo], index_start: int, name: str) -> None:
    """Refuse members that share bytes: 46 MB can become 4.5 PB (D. Fifield, "A better zip bomb", WOOT 2019)."""
    end = index_start
    distinct = {id(info): info for info in infos}.values()
    for info in sorted(distinct, key=lambda info: info.header_offset, reverse=True):
        if info.header_offset + LOCAL_HEADER_BYTES + info.compress_size > end:
            raise DataError(f"{name}: member {info.filename!r} overlaps what follows, expected members apart")
        end = info.header_offset


def _items(path: Path, listed: Sequence[ListedMember]) -> Iterator[Sample | RejectedFile]:
    with zipfile.ZipFile(path) as file:
        for member in listed:
            if isinstance(member, RejectedFile):
                yield member
            elif member.info.file_size > MAX_IMAGE_BYTES:
                yield too_large(member.name)
            else:
                yield _item(file, *member)


def _item(file: zipfile.ZipFile, name: str, info: zipfile.ZipInfo) -> Sample | RejectedFile:
    try:
        with file.open(info) as stream:
            data = stream.read()  # never more than the declared size
    except BROKEN_MEMBER as error:
        return RejectedFile(name, f"damaged in the archive ({type(error).__name__})")
    if len(data) != info.file_size:
        return RejectedFile(name, "damaged in the archive (shorter than declared)")
    return item(name, data)
