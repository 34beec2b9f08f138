"""Names in archives and buckets that could do harm, and no image has by accident."""

import posixpath
import re
import unicodedata
from pathlib import PurePosixPath

MAX_NAME = 1024  # characters; S3 allows as many bytes, public data sets use a tenth
DRIVE = re.compile(r"[A-Za-z]:")


def slashed(name: str) -> str:
    """Turn the backslashes that Windows programs write into a zip into slashes.

    A name that is not ASCII and has slashes keeps its backslashes: they may be half of a character in an encoding that
    the zip does not name, such as Shift-JIS.
    """
    return name.replace("\\", "/") if name.isascii() or "/" not in name else name


def linked(name: str, target: str) -> str | None:
    """Find where a link in an archive leads.

    Args:
        name: Name of the link, with slashes.
        target: Target of the link, relative to the link's folder.

    Returns:
        A name in the archive; None if it leads out of it.
    """
    path = posixpath.normpath(posixpath.join(posixpath.dirname(name), target))
    return None if not target or fault_of(path) or PurePosixPath(target).is_absolute() else path


def fault_of(name: str) -> str | None:
    """Say what is dangerous about a name in an archive or bucket.

    Args:
        name: Name with slashes or backslashes, as the source has it.

    Returns:
        The fault, to follow "member NAME"; None if there is none.
    """
    path = PurePosixPath(name.replace("\\", "/"))
    if path.is_absolute() or ".." in path.parts or DRIVE.match(name):
        return "leads out of the data set, expected a relative one"
    if len(name) > MAX_NAME:
        return f"has a name of {len(name):,} characters, expected at most {MAX_NAME:,}"
    if any(unicodedata.category(character) == "Cc" for character in name):
        return "has control characters in its name"
    return None
