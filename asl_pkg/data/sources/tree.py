"""Files of a folder, at any depth and behind links; each folder once. What cannot be read is reported."""

import os
import stat
from collections import deque
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from asl_pkg.data.sample import RejectedFile
from asl_pkg.data.sources import kinds
from asl_pkg.data.sources.layout import LEFT_BY_TOOLS, no_image, printable
from asl_pkg.progress import track

TWICE = "a link to a folder that is read already"
AROUND = "a link to a parent folder, which is not followed"
BROKEN_LINK = "a broken link: run `git annex get` or `dvc checkout`, or mount its target"
NO_FILE = "a device or pipe, expected a file"


class Found(NamedTuple):
    """A file of a folder, or a rejected entry.

    Args:
        path: Path below the folder, with slashes.
        size_bytes: Size of the file.
        changed_ns: Time of its last change.
        rejected: Why it is rejected; None for a file.
    """

    path: str
    size_bytes: int = 0
    changed_ns: int = 0
    rejected: RejectedFile | None = None


def files_under(root: Path) -> list[Found]:
    """List a folder.

    Args:
        root: The folder.

    Returns:
        Its files in the order of their names, also those behind links. A folder that is reached twice is read at its
        real path, or at its first link.
    """
    return sorted(track(_Walk(root).found(), None, f"Listing {root}", "files"), key=lambda found: found.path)


def _unreachable(path: str, reason: str) -> Found:
    """An entry that is or may be an image and cannot be read."""
    return Found(path, rejected=no_image(path) or RejectedFile(printable(path), reason))


def _lost_folder(path: str, error: OSError) -> Found:
    return Found(path, rejected=RejectedFile(printable(path), f"a folder that cannot be read ({error.strerror})"))


class _Walk:
    """One walk through a folder: plain folders first, so that files are found there and not behind links."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.around = {_identity(folder.stat()) for folder in root.resolve().parents}
        self.seen: set[tuple[int, int]] = set()
        self.folders = deque([""])
        self.links: deque[str] = deque()

    def found(self) -> Iterator[Found]:
        while self.folders or self.links:
            if self.folders:
                yield from self._folder(self.folders.popleft())
            else:
                yield from self._folder(self.links.popleft())

    def _folder(self, folder: str) -> Iterator[Found]:
        try:
            identity = _identity((self.root / folder).stat())
            if identity in self.seen | self.around:
                reason = AROUND if identity in self.around else TWICE
                yield Found(folder, rejected=RejectedFile(printable(folder), reason, quarantined=False))
                return
            with os.scandir(self.root / folder) as entries:
                listed = sorted(entries, key=lambda entry: entry.name)
        except OSError as error:
            yield _lost_folder(folder, error)
            return
        self.seen.add(identity)
        for entry in listed:
            yield from self._entry(f"{folder}/{entry.name}".lstrip("/"), entry)

    def _entry(self, path: str, entry: os.DirEntry[str]) -> Iterator[Found]:
        try:
            if _is_litter(path, entry):
                yield Found(path, rejected=RejectedFile(printable(path), LEFT_BY_TOOLS, quarantined=False))
                return
            status = entry.stat()
        except OSError as error:
            broken = entry.is_symlink() and isinstance(error, FileNotFoundError)
            yield _unreachable(path, BROKEN_LINK if broken else f"cannot be read ({error.strerror})")
            return
        if stat.S_ISDIR(status.st_mode):
            (self.links if entry.is_symlink() else self.folders).append(path)
        elif stat.S_ISREG(status.st_mode):
            yield Found(path, status.st_size, status.st_mtime_ns)
        else:
            yield _unreachable(path, NO_FILE)


def _is_litter(path: str, entry: os.DirEntry[str]) -> bool:
    """Only folders with names of tools are skipped; other hidden folders may hold images."""
    if kinds.LITTER_FOLDERS.fullmatch(entry.name):
        return True
    return kinds.is_litter_file(PurePosixPath(path)) and not entry.is_dir()


def _identity(status: os.stat_result) -> tuple[int, int]:
    return status.st_dev, status.st_ino
