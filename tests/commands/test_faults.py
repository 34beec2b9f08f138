"""Each call to the system fails in turn: one line, exit code 1, nothing lost and nothing left.

An audit hook sees every such call that Python makes and can let it fail; a limit on the size of files reaches the
writes of native libraries too. Of the calls of each verb some are chosen, evenly.
"""

import contextlib
import errno
import json
import os
import resource
import shutil
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from asl_pkg import commands, contract
from asl_pkg.bundle.bundle import open_bundle
from asl_pkg.bundle.store import FolderStore
from tests.storage.test_outputs import FACTS, REPORT, snapshot
from tests.support.making import encoded, noise, public_folder
from tests.support.tiny import make_bundle

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


def prepare_pull(work: Path) -> None:
    public_folder(work / "images", 4)


def prepare_bundle(work: Path) -> None:
    make_bundle(work / "models/bundle")
    (work / "0.jpg").write_bytes(encoded(noise(0)))


PULL = ("pull", "data=folder", "data.path=images", "data.block_frames=1", "data.guard_frames=0")
VERBS: dict[str, tuple[Callable[[Path], None], tuple[str, ...], int]] = {
    "pull": (prepare_pull, PULL, 6),
    "verify": (prepare_bundle, ("verify", "models/bundle"), 8),
    "infer": (prepare_bundle, ("infer", "0.jpg", "bundle=models/bundle"), 5),
    "key": (lambda work: None, ("key", "keys"), 8),
    "pipeline compile": (lambda work: None, ("pipeline", "compile", "asl.yaml"), 3),
}


def chosen(total: int, count: int) -> list[int]:
    """Numbers of calls, evenly."""
    return sorted({1 + number * total // count for number in range(count)})


@pytest.mark.parametrize("verb", VERBS)
def test_a_verb_whose_call_fails_says_so_in_a_line_and_loses_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], verb: str
) -> None:
    prepare, arguments, count = VERBS[verb]
    monkeypatch.chdir(tmp_path)
    prepare(tmp_path)
    with FAULTS.active(tmp_path, 0):
        assert asl(*arguments) == 0
        total = FAULTS.seen
    if verb == "key":  # a key is never replaced, so that each try begins without
        shutil.rmtree("keys")
    for number in chosen(total, count):
        before = snapshot(tmp_path)
        capfd.readouterr()
        with FAULTS.active(tmp_path, number):
            code = asl(*arguments)
        said = capfd.readouterr().err
        what = f"call {number} of {total}, {FAULTS.failed}: {said}"
        assert code in (0, 1), what
        assert "Traceback" not in said, what
        assert not code or said.count("asl: ") == 1, what
        assert "internal error" not in said, what
        if code:
            after = snapshot(tmp_path)
            assert before.items() <= after.items(), what
            left = {path for path in after.keys() - before.keys() if Path(path).is_file() and ".arriving" not in path}
            assert not left or FAULTS.failed == "tidying up", f"{what} left {left}"
        if verb == "key":
            shutil.rmtree("keys", ignore_errors=True)


@pytest.mark.parametrize("verb", ["pull", "key", "pipeline compile"])
@pytest.mark.parametrize("limit", [0, 100])
def test_a_disk_that_takes_no_more_bytes_loses_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], verb: str, limit: int
) -> None:
    prepare, arguments, _ = VERBS[verb]
    monkeypatch.chdir(tmp_path)
    prepare(tmp_path)
    if verb != "key":
        assert asl(*arguments) == 0
    before = snapshot(tmp_path)
    capsys.readouterr()
    ignored = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, hard))
    try:
        code = asl(*arguments)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        signal.signal(signal.SIGXFSZ, ignored)
    said = capsys.readouterr().err
    after = snapshot(tmp_path)
    assert code == 1
    assert said.count("asl: ") == 1, said
    assert {path: one for path, one in after.items() if ".arriving" not in path and Path(path).name != "keys"} == before


def test_a_store_whose_disk_fails_keeps_what_it_has(tmp_path: Path) -> None:
    bundle = make_bundle(tmp_path / "bundle")
    for name, facts in FACTS[REPORT].items():
        (tmp_path / "report" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "report" / name).write_text(json.dumps(facts))
    root = tmp_path / "store"
    with FAULTS.active(root, 0):
        FolderStore(root).put(bundle.release, bundle.folder, tmp_path / "report")
        total = FAULTS.seen
    whole = sorted(path.relative_to(root) for path in root.rglob("*"))
    for number in chosen(total, 20):
        shutil.rmtree(root)
        with FAULTS.active(root, number), contextlib.suppress(OSError, shutil.Error):
            FolderStore(root).put(bundle.release, bundle.folder, tmp_path / "report")
        if FolderStore(root).releases():  # whole, then
            assert open_bundle(root / contract.KUBERNETES_NAME / bundle.release).digest == bundle.digest
        FolderStore(root).put(bundle.release, bundle.folder, tmp_path / "report")
        assert set(whole) <= {path.relative_to(root) for path in root.rglob("*")}
