"""Each system call fails in turn: one line, exit code 1, nothing lost and nothing left behind.

An audit hook sees every such call that Python makes and can let it fail; a limit on the size of files reaches the
writes of native libraries too. Some calls of each verb are chosen, evenly spread.
"""

import contextlib
import json
import resource
import shutil
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from asl_pkg import contract
from asl_pkg.bundle.bundle import open_bundle
from asl_pkg.bundle.store import open_store
from tests.storage.test_outputs import FACTS, REPORT, snapshot
from tests.support.faults import FAULTS, asl, chosen, require_harmless
from tests.support.making import encoded, noise, public_folder
from tests.support.tiny import make_bundle


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


@pytest.mark.parametrize(
    "verb", [pytest.param(verb, marks=[pytest.mark.slow] if verb == "pipeline compile" else []) for verb in VERBS]
)
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
        require_harmless(tmp_path, arguments, number, total, capfd)
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
    assert {
        path: digest for path, digest in after.items() if ".arriving" not in path and Path(path).name != "keys"
    } == before


def test_a_store_whose_disk_fails_keeps_what_it_has(tmp_path: Path) -> None:
    bundle = make_bundle(tmp_path / "bundle")
    for name, facts in FACTS[REPORT].items():
        (tmp_path / "report" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "report" / name).write_text(json.dumps(facts))
    root = tmp_path / "store"
    with FAULTS.active(root, 0):
        open_store(str(root)).put(bundle.release, bundle.folder, tmp_path / "report")
        total = FAULTS.seen
    whole = sorted(path.relative_to(root) for path in root.rglob("*"))
    for number in chosen(total, 20):
        shutil.rmtree(root)
        with FAULTS.active(root, number), contextlib.suppress(OSError, shutil.Error):
            open_store(str(root)).put(bundle.release, bundle.folder, tmp_path / "report")
        if open_store(str(root)).releases():  # whole, then
            assert open_bundle(root / contract.KUBERNETES_NAME / bundle.release).digest == bundle.digest
        open_store(str(root)).put(bundle.release, bundle.folder, tmp_path / "report")
        assert set(whole) <= {path.relative_to(root) for path in root.rglob("*")}
