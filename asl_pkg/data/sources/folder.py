"""A local folder of images."""

import hashlib
from pathlib import Path

from asl_pkg.config.schema import FolderData
from asl_pkg.data.preparation import MAX_IMAGE_BYTES
from asl_pkg.data.sample import RejectedFile, Sample, Source
from asl_pkg.data.sources.layout import item, rejection_of, too_large
from asl_pkg.data.sources.tree import Found, files_under
from asl_pkg.errors import DataError


def open_source(settings: FolderData) -> Source:
    """List the folder.

    Args:
        settings: `path` is the folder.

    Returns:
        Its files in the order of their names; links are followed.

    Raises:
        DataError: There is no such folder, or it is empty or cannot be read.
    """
    root = Path(settings.path)
    if not settings.path or not root.is_dir():
        raise DataError(f"no folder {settings.path!r}: run `asl pull data=folder data.path=FOLDER`")
    listing = files_under(root)
    if not listing:
        raise DataError(f"{root} holds no file, expected a folder with one sub-folder per class")
    if lost := listing[0].rejected if not listing[0].path else None:
        raise DataError(f"{root}: {lost.reason}")
    known = [found[:3] if found.rejected is None else tuple(found) for found in listing]
    state = hashlib.sha256(repr(known).encode(errors="surrogateescape")).hexdigest()
    return Source(lambda start: (_item(root, found) for found in listing[start:]), len(listing), state)


def _item(root: Path, found: Found) -> Sample | RejectedFile:
    if rejected := found.rejected or rejection_of(found.path):
        return rejected
    if found.size_bytes > MAX_IMAGE_BYTES:
        return too_large(found.path)
    try:
        return item(found.path, (root / found.path).read_bytes())
    except OSError as error:
        return RejectedFile(found.path, f"cannot be read ({error.strerror})")
