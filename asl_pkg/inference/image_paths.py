"""Find the images that the user's names mean."""

import glob
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from asl_pkg.data import left_out
from asl_pkg.data.sample import RejectedFile
from asl_pkg.data.sources import kinds
from asl_pkg.data.sources.layout import no_image
from asl_pkg.data.sources.tree import Found, files_under
from asl_pkg.errors import DataError

STANDARD_INPUT = "-"
HEAD_BYTES = 32  # of a file: they tell an image whatever its name

Named = Path | RejectedFile | None


def find_images(names: Sequence[str]) -> list[Named]:
    """Resolve names to image files.

    A name that exists is that file or folder, whatever characters it holds; else it is a glob.

    Args:
        names: Files, folders (searched at any depth), globs, or `-` for standard input.

    Returns:
        Files in the order of the names, sorted within a folder or glob; None is standard input. Unreadable entries
        of a folder are rejections. A name that matches nothing is passed on, to be reported, if another one is found.

    Raises:
        DataError: No name is given, or nothing is found.
    """
    if not names:
        raise DataError("no image named: `asl infer image.jpg`, a folder, a glob, or `-` for standard input")
    found = [(name, _resolve(name)) for name in names]
    if not any(images for _, images in found):
        raise DataError(f"no image found for {', '.join(names)}: expected a file, a folder with images, or a glob")
    return [image for name, images in found for image in images or [Path(name)]]


def _resolve(name: str) -> list[Named]:
    if name == STANDARD_INPUT:
        return [None]
    if _exists(name):
        return _files(Path(name))
    matches = sorted(glob.glob(name, recursive=True))  # noqa: PTH207 - Path.glob refuses a pattern that begins with /
    return [image for match in matches for image in _files(Path(match))]


def _exists(name: str) -> bool:
    try:
        return bool(name) and Path(name).exists()
    except OSError:  # too long to be the name of a file
        return False


def _files(path: Path) -> list[Named]:
    """The file, or the images in a folder at any depth and entries that may hide some."""
    if not path.is_dir():
        return [path]
    judged = [_judged(path, found) for found in sorted(files_under(path), key=lambda found: Path(found.path))]
    left_out.tell([item for item in judged if isinstance(item, RejectedFile) and not item.quarantined], str(path))
    return [item for item in judged if isinstance(item, Path) or item.quarantined]


def _judged(root: Path, found: Found) -> Path | RejectedFile:
    file = root / found.path
    if found.rejected:
        return replace(found.rejected, path=str(root / found.rejected.path))
    if rejected := no_image(found.path):
        return rejected
    return file if kinds.has_image_name(file) else _by_contents(file)


def _by_contents(file: Path) -> Path | RejectedFile:
    try:
        with file.open("rb") as opened:
            head = opened.read(HEAD_BYTES)
    except OSError:  # whoever reads it says so
        return file
    return (
        file
        if kinds.holds_image(file, head)
        else RejectedFile(str(file), f"not an image ({kinds.extension(file)})", quarantined=False)
    )
