"""A killed training resumes and ends with the same weights, history and images seen."""

import csv
import os
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

from asl_pkg import contract
from asl_pkg.config.schema import TrainSettings
from asl_pkg.errors import DataError
from asl_pkg.models.checkpoint import read
from asl_pkg.models.classifier import Classifier
from asl_pkg.models.resume import CheckpointStore, ResumeCallback, open_checkpoint_store
from asl_pkg.storage.s3 import s3_client
from asl_pkg.train import train
from tests.conftest import PROJECT
from tests.support.s3_server import s3_server
from tests.support.training_fixtures import small_settings

EPOCHS = 4
PATIENCE_S = 240


def resumable(states: Path, **trainer: float) -> TrainSettings:
    settings = small_settings(epochs=EPOCHS)
    settings.checkpoint_uri = str(states)
    for name, value in trainer.items():
        setattr(settings.trainer, name, value)
    return settings


def kill_in_epoch_2(dataset_dir: Path, states: Path) -> None:
    """Start a training in a process of its own, and kill it as soon as it has kept its first epoch."""
    program = (
        "from pathlib import Path\n"
        "from asl_pkg.train import train\n"
        "from tests.models.test_resume import resumable\n"
        f"train(resumable(Path({str(states)!r})), Path({str(dataset_dir)!r}), Path('killed'))\n"
    )
    environment = {**os.environ, "PYTHONPATH": str(PROJECT)}
    with subprocess.Popen([sys.executable, "-c", program], env=environment) as process:
        deadline = time.monotonic() + PATIENCE_S
        while not list(states.glob("*.ckpt")) and time.monotonic() < deadline:
            assert process.poll() is None
            time.sleep(0.001)
        process.send_signal(signal.SIGKILL)


def stop_in_epoch_2(settings: TrainSettings, dataset_dir: Path, folder: Path) -> Path:
    """Stop a training in this process when it has kept its first epoch; the state that it leaves."""

    def stopped(callback: ResumeCallback, *_: object) -> None:
        if callback.history.rows:
            raise KeyboardInterrupt

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ResumeCallback, "on_train_epoch_start", stopped)
        with pytest.raises(KeyboardInterrupt):
            train(settings, dataset_dir, folder)
    (state,) = Path(settings.checkpoint_uri).glob("*.ckpt")
    return state


def history(folder: Path) -> list[dict[str, str]]:
    """Every row but for the seconds that it took."""
    with (folder / contract.HISTORY_FILE).open() as file:
        return [{name: value for name, value in row.items() if name != "seconds"} for row in csv.DictReader(file)]


def assert_same_results(one: Path, other: Path) -> None:
    for name in (contract.BEST_CHECKPOINT, contract.LAST_CHECKPOINT):
        first, second = read(one / name), read(other / name)
        assert first["epoch"] == second["epoch"]
        assert first["hyper_parameters"]["temperature"] == second["hyper_parameters"]["temperature"]
        for key, value in first["state_dict"].items():
            assert torch.equal(value, second["state_dict"][key]), key
    assert history(one) == history(other)
    assert (one / contract.SEEN_FILE).read_bytes() == (other / contract.SEEN_FILE).read_bytes()


def test_a_training_killed_in_epoch_2_of_4_resumes_to_the_same_bits(
    dataset_dir: Path, in_tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    states = in_tmp_path / "states"
    train(small_settings(epochs=EPOCHS), dataset_dir, in_tmp_path / "whole")
    kill_in_epoch_2(dataset_dir, states)
    (state,) = states.glob("*.ckpt")
    capfd.readouterr()
    train(resumable(states), dataset_dir, in_tmp_path / "resumed")
    told = capfd.readouterr().err
    assert f"resuming after epoch 1 from {state}" in told
    assert [line[:9] for line in told.splitlines() if line.startswith("epoch")] == [
        f"epoch {epoch:3}" for epoch in (2, 3, 4)
    ]
    assert_same_results(in_tmp_path / "whole", in_tmp_path / "resumed")
    left = [{path.name for path in (in_tmp_path / name).rglob("*")} for name in ("whole", "resumed")]
    assert left[0] == left[1]
    assert not list(states.iterdir())


@pytest.fixture
def stops_after_epoch_2(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the validation loss rise from the first epoch on: that one is the best, the second is the last."""
    log = Classifier._log

    def rising(self: Classifier, values: dict[str, Any], images: int) -> None:
        risen = {name: torch.tensor(float(self.current_epoch)) for name in values if name == "validation_loss"}
        log(self, values | risen, images)

    monkeypatch.setattr(Classifier, "_log", rising)


@pytest.mark.usefixtures("stops_after_epoch_2")
def test_the_best_epoch_may_lie_before_the_kill_and_an_early_stop_after_it(
    dataset_dir: Path, in_tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = resumable(in_tmp_path / "states", patience_epochs=1)
    with monkeypatch.context() as patch:
        # As if it was killed between its last epoch and its end.
        patch.setattr(CheckpointStore, "remove", lambda self: None)
        train(settings, dataset_dir, in_tmp_path / "whole")
    train(settings, dataset_dir, in_tmp_path / "ended")
    stop_in_epoch_2(settings, dataset_dir, in_tmp_path / "stopped")
    train(settings, dataset_dir, in_tmp_path / "resumed")
    assert len(history(in_tmp_path / "whole")) == 2
    assert read(in_tmp_path / "whole" / contract.BEST_CHECKPOINT)["epoch"] == 0
    for name in ("ended", "resumed"):
        assert_same_results(in_tmp_path / "whole", in_tmp_path / name)


def test_a_state_of_other_settings_is_left_alone_and_a_damaged_one_is_said(
    dataset_dir: Path, in_tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    states = in_tmp_path / "states"
    state = stop_in_epoch_2(resumable(states), dataset_dir, in_tmp_path / "stopped")
    capfd.readouterr()
    train(resumable(states, max_epochs=1), dataset_dir, in_tmp_path / "other")
    assert "resuming" not in capfd.readouterr().err
    assert list(states.iterdir()) == [state]
    state.write_bytes(b"damaged")
    with pytest.raises(DataError, match=f"{state} is not a training state: remove it"):
        train(resumable(states), dataset_dir, in_tmp_path / "models")


@pytest.fixture(scope="module")
def server() -> Iterator[dict[str, str]]:
    with s3_server() as found:
        yield found


@pytest.fixture(params=["folder", "s3"])
def somewhere(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> CheckpointStore:
    if request.param == "folder":
        return open_checkpoint_store(str(tmp_path / "states"), "key")
    for name, value in request.getfixturevalue("server").items():
        monkeypatch.setenv(name, value)
    bucket = f"states-{uuid.uuid4().hex[:8]}"
    s3_client().create_bucket(Bucket=bucket)
    return open_checkpoint_store(f"s3://{bucket}/some/prefix/", "key")


def test_the_last_state_that_was_put_is_fetched_until_it_is_removed(somewhere: CheckpointStore, tmp_path: Path) -> None:
    source, target = tmp_path / "source", tmp_path / "target"
    assert not somewhere.fetch(target)
    for content in (b"one", b"another"):
        source.write_bytes(content)
        somewhere.put(source)
    assert somewhere.fetch(target)
    assert target.read_bytes() == b"another"
    somewhere.remove()
    somewhere.remove()
    assert not somewhere.fetch(target)


def test_a_bucket_that_is_not_there_is_said_before_training(
    dataset_dir: Path, in_tmp_path: Path, server: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in server.items():
        monkeypatch.setenv(name, value)
    settings = small_settings()
    settings.checkpoint_uri = "s3://nowhere-at-all/x"
    with pytest.raises(DataError, match="no such bucket"):
        train(settings, dataset_dir, in_tmp_path / "models")
