"""The commit of the running code."""

import os
import subprocess
from pathlib import Path

UNKNOWN = "unknown"


def commit() -> str:
    """Name the commit of the running code.

    Returns:
        ASL_COMMIT if it is set (a container image has no repository), else the repository's HEAD, else `unknown`.
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
