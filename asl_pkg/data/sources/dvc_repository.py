"""A DVC repository through DVC's Python API; any of its errors becomes one line."""

import logging
import re
import shlex
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from asl_pkg.errors import DataError

if TYPE_CHECKING:
    from dvc.repo import Repo

OWNER = re.compile(r"not owned by current user|dubious ownership|safe\.directory")  # of libgit2 and of git
PATH_OF_OWNER = re.compile(r"(?:path|repository at) '([^']+?)/?(?:\.git/?)?'")


def silence() -> None:
    """Keep DVC from logging errors that are raised too, and advice that names its own commands."""
    import dvc  # noqa: F401, sets up its loggers

    for name in ("dvc", "dvc_data", "dvc_objects"):
        logging.getLogger(name).setLevel(logging.CRITICAL)


@contextmanager
def opened(repository: str, revision: str = "") -> Iterator["Repo"]:
    """Open a DVC repository; the clone of a Git URL is removed when it is closed.

    Args:
        repository: A folder in it, or a Git URL.
        revision: Branch, tag or commit; empty for the working tree, or the default branch of a URL.

    Yields:
        The repository.

    Raises:
        DataError: There is none, or no such revision.
    """
    silence()
    from dvc.exceptions import NotDvcRepoError
    from dvc.repo import Repo
    from dvc.repo.open_repo import clean_repos
    from dvc.scm import CloneError, RevError

    try:
        try:
            repo = Repo.open(repository, rev=revision or None)
        except RevError as error:
            raise DataError(f"{repository}: unknown revision {revision!r}, expected a branch, tag or commit") from error
        except (NotDvcRepoError, CloneError) as error:
            raise DataError(
                f"{repository} is not a DVC repository ({root_cause(error)}): expected a folder where "
                "`git init && dvc init` was run, or a Git URL"
            ) from error
        except Exception as error:  # Git's libraries have no common base class of errors
            raise DataError(f"{repository}: {_explain(error, repository)}") from error
        with repo, failures_reported(repository):
            yield repo
    finally:
        clean_repos()


@contextmanager
def failures_reported(what: str) -> Iterator[None]:
    """Report any failure of DVC or of a remote in one line.

    Args:
        what: Name of what failed.

    Raises:
        DataError: Says so.
    """
    try:
        yield
    except DataError:
        raise
    except Exception as error:  # the kinds of remotes have no common base class of errors
        raise DataError(f"{what}: {_explain(error, what)}") from error


def _explain(error: BaseException, repository: str) -> str:
    """Say why Git or DVC failed, with the command that fixes what is not the repository's fault."""
    text = root_cause(error)
    if OWNER.search(text):
        named = PATH_OF_OWNER.search(text)
        folder = named[1] if named else str(Path(repository).absolute())
        command = f"git config --global --add safe.directory {shlex.quote(folder)}"
        return f"another user owns this repository, so Git refuses it; run `{command}` to trust it"
    if shutil.which("git") is None:
        return f"{text}; git is not installed: run `apt install git` or similar"
    return text


def root_cause(error: BaseException) -> str:
    """Say in one line why DVC failed.

    Args:
        error: The error as raised.

    Returns:
        Text of its first cause, or the class where that has no text.
    """
    while error.__cause__:
        error = error.__cause__
    return " ".join(str(error).split()) or type(error).__name__
