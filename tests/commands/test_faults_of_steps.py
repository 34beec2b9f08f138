"""The same for the steps that take seconds: a few of their calls, evenly spread, fail in turn."""

import shutil
import subprocess
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from asl_pkg.validate import validate
from tests.support.exported import Exported, settings
from tests.support.faults import FAULTS, asl, chosen, require_harmless
from tests.support.making import encoded, noise

Prepare = Callable[[Path, Exported, Path], None]


def prepare_model(work: Path, exported: Exported, dataset_dir: Path) -> None:
    """What a training leaves, and the bundle of it."""
    shutil.copytree(exported.checkpoint.parents[1], work / "models")
    shutil.copytree(exported.bundle, work / "models/bundle")
    shutil.copytree(exported.dataset, work / "data/dataset")
    (work / "0.jpg").write_bytes(encoded(noise(0)))


def prepare_report(work: Path, exported: Exported, dataset_dir: Path) -> None:
    """The same with the report that lets it serve."""
    prepare_model(work, exported, dataset_dir)
    chosen_settings = replace(settings(), store=str(work / "models/store"))
    validate(chosen_settings, work / "models/bundle", exported.dataset, exported.checkpoint, work / "report")


def prepare_data_set(work: Path, exported: Exported, dataset_dir: Path) -> None:
    """A data set to learn from."""
    shutil.copytree(dataset_dir, work / "data/dataset")


def prepare_dvc(work: Path, exported: Exported, dataset_dir: Path) -> None:
    """A data set in a repository with a remote."""
    from dvc.repo import Repo

    prepare_data_set(work, exported, dataset_dir)
    subprocess.run(["git", "init", "-q"], cwd=work, check=True)
    Repo.init(str(work)).close()
    (work / ".dvc/config").write_text(f"[core]\n    remote = team\n['remote \"team\"']\n    url = {work}-remote\n")


VERBS: dict[str, tuple[Prepare, tuple[str, ...], int]] = {
    "export": (prepare_model, ("export",), 4),
    "monitor": (prepare_model, ("monitor", "0.jpg", "monitor.distance_max=1", "monitor.letters_max=1"), 4),
    "validate": (prepare_model, ("validate", "validate.resamples=100", "validate.noise_max=1", "data.cache_dir="), 2),
    "deploy": (prepare_report, ("deploy",), 3),
    "train": (
        prepare_data_set,
        ("train", "model=baseline", "model.width=4", "trainer.max_epochs=1", "data.cache_dir="),
        2,
    ),
    "data track": (prepare_dvc, ("data", "track"), 3),
}
SLOW = {"validate", "deploy", "train"}


@pytest.mark.parametrize(
    "verb", [pytest.param(verb, marks=[pytest.mark.slow] if verb in SLOW else []) for verb in VERBS]
)
def test_a_step_whose_call_fails_says_so_in_a_line_and_loses_nothing(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
    exported: Exported,
    dataset_dir: Path,
    verb: str,
) -> None:
    prepare, arguments, count = VERBS[verb]
    work = tmp_path / "work"
    work.mkdir()
    monkeypatch.chdir(work)
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    prepare(work, exported, dataset_dir)
    with FAULTS.active(work, 0):
        assert asl(*arguments) == 0, capfd.readouterr().err
        total = FAULTS.seen
    for number in chosen(total, count):
        require_harmless(work, arguments, number, total, capfd)
    assert asl(*arguments) == 0, capfd.readouterr().err
