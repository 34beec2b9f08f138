"""Names that nobody gives a picture by mistake."""

import re
import unicodedata
from pathlib import PurePosixPath

MAX_NAME = 1024  # characters; S3 allows as many bytes, public sets use a tenth
DRIVE = re.compile(r"[A-Za-z]:")


def fault_of(name: str) -> str | None:
    """Say what is dangerous about a name in an archive or bucket.

    Args:
        name: with slashes or backslashes, as the source gives it.

    Returns:
        The fault, to follow "member NAME"; None where there is none.
    """
    path = PurePosixPath(name.replace("\\", "/"))
    if path.is_absolute() or ".." in path.parts or DRIVE.match(name):
        return "leads out of the data set, expected a relative one"
    if len(name) > MAX_NAME:
        return f"has a name of {len(name):,} characters, expected at most {MAX_NAME:,}"
    if any(unicodedata.category(character) == "Cc" for character in name):
        return "has control characters in its name"
    return None
