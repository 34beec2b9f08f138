"""A folder on this machine or in S3, behind one interface; files are copied atomically."""

import os
import shutil
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Protocol

from asl_pkg.storage import atomic, outputs


class Folder(Protocol):
    """A folder of files; names are relative to it, with slashes."""

    def url(self, name: str = "") -> str:
        """Address of a file; of the folder itself without a name."""

    def folder_uri(self, name: str) -> str:
        """URI of a sub-folder, for other programs."""

    def require(self) -> None:
        """Refuse a folder that can never be written to."""

    def names(self) -> Iterator[str]:
        """Names of all files."""

    def has(self, name: str) -> bool:
        """Whether there is such a file."""

    def read(self, name: str) -> bytes:
        """Read a file."""

    def write_text(self, name: str, text: str) -> None:
        """Write a text file in one step."""

    def fetch_file(self, name: str, target: Path) -> None:
        """Copy a file out of the folder."""

    def put_file(self, source: Path, name: str) -> None:
        """Copy a file into the folder, in one step."""

    def remove_file(self, name: str) -> None:
        """Remove a file, if there is one."""

    def put_folder(self, source: Path, name: str, kind: outputs.OutputKind, last: str = "") -> None:
        """Copy a folder into this one, atomically or with the file `last` last, as a sign that it is complete."""

    def opened(self, *names: str) -> AbstractContextManager[list[Path]]:
        """Sub-folders as folders of this machine, readable until the context ends."""


class LocalFolder:
    """A folder on this machine, created with its first file.

    Args:
        root: Path of the folder.
    """

    def __init__(self, root: Path) -> None:
        self.root = root

    def url(self, name: str = "") -> str:
        """Path of a file."""
        return str(self.root / name)

    def folder_uri(self, name: str) -> str:
        """A sub-folder as file://PATH."""
        return (self.root / name).resolve().as_uri()

    def require(self) -> None:
        """Do nothing: writing the first file shows whether the folder is writable."""

    def names(self) -> Iterator[str]:
        """Names of all files, without leftovers of interrupted copies."""
        for folder, _, files in os.walk(self.root, followlinks=True):
            names = (Path(folder, file).relative_to(self.root) for file in files)
            yield from (name.as_posix() for name in names if not name.parts[0].startswith("."))

    def has(self, name: str) -> bool:
        """Whether there is such a file."""
        return (self.root / name).is_file()

    def read(self, name: str) -> bytes:
        """Read a file."""
        return (self.root / name).read_bytes()

    def write_text(self, name: str, text: str) -> None:
        """Write a text file in one step."""
        atomic.write_text(self.root / name, text)

    def fetch_file(self, name: str, target: Path) -> None:
        """Copy a file out of the folder."""
        shutil.copyfile(self.root / name, target)

    def put_file(self, source: Path, name: str) -> None:
        """Copy a file beside its target and rename it."""
        atomic.copy_into_place(source, self.root / name)

    def remove_file(self, name: str) -> None:
        """Remove a file, if there is one."""
        (self.root / name).unlink(missing_ok=True)

    def put_folder(self, source: Path, name: str, kind: outputs.OutputKind, last: str = "") -> None:
        """Copy a folder in one step; it replaces only what an earlier copy of this kind left.

        Args:
            source: The folder.
            name: Its name here.
            kind: What it holds.
            last: Not needed here.

        Raises:
            SettingError: Something else has that name.
        """
        with outputs.replaced(self.root / name, kind) as beside:
            shutil.copytree(source, beside, dirs_exist_ok=True)

    @contextmanager
    def opened(self, *names: str) -> Iterator[list[Path]]:
        """The sub-folders themselves."""
        yield [self.root / name for name in names]


def open_folder(address: str, below: str = "") -> Folder:
    """Open the folder that an address names.

    Args:
        address: A path, or s3://BUCKET/PREFIX.
        below: Name of a sub-folder to open instead.

    Returns:
        The folder, which need not exist yet.

    Raises:
        DataError: It is a URL of another kind, or the AWS_* variables contradict one another.
    """
    if "://" in address:
        from asl_pkg.storage.s3_folder import S3Folder  # imports boto3, which takes its time

        return S3Folder.open(f"{address.rstrip('/')}/{below}")
    return LocalFolder(Path(address, below))
