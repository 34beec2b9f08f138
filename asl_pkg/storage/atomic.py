"""Atomic writes: nothing half-written is ever seen under its final name."""

import hashlib
import json
import os
import re
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from asl_pkg.errors import DataError


@contextmanager
def atomic_directory(target: Path, check: Callable[[], object] | None = None) -> Iterator[Path]:
    """Give an empty folder beside `target` that replaces it on success and is removed on any error.

    outputs.py decides what may be replaced.

    Args:
        target: The folder to write; one that exists stays whole until the new one is complete.
        check: Raises where the folder must not be replaced; without it only an empty folder is replaced.

    Yields:
        The folder to write into.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    put_back(target)
    beside = Path(tempfile.mkdtemp(prefix=f".{target.name}-", dir=target.parent))
    try:
        beside.chmod(0o755)
        yield beside
        if check:
            check()
        elif target.exists():
            target.rmdir()
        with in_place_of(target, beside):
            pass
    finally:
        shutil.rmtree(beside, ignore_errors=True)


@contextmanager
def in_place_of(target: Path, new: Path) -> Iterator[None]:
    """Replace `target` by a file or folder; any error before the context ends restores what was there.

    Args:
        target: What is replaced; it need not exist.
        new: The replacement, on the same disk.
    """
    aside = Path(tempfile.mkdtemp(prefix=f".{target.name}-old-", dir=target.parent))
    old = aside / target.name
    try:
        if os.path.lexists(target):
            target.rename(old)
        new.rename(target)
        yield
    except BaseException:
        if not os.path.lexists(new) and os.path.lexists(target):
            target.rename(new)
        if os.path.lexists(old):
            old.rename(target)
        aside.rmdir()
        raise
    shutil.rmtree(aside, ignore_errors=True)


def put_back(target: Path) -> None:
    """Restore what a process had moved aside when it was killed while it replaced `target`."""
    if os.path.lexists(target) or not target.parent.is_dir():
        return
    for aside in target.parent.iterdir():
        if is_temporary(aside.name, f"{target.name}-old") and os.path.lexists(aside / target.name):
            (aside / target.name).rename(target)
            aside.rmdir()
            return


def is_temporary(name: str, of: str) -> bool:
    """Whether `tempfile` may have chosen this name for something beside a file or folder `of`."""
    return bool(re.fullmatch(rf"\.{re.escape(of)}-[a-z0-9_]{{8}}", name))


def copy_into_place(source: Path, target: Path) -> None:
    """Copy a file in one step: a reader sees the old file or the new one.

    Args:
        source: The file.
        target: The copy; where it is a link to a file it stays a link.
    """
    target = target.resolve()
    target.parent.mkdir(parents=True, exist_ok=True)
    descriptor, name = tempfile.mkstemp(prefix=f".{target.name}-", dir=target.parent)
    os.close(descriptor)
    try:
        Path(shutil.copyfile(source, name)).chmod(0o644)
        Path(name).replace(target)
    finally:
        Path(name).unlink(missing_ok=True)


def write_text(target: Path, text: str) -> None:
    """Write a text file in one step: a reader sees the old one or the new one.

    Args:
        target: The file.
        text: Its contents, written as UTF-8.
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
    """Write a value as indented JSON, in one step."""
    write_text(target, json.dumps(value, indent=2, ensure_ascii=False) + "\n")


def sha256(path: Path) -> str:
    """SHA-256 of a file's bytes, as hex digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def require_space(folder: Path, needed_bytes: int, what: str) -> None:
    """Refuse work that would fill the disk, before it starts.

    Args:
        folder: Where the work writes; it need not exist yet.
        needed_bytes: Bytes that the work needs.
        what: Name of the work, as "the download of FILE".

    Raises:
        DataError: The disk has too little free space.
    """
    existing = next(path for path in (folder, *folder.absolute().parents) if path.exists())
    free_bytes = shutil.disk_usage(existing).free
    if free_bytes < needed_bytes:
        raise DataError(
            f"{what} needs {needed_bytes / 1e9:,.2f} GB in {folder}, {free_bytes / 1e9:,.2f} GB are free: free some "
            "space"
        )
