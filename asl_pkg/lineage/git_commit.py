"""Where a result comes from."""

import os
import subprocess
from pathlib import Path

UNKNOWN = "unknown"


def commit() -> str:
    """Name the commit of the code that runs.

    Returns:
        ASL_COMMIT where it is set (an image has no repository), else the repository's HEAD, else `unknown`.
    """
    if given := os.environ.get("ASL_COMMIT"):
        return given
    folder = Path(__file__).parent
    # A package installed inside somebody else's repository must not take that one's commit: our file has to be tracked.
    tracked = ["git", "-C", str(folder), "ls-files", "--error-unmatch", Path(__file__).name]
    head = ["git", "-C", str(folder), "rev-parse", "HEAD"]
    try:
        for command in (tracked, head):
            answer = subprocess.run(command, capture_output=True, text=True, check=True, timeout=10)
    except (OSError, subprocess.SubprocessError):
        return UNKNOWN
    return answer.stdout.strip()
