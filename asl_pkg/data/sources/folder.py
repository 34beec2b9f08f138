"""A folder of pictures on this machine."""

import hashlib
import os
from collections.abc import Iterator
from pathlib import Path

from asl_pkg.config import FolderData
from asl_pkg.data.picture import Picture, Rejected, Source
from asl_pkg.data.preparation import MAX_BYTES
from asl_pkg.data.sources.layout import TOO_LARGE, picture, rejection_of
from asl_pkg.errors import DataError


def open_source(settings: FolderData) -> Source:
    """List the folder.

    Args:
        settings: `path` names the folder.

    Returns:
        Its files in the order of their names; links are rejected, whatever they lead to.

    Raises:
        DataError: there is no such folder, or it is empty.
    """
    root = Path(settings.path)
    if not settings.path or not root.is_dir():
        raise DataError(f"no folder {settings.path!r}: `asl pull data=folder data.path=FOLDER` reads one")
    listing = sorted(_listing(root))
    if not listing:
        raise DataError(f"{root} holds no file, expected a folder with one sub-folder a class")
    state = hashlib.sha256(repr(listing).encode(errors="surrogateescape")).hexdigest()
    return Source(lambda start: (_item(root, path) for path, _, _ in listing[start:]), len(listing), state)


def _listing(root: Path) -> Iterator[tuple[str, int, int]]:
    """Yield (path, size in bytes, time of the last change in ns) of every file, following no link."""
    for folder, folders, names in os.walk(root):
        for name in names + [name for name in folders if (Path(folder) / name).is_symlink()]:
            path = Path(folder, name)
            status = path.lstat()
            yield path.relative_to(root).as_posix(), status.st_size, status.st_mtime_ns


def _item(root: Path, path: str) -> Picture | Rejected:
    file = root / path
    if file.is_symlink() or not file.is_file():
        return Rejected(path, "a link or device, expected a plain file")
    if rejected := rejection_of(path):
        return rejected
    if file.stat().st_size > MAX_BYTES:
        return Rejected(path, TOO_LARGE)
    try:
        return picture(path, file.read_bytes())
    except OSError as error:
        return Rejected(path, f"cannot be read ({error.strerror})")
