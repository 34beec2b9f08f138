"""`asl serve` in a process of its own."""

import os
import subprocess
import sys
from pathlib import Path


def start_serve(folder: Path, *arguments: str) -> subprocess.Popen[str]:
    """Start it in a folder that also gets its temporary files; its output is piped.

    Args:
        folder: Its working folder.
        arguments: Of the command line.
    """
    return subprocess.Popen(
        [sys.executable, "-m", "asl_pkg.commands", "serve", *arguments],
        cwd=folder,
        env={**os.environ, "TMPDIR": str(folder)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
