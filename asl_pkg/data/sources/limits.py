"""Limits beyond which an archive counts as a decompression bomb."""

from asl_pkg.errors import DataError

MAX_MEMBERS = 500_000  # six times the public data set; the names alone take memory
BOMB_RATIO = 200  # images are compressed already; even raw bitmaps shrink less
BOMB_BYTES = 2**30  # smaller contents do no harm


def max_unpacked(archive_bytes: int) -> int:
    """Largest number of bytes that an archive of this size may unpack to."""
    return max(BOMB_BYTES, BOMB_RATIO * archive_bytes)


def bomb(name: str) -> DataError:
    """Error for an archive that unpacks to more."""
    return DataError(f"{name} unpacks to more than {BOMB_RATIO} times its size: a decompression bomb, expected images")


def too_many(name: str) -> DataError:
    """Error for an archive with too many members."""
    return DataError(f"{name} holds more than {MAX_MEMBERS:,} members, expected fewer")
