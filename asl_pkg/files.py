"""Writing so that nothing half-written is ever seen under its final name."""

import hashlib
import json
import os
import re
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from asl_pkg.errors import DataError


@contextmanager
def written_beside(target: Path) -> Iterator[Path]:
    """Give an empty folder beside `target`; on success it takes target's place, on any error it goes.

    Args:
        target: the folder to write; one that exists stays whole until the new one is complete.

    Yields:
        The folder to write into.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    beside = Path(tempfile.mkdtemp(prefix=f".{target.name}-", dir=target.parent))
    beside.chmod(0o755)
    try:
        yield beside
        with _set_aside(target):
            beside.rename(target)
    finally:
        shutil.rmtree(beside, ignore_errors=True)


def remove_leftovers(target: Path) -> None:
    """Remove what a killed `written_beside` left beside `target`; nobody else may write it at this moment."""
    made_by_tempfile = re.compile(rf"\.{re.escape(target.name)}-(old-)?[a-z0-9_]{{8}}")
    for path in target.parent.iterdir():
        if made_by_tempfile.fullmatch(path.name):
            shutil.rmtree(path, ignore_errors=True)


@contextmanager
def _set_aside(target: Path) -> Iterator[None]:
    """Move a folder out of the way for a moment: it goes for good on success and comes back on any error."""
    with tempfile.TemporaryDirectory(prefix=f".{target.name}-old-", dir=target.parent) as aside:
        old = Path(aside) / target.name
        if target.exists():
            target.rename(old)
        try:
            yield
        except BaseException:
            if old.exists():
                old.rename(target)
            raise


def write_text(target: Path, text: str) -> None:
    """Write a text file in one step: a reader sees the old one or the new one.

    Args:
        target: the file.
        text: its contents, written as UTF-8.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    descriptor, name = tempfile.mkstemp(prefix=f".{target.name}-", dir=target.parent)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
        Path(name).chmod(0o644)
        Path(name).replace(target)
    finally:
        Path(name).unlink(missing_ok=True)


def write_json(target: Path, value: Any) -> None:
    """Write a value as JSON that people can read, in one step."""
    write_text(target, json.dumps(value, indent=2, ensure_ascii=False) + "\n")


def sha256(path: Path) -> str:
    """SHA-256 of a file's bytes, as hex digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def require_space(folder: Path, needed_bytes: int, what: str) -> None:
    """Refuse work that would fill the disk, before it starts.

    Args:
        folder: where it writes; it may not exist yet.
        needed_bytes: how much.
        what: the work, as "the download of FILE".

    Raises:
        DataError: less is free.
    """
    existing = next(place for place in (folder, *folder.absolute().parents) if place.exists())
    free_bytes = shutil.disk_usage(existing).free
    if free_bytes < needed_bytes:
        raise DataError(
            f"{what} needs {needed_bytes / 1e9:,.2f} GB in {folder}, {free_bytes / 1e9:,.2f} GB are free: make room"
        )
