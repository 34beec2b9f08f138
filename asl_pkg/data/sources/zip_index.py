"""The index of a zip, checked before Python's zipfile loads it, which trusts the file's own figures."""

import struct
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from asl_pkg.data.sources import limits
from asl_pkg.errors import DataError

# PKWARE, "APPNOTE.TXT - .ZIP File Format Specification", 6.3.10, sections 4.3.12 to 4.3.16.
END = struct.Struct("<4s4H2LH")
END_MAGIC = b"PK\x05\x06"
LOCATOR = struct.Struct("<4sLQL")
LOCATOR_MAGIC = b"PK\x06\x07"
END_64 = struct.Struct("<4sQ2H2L4Q")
END_64_MAGIC = b"PK\x06\x06"
ENTRY_BYTES = 46
ENTRY_MAGIC = b"PK\x01\x02"
MAX_COMMENT = 2**16
MAX_INDEX_BYTES = 256 * limits.MAX_MEMBERS


@dataclass(frozen=True)
class Index:
    """Location of a zip's list of members.

    Args:
        members: Number of members that it should list.
        start: Offset of its first byte.
        end: Offset after its last byte.
    """

    members: int
    start: int
    end: int


def check_index(path: Path, name: str) -> Index:
    """Find the index and count its entries.

    Args:
        path: The zip.
        name: Its origin, for errors.

    Returns:
        The index, which agrees with its end record.

    Raises:
        DataError: It does not agree, or lists too many members.
    """
    with path.open("rb") as file:
        try:
            index, declared_start = _read_end(file)
        except (struct.error, ValueError, OSError) as error:
            raise DataError(f"{name}: damaged archive ({error})") from error
        if index.members > limits.MAX_MEMBERS or index.end - index.start > MAX_INDEX_BYTES:
            raise limits.too_many(name)
        if index.start != declared_start or index.start < 0:
            raise DataError(f"{name}: damaged archive (its index is not where its end record says: it may hide data)")
        file.seek(index.start)
        found = _count(file.read(index.end - index.start))
    if found != index.members:
        raise DataError(f"{name}: damaged archive (it lists {found:,} members, its end record says {index.members:,})")
    return index


def _read_end(file: IO[bytes]) -> tuple[Index, int]:
    """Read the index's location by its size, and its offset by the end record."""
    size = file.seek(0, 2)
    tail_start = file.seek(max(0, size - END.size - MAX_COMMENT))
    tail = file.read()
    position = len(tail) - END.size  # as zipfile: first without a comment, then the last record before one
    if position < 0 or tail[position : position + 4] != END_MAGIC or tail[-2:] != bytes(2):
        position = tail.rfind(END_MAGIC)
    if position < 0:
        raise ValueError("its end is missing")
    _, _, _, _, members, index_bytes, start, _ = END.unpack_from(tail, position)
    end = tail_start + position
    locator_at = end - LOCATOR.size
    if locator_at >= 0:
        file.seek(locator_at)
        magic, _, end_64_at, _ = LOCATOR.unpack(file.read(LOCATOR.size))
        if magic == LOCATOR_MAGIC:
            file.seek(end_64_at)
            magic, _, _, _, _, _, _, members, index_bytes, start = END_64.unpack(file.read(END_64.size))
            if magic != END_64_MAGIC or end_64_at + END_64.size != locator_at:
                raise ValueError("its 64-bit end is not where its locator says")
            end = end_64_at
    return Index(members, end - index_bytes, end), start


def _count(index: bytes) -> int:
    count = position = 0
    while index[position : position + 4] == ENTRY_MAGIC and position + ENTRY_BYTES <= len(index):
        position += ENTRY_BYTES + sum(struct.unpack_from("<3H", index, position + 28))
        count += 1
    return count if position == len(index) else -1
