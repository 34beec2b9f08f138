"""Any error in one line: what failed, where, and how to fix it."""

import errno
import os
import traceback
from pathlib import Path

from asl_pkg.errors import AslError

PACKAGE = Path(__file__).parents[1]
REMEDIES = {
    errno.ENOSPC: "free space on that disk",
    errno.EDQUOT: "free space within your quota",
    errno.EACCES: "grant access to it, or choose another path",
    errno.EPERM: "grant access to it, or choose another path",
    errno.EROFS: "choose a path that can be written",
    errno.EIO: "the disk or the network fails: check the system log, or choose another path",
    errno.EMFILE: "raise `ulimit -n`",
    errno.ENFILE: "raise the system's limit on open files",
    errno.ENOTDIR: "a file is where a folder is needed: move it away, or choose another path",
    errno.EISDIR: "a folder is where a file is needed: move it away, or choose another path",
    errno.EEXIST: "move it away, or choose another path",
    errno.ENOTEMPTY: "move its contents away, or choose another path",
    errno.ENAMETOOLONG: "choose a shorter name",
    errno.ELOOP: "a link there leads to itself: remove it",
    errno.ENOENT: "check the name, and that its disk is mounted",
    errno.EBUSY: "another process uses it: stop that process, or choose another path",
    errno.EXDEV: "choose a path on the same disk",
    errno.EFBIG: "raise `ulimit -f`, or use a disk that supports larger files",
    errno.ENOMEM: "free memory, or raise this process's memory limit",
    errno.ESTALE: "mount the network disk again",
    errno.ENODEV: "check that its disk is mounted",
}


def explain_error(error: Exception) -> str:
    """Say in one line what an error means for the user.

    Args:
        error: The error, of any kind.

    Returns:
        The line.
    """
    cause = _cause(error)
    if isinstance(error, AslError):
        line = str(error)
    elif isinstance(cause, OSError):
        line = _system(cause)
    elif isinstance(cause, MemoryError):
        line = "out of memory: free some, or raise this process's memory limit"
    elif isinstance(cause, ImportError):
        line = f"{cause}: `make install` installs every package"
    elif isinstance(cause, RecursionError):
        line = f"input is nested too deeply; perhaps a file is damaged or hostile {_where(cause)}"
    elif isinstance(cause, UnicodeError):
        line = f"a text or name is not in UTF-8 ({cause}) {_where(cause)}"
    else:
        line = _unknown(cause)
    return _printable(line)


def _cause(error: BaseException) -> BaseException:
    """The system error that caused this one, if there is one."""
    seen: BaseException | None = error
    while seen is not None:
        if isinstance(seen, OSError | MemoryError):
            return seen
        seen = seen.__cause__ or seen.__context__
    return error


def _system(error: OSError) -> str:
    """A failed call: the file, what the system says, the remedy."""
    names = " -> ".join(
        os.fsdecode(name) for name in (error.filename, error.filename2) if isinstance(name, str | bytes)
    )
    said = os.strerror(error.errno) if error.errno else _first(error)
    if not names and error.errno:
        names = _first(error).partition("] ")[2]
        said = "" if said in names else said
    return ": ".join(filter(None, [names, said, REMEDIES.get(error.errno or 0, _where(error))]))


def _unknown(error: BaseException) -> str:
    """Name the package that failed; anything else is a bug of this program."""
    file = _innermost(error)
    kind = f"{type(error).__name__}: {_first(error)}"
    if file and "site-packages" in file.parts:
        package = file.parts[file.parts.index("site-packages") + 1].removesuffix(".py")
        return f"{package} failed with {kind}; --debug shows where"
    return f"internal error, please report it: {kind}; --debug shows where"


def _innermost(error: BaseException) -> Path | None:
    """The innermost file of this package or of another one; files of the standard library do not count."""
    files = [Path(frame.filename) for frame in traceback.extract_tb(error.__traceback__)]
    known = [file for file in files if file.is_relative_to(PACKAGE) or "site-packages" in file.parts]
    return known[-1] if known else None


def _where(error: BaseException) -> str:
    file = _innermost(error)
    return f"(in {file.stem}; --debug shows where)" if file else ""


def _first(error: BaseException) -> str:
    return next(iter(str(error).strip().splitlines()), type(error).__name__)


def _printable(line: str) -> str:
    """Escape line breaks and bytes that are not text: file names may hold both."""
    return "".join(
        character if character.isprintable() else ascii(character)[1:-1] for character in " ".join(line.splitlines())
    )
