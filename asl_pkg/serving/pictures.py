"""Which pictures are meant by the names that a user typed."""

import glob
from collections.abc import Sequence
from pathlib import Path

from asl_pkg.errors import DataError

STANDARD_INPUT = "-"
SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".webp", ".bmp"})


def find_pictures(names: Sequence[str]) -> list[Path | None]:
    """Resolve names to picture files.

    A name that exists is that file or folder, whatever characters it holds; else it is a glob.

    Args:
        names: files, folders (searched at any depth), globs, or `-` for standard input.

    Returns:
        Files in the order of the names, sorted within a folder or glob; None is standard input. A name that nothing
        matches stays, so that whoever reads it reports it, as long as another one is found.

    Raises:
        DataError: no name is given, or nothing is found.
    """
    if not names:
        raise DataError("no picture named: `asl infer picture.jpg`, a folder, a glob, or `-` for standard input")
    found = [(name, _resolve(name)) for name in names]
    if not any(pictures for _, pictures in found):
        kinds = ", ".join(sorted(SUFFIXES))
        raise DataError(f"no picture found for {', '.join(names)}: expected a file, a folder with {kinds}, or a glob")
    return [picture for name, pictures in found for picture in pictures or [Path(name)]]


def _resolve(name: str) -> list[Path | None]:
    if name == STANDARD_INPUT:
        return [None]
    if _exists(name):
        return _files(Path(name))
    matches = sorted(glob.glob(name, recursive=True))  # noqa: PTH207 - Path.glob refuses a pattern that begins with /
    return [picture for match in matches for picture in _files(Path(match))]


def _exists(name: str) -> bool:
    try:
        return bool(name) and Path(name).exists()
    except OSError:  # too long to be the name of a file
        return False


def _files(path: Path) -> list[Path | None]:
    """A file itself, of a folder the visible pictures at any depth."""
    if not path.is_dir():
        return [path]
    files = (one for one in sorted(path.rglob("*")) if one.suffix.lower() in SUFFIXES and one.is_file())
    return [one for one in files if not one.name.startswith(".")]
