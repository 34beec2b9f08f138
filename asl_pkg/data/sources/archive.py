"""A zip or tar archive, read as a stream: nothing is unpacked to the disk."""

from pathlib import Path

from asl_pkg.config.schema import ArchiveData
from asl_pkg.data.hashing import file_digest
from asl_pkg.data.sample import Source
from asl_pkg.data.sources import tar_archive, zip_archive
from asl_pkg.errors import DataError


def open_source(settings: ArchiveData) -> Source:
    """Open a local archive.

    Args:
        settings: `path` is the archive.

    Returns:
        Its members, in its own order.

    Raises:
        DataError: There is no such file, or as `open_archive`.
    """
    path = Path(settings.path)
    if not settings.path or not path.is_file():
        raise DataError(f"no archive {settings.path!r}: run `asl pull data=archive data.path=FILE`")
    return open_archive(path, str(path), file_digest(path, str(path)))


def open_archive(path: Path, name: str, state: str) -> Source:
    """Open an archive and, for a zip, check its list of members.

    Args:
        path: The file.
        name: Its origin, for errors.
        state: Its SHA-256.

    Returns:
        Its members, in its own order.

    Raises:
        DataError: It is not an archive, or a member's name or kind could do harm. Members of a tar are checked when
            they are read.
    """
    # By its first bytes, not by an end that may belong to another archive inside it.
    with path.open("rb") as file:
        head = file.read(zip_archive.MAGIC_BYTES)
    if head in zip_archive.MAGICS:
        return zip_archive.open_source(path, name, state)
    if tar_archive.is_tar(path):
        return tar_archive.open_source(path, name, state)
    raise DataError(
        f"{name} is not an archive, expected .zip, .tar, .tar.gz, .tar.bz2, .tar.xz or .tar.zst; unpack other "
        "kinds and use data=folder"
    )
