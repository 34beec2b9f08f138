"""Downloads that resume where they broke off, in this pull or in the next."""

import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

from asl_pkg.errors import DataError
from asl_pkg.progress import say, track
from asl_pkg.storage.atomic import require_space, write_text

DOWNLOAD_CHUNK_BYTES = 2**16
MIB = 2**20
RESERVE_BYTES = 64 * MIB  # stays free on the disk, even where the server does not say how much it sends
ATTEMPTS = 6  # in a row without new bytes
BACKOFF_S = 0.5  # before the second attempt; doubled before each further one


class BrokenConnectionError(DataError):
    """The connection broke or the server is busy; a retry may help."""


@dataclass(frozen=True)
class HttpPart:
    """What a server sends of a file.

    Args:
        start: First byte sent: the one requested, or 0 if the server starts again.
        total: Size of the whole file in bytes; None if the server does not say.
        version: Identifies the contents, such as an ETag; empty if the server has none.
        chunks: The bytes; reading them raises BrokenConnectionError where the connection breaks.
    """

    start: int
    total: int | None
    version: str
    chunks: Iterator[bytes]


Ask = Callable[[int, str], AbstractContextManager[HttpPart]]


def download(ask: Ask, target: Path, name: str) -> None:
    """Download a file; resumes an earlier download if the server still has the same contents.

    Args:
        ask: Requests the file from a byte on, if the server still has this version.
        target: The file; `target`.version beside it keeps the server's version.
        name: How errors and progress call the file.

    Raises:
        DataError: The server refuses, the disk is too small, or several attempts in a row got no new bytes.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    furthest = _size(target)
    failures = 0
    while True:
        try:
            return _attempt(ask, target, name)
        except BrokenConnectionError as error:
            failures = 0 if _size(target) > furthest else failures + 1
            if failures == ATTEMPTS:
                raise DataError(f"{error} ({ATTEMPTS} attempts); run the same pull again to resume") from error
            say(f"{error}; trying again")
        furthest = max(furthest, _size(target))
        time.sleep(BACKOFF_S * 2**failures)


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


def _attempt(ask: Ask, target: Path, name: str) -> None:
    version_file = target.with_name(f"{target.name}.version")
    version = version_file.read_text(encoding="utf-8") if version_file.exists() else ""
    with ask(_size(target) if version else 0, version) as answer:
        if answer.start == 0:
            target.unlink(missing_ok=True)  # first: the version must never lie beside bytes of another one
            write_text(version_file, answer.version)
        rest = None if answer.total is None else answer.total - answer.start
        require_space(target.parent, (rest or 0) + RESERVE_BYTES, f"the download of {name}")
        rest_mib = None if rest is None else -(-rest // MIB)
        for _ in track(_written(answer.chunks, target), rest_mib, f"Downloading {name}", "MiB"):
            require_space(target.parent, RESERVE_BYTES, f"the download of {name}")
    if answer.total is not None and _size(target) != answer.total:
        raise BrokenConnectionError(f"{name}: {_size(target):,} of {answer.total:,} bytes received")


def _written(chunks: Iterator[bytes], target: Path) -> Iterator[None]:
    """Append the chunks and yield once per MiB; what came before an error stays on disk."""
    written = 0
    with target.open("ab") as file:
        for chunk in chunks:
            file.write(chunk)
            written += len(chunk)
            while written >= MIB:
                written -= MIB
                yield
