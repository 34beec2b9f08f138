"""How much an archive may hold before it is taken for a bomb."""

from asl_pkg.errors import DataError

MAX_MEMBERS = 500_000  # six times the public set; their names alone take memory
BOMB_RATIO = 200  # images are compressed already: even raw bitmaps shrink less
BOMB_BYTES = 2**30  # below that nothing is harmed


def max_unpacked(archive_bytes: int) -> int:
    """How many bytes an archive of a size may unpack to."""
    return max(BOMB_BYTES, BOMB_RATIO * archive_bytes)


def bomb(name: str) -> DataError:
    """The error of an archive that unpacks to more."""
    return DataError(f"{name} unpacks to more than {BOMB_RATIO} times its size: a decompression bomb, expected images")


def too_many(name: str) -> DataError:
    """The error of an archive with more members than a data set has images."""
    return DataError(f"{name} holds more than {MAX_MEMBERS:,} members, expected fewer")
