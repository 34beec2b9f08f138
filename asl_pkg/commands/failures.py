"""What no verb has foreseen, in one line: what failed, where, and what mends it."""

import errno
import os
import traceback
from pathlib import Path

from asl_pkg.errors import AslError

PROJECT = Path(__file__).parents[1]
REMEDIES = {
    errno.ENOSPC: "make room on that disk",
    errno.EDQUOT: "make room within your quota",
    errno.EACCES: "grant the right to it, or name another place",
    errno.EPERM: "grant the right to it, or name another place",
    errno.EROFS: "name a place that can be written",
    errno.EIO: "the disk or the network behind it fails: look at the system's log, or name another place",
    errno.EMFILE: "raise `ulimit -n`",
    errno.ENFILE: "raise the system's limit on open files",
    errno.ENOTDIR: "a file stands where a folder is needed: move it away, or name another place",
    errno.EISDIR: "a folder stands where a file is needed: move it away, or name another place",
    errno.EEXIST: "move it away, or name another place",
    errno.ENOTEMPTY: "move what it holds away, or name another place",
    errno.ENAMETOOLONG: "choose a shorter name",
    errno.ELOOP: "a link there leads to itself: remove it",
    errno.ENOENT: "see whether the name is right and its disk is there",
    errno.EBUSY: "something else uses it: end that, or name another place",
    errno.EXDEV: "name a place on the same disk",
    errno.EFBIG: "raise `ulimit -f`, or use a disk that takes larger files",
    errno.ENOMEM: "free memory, or give this process more",
    errno.ESTALE: "mount the network's disk again",
    errno.ENODEV: "see whether its disk is there",
}


def explained(error: Exception) -> str:
    """Say in one line what an error means for the user.

    Args:
        error: any.

    Returns:
        The line.
    """
    cause = _cause(error)
    if isinstance(error, AslError):
        line = str(error)
    elif isinstance(cause, OSError):
        line = _system(cause)
    elif isinstance(cause, MemoryError):
        line = "the memory does not suffice: free some, or give this process more"
    elif isinstance(cause, ImportError):
        line = f"{cause}: `make install` brings every package"
    elif isinstance(cause, RecursionError):
        line = f"something is nested too deeply, a damaged or hostile file perhaps {_where(cause)}"
    elif isinstance(cause, UnicodeError):
        line = f"a text or name is not in UTF-8 ({cause}) {_where(cause)}"
    else:
        line = _unknown(cause)
    return _printable(line)


def _cause(error: BaseException) -> BaseException:
    """The system's error behind one that says less, else the error itself."""
    seen: BaseException | None = error
    while seen is not None:
        if isinstance(seen, OSError | MemoryError):
            return seen
        seen = seen.__cause__ or seen.__context__
    return error


def _system(error: OSError) -> str:
    """A failed call: the file, what the system says, the remedy."""
    names = " -> ".join(os.fsdecode(one) for one in (error.filename, error.filename2) if isinstance(one, str | bytes))
    said = os.strerror(error.errno) if error.errno else _first(error)
    if not names and error.errno:
        names = _first(error).partition("] ")[2]
        said = "" if said in names else said
    return ": ".join(filter(None, [names, said, REMEDIES.get(error.errno or 0, _where(error))]))


def _unknown(error: BaseException) -> str:
    """Another package's failure by its name, else a fault of this program."""
    file = _innermost(error)
    kind = f"{type(error).__name__}: {_first(error)}"
    if file and "site-packages" in file.parts:
        package = file.parts[file.parts.index("site-packages") + 1].removesuffix(".py")
        return f"{package} failed with {kind}; --debug shows where"
    return f"internal error, please report it: {kind}; --debug shows where"


def _innermost(error: BaseException) -> Path | None:
    """The file that raised an error; of the standard library's, which knows no cause, the one that called it."""
    files = [Path(frame.filename) for frame in traceback.extract_tb(error.__traceback__)]
    known = [file for file in files if file.is_relative_to(PROJECT) or "site-packages" in file.parts]
    return known[-1] if known else None


def _where(error: BaseException) -> str:
    file = _innermost(error)
    return f"(in {file.stem}; --debug shows where)" if file else ""


def _first(error: BaseException) -> str:
    return next(iter(str(error).strip().splitlines()), type(error).__name__)


def _printable(line: str) -> str:
    """Names may hold line breaks or bytes that are no text: neither may reach the terminal."""
    return "".join(one if one.isprintable() else ascii(one)[1:-1] for one in " ".join(line.splitlines()))
