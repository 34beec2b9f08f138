"""System calls that fail on demand: an audit hook sees every call that Python makes."""

import errno
import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from asl_pkg import commands
from tests.storage.test_outputs import snapshot

KEPT = (".arriving", "mlruns", ".cache", ".lock")  # what a verb keeps for the next try

ERRORS = (errno.ENOSPC, errno.EIO, errno.EACCES)
CALLS = {
    "open", "os.rename", "os.mkdir", "os.scandir", "os.listdir", "os.remove", "os.rmdir", "os.chmod", "os.link",
    "os.symlink", "os.utime", "os.truncate",
}  # fmt: skip
TIDYING = {"os.remove", "os.rmdir", "os.scandir", "os.listdir"}  # where these fail, something may be left


class Faults:
    """Lets one call fail.

    Args:
        root: calls that name something below it count.
    """

    def __init__(self) -> None:
        self.root, self.seen, self.at, self.failed = "", 0, 0, ""

    def __call__(self, event: str, arguments: tuple[Any, ...]) -> None:
        """Be asked about a call."""
        if not self.root or event not in CALLS or not isinstance(arguments[0], str | bytes | Path):
            return
        path = os.fsdecode(arguments[0])
        if not os.path.abspath(path).startswith(self.root):  # noqa: PTH100
            return
        self.seen += 1
        if self.seen == self.at:
            tidies = event in TIDYING or (event == "open" and Path(path).is_dir())
            self.failed = "tidying up" if tidies else event
            code = ERRORS[self.at % len(ERRORS)]
            raise OSError(code, os.strerror(code), path)

    @contextmanager
    def active(self, root: Path, at: int) -> Iterator[None]:
        """Let the call of this number fail; 0 for none."""
        self.root, self.seen, self.at, self.failed = str(root), 0, at, ""
        try:
            yield
        finally:
            self.root = ""


FAULTS = Faults()
sys.addaudithook(FAULTS)  # for good: it does nothing while it is not active


def asl(*arguments: str) -> int:
    """The command line in this process."""
    terminated = signal.getsignal(signal.SIGTERM)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", ["asl", *arguments])
        patch.setattr("warnings.showwarning", lambda *_: None)
        with pytest.raises(SystemExit) as stop:
            commands.main()
    signal.signal(signal.SIGTERM, terminated)
    return int(stop.value.code or 0)


def chosen(total: int, count: int) -> list[int]:
    """Numbers of calls, evenly."""
    return sorted({1 + number * total // count for number in range(count)})


def require_harmless(
    work: Path, arguments: tuple[str, ...], number: int, total: int, capfd: pytest.CaptureFixture[str]
) -> None:
    """Run a verb whose call of this number fails: one line, exit code 1, nothing lost and nothing left.

    Args:
        work: the working folder.
        arguments: of the command line.
        number: of the call that fails.
        total: how many there are.
        capfd: sees what is said.
    """
    before = snapshot(work)
    capfd.readouterr()
    with FAULTS.active(work, number):
        code = asl(*arguments)
    said = capfd.readouterr().err
    what = f"call {number} of {total}, {FAULTS.failed}: {said}"
    assert code in (0, 1), what
    assert "Traceback" not in said, what
    assert not code or said.count("asl: ") - said.count("asl: warning: ") == 1, what
    assert "internal error" not in said, what
    if code:
        after = snapshot(work)
        lost = {path for path in before if after.get(path) != before[path] and not any(kept in path for kept in KEPT)}
        assert not lost, f"{what} lost {lost}"
        new = {path for path in after.keys() - before.keys() if Path(path).is_file()}
        left = {path for path in new if not any(kept in path for kept in KEPT)}
        assert not left or FAULTS.failed == "tidying up", f"{what} left {left}"
