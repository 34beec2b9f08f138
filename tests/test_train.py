"""A training writes what the contract lists, records the images it read, and loses nothing when it is stopped."""

import contextlib
import csv
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
import torch
from PIL import Image

from asl_pkg import contract
from asl_pkg import train as step
from asl_pkg.data.cache import decoded
from asl_pkg.data.dataset import read_info, read_split
from asl_pkg.errors import AslError, DataError, SettingError
from asl_pkg.models import load_checkpoint
from asl_pkg.models.evaluation import predict_logits
from asl_pkg.monitoring.drift import CONFIDENCE, LETTER
from asl_pkg.monitoring.features import MEASURES, describe_image
from asl_pkg.storage import outputs
from asl_pkg.train import train
from tests.commands.test_faults import FAULTS
from tests.support.training_fixtures import Training, small_settings


@pytest.mark.parametrize(
    "name",
    [
        contract.BEST_CHECKPOINT,
        contract.LAST_CHECKPOINT,
        contract.HISTORY_FILE,
        contract.METRICS_FILE,
        contract.SEEN_FILE,
        contract.STATISTICS_FILE,
        contract.SBOM_FILE,
    ],
)
def test_everything_that_the_contract_lists_is_there(training: Training, name: str) -> None:
    assert (training.folder / name).is_file()


@pytest.mark.parametrize("name", contract.PLOTS)
def test_the_plots_are_images_with_something_on_them(training: Training, name: str) -> None:
    with Image.open(training.work / "plots" / name) as plot:
        assert min(plot.size) > 400
        assert len(plot.convert("RGB").getcolors(1 << 24)) > 50


def test_nothing_else_is_left(training: Training) -> None:
    assert {path.name for path in training.work.iterdir()} == {"models", "plots", "mlruns"}
    assert [path.name for path in training.folder.iterdir() if path.name.startswith(".")] == [outputs.MARKER]


def test_metrics_json_holds_what_was_returned_and_measures_the_best_checkpoint(
    training: Training, dataset_dir: Path
) -> None:
    assert json.loads((training.folder / contract.METRICS_FILE).read_text()) == training.metrics
    pixels, labels = decoded(dataset_dir, "validation", "")
    logits = predict_logits(load_checkpoint(training.folder / contract.BEST_CHECKPOINT), pixels)
    accuracy = (logits.argmax(dim=1).numpy() == labels).mean()
    assert training.metrics["best_validation_accuracy"] == pytest.approx(accuracy)


def test_history_has_a_row_an_epoch(training: Training) -> None:
    with (training.folder / contract.HISTORY_FILE).open() as file:
        rows = list(csv.DictReader(file))
    assert [row["epoch"] for row in rows] == ["1", "2"]
    assert float(rows[1]["train_loss"]) < float(rows[0]["train_loss"])
    assert min(float(row["validation_loss"]) for row in rows) >= training.metrics["best_validation_loss"] - 1e-3


def test_seen_holds_exactly_the_training_images(training: Training, dataset_dir: Path) -> None:
    seen = pq.read_table(training.folder / contract.SEEN_FILE)
    columns = ["sha256", "dhash", "group", "split"]
    assert seen.equals(read_split(dataset_dir, "train", columns))
    for split in ("validation", "test"):
        others = set(read_split(dataset_dir, split, ["sha256"])["sha256"].to_pylist())
        assert not others & set(seen["sha256"].to_pylist())


def test_statistics_describe_the_validation_split(training: Training, dataset_dir: Path) -> None:
    statistics = json.loads((training.folder / contract.STATISTICS_FILE).read_text())
    pixels, labels = decoded(dataset_dir, "validation", "")
    assert statistics["images"] == len(labels)
    assert statistics["pixel_mean"] == pytest.approx((pixels / 255).mean(axis=(0, 1, 2)).tolist())
    assert statistics["pixel_std"] == pytest.approx((pixels / 255).std(axis=(0, 1, 2)).tolist())
    assert statistics["class_prior"] == pytest.approx(dict.fromkeys(contract.CLASSES, 1 / 29))
    assert sum(statistics["predicted_prior"].values()) == pytest.approx(1)
    assert 1 / 29 < statistics["confidence_mean"] <= 1
    sample = statistics["sample"]
    assert sample.keys() == {*MEASURES, CONFIDENCE, LETTER}
    assert all(len(column) == len(labels) for column in sample.values())  # so few that all of them are described
    first = [sample[name][0] for name in MEASURES]
    assert first == list(describe_image(np.asarray(pixels[0])).values())


def test_the_same_seed_gives_the_same_weights_and_another_seed_others(
    training: Training, dataset_dir: Path, in_tmp_path: Path
) -> None:
    first = load_checkpoint(training.folder / contract.LAST_CHECKPOINT).state_dict()
    for seed, same in ((3, True), (4, False)):
        train(small_settings(seed), dataset_dir, in_tmp_path / str(seed))
        again = load_checkpoint(in_tmp_path / str(seed) / contract.LAST_CHECKPOINT).state_dict()
        assert all(torch.equal(value, first[name]) for name, value in again.items()) == same


def test_mlflow_has_parameters_metrics_of_each_epoch_and_plots(training: Training, dataset_dir: Path) -> None:
    from mlflow import MlflowClient

    client = MlflowClient(f"sqlite:///{training.work}/mlruns/mlflow.db")
    experiment = client.get_experiment_by_name(contract.MLFLOW_EXPERIMENT)
    (run,) = client.search_runs([experiment.experiment_id])
    assert run.info.status == "FINISHED"
    assert run.info.run_id == load_checkpoint(training.folder / contract.BEST_CHECKPOINT).hparams["run_id"]
    assert run.data.params["trainer.max_epochs"] == "2"
    assert run.data.params["dataset_digest"] == read_info(dataset_dir).digest
    assert run.data.params["commit"] == "c0ffee"
    with (training.folder / contract.HISTORY_FILE).open() as file:
        losses = [float(row["validation_loss"]) for row in csv.DictReader(file)]
    logged = client.get_metric_history(run.info.run_id, "validation_loss")
    assert [metric.value for metric in sorted(logged, key=lambda metric: metric.step)] == pytest.approx(losses)
    assert run.data.metrics["temperature"] == pytest.approx(training.metrics["temperature"])
    plots = {Path(file.path).name for file in client.list_artifacts(run.info.run_id, contract.PLOTS_FOLDER)}
    assert plots == set(contract.PLOTS)


def test_without_a_data_set_nothing_is_made(in_tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no data set in .*asl pull"):
        train(small_settings(), in_tmp_path / "none", in_tmp_path / "models")
    assert not list(in_tmp_path.iterdir())


@pytest.mark.skipif(torch.cuda.is_available(), reason="a GPU is there")
def test_a_gpu_that_is_not_there_is_said(dataset_dir: Path, in_tmp_path: Path) -> None:
    settings = small_settings()
    settings.trainer.accelerator = "gpu"
    with pytest.raises(SettingError, match="trainer.accelerator=gpu"):
        train(settings, dataset_dir, in_tmp_path / "models")


def test_a_server_that_does_not_answer_is_said_before_training(
    dataset_dir: Path, in_tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:9")  # nothing listens on the discard port
    start = time.monotonic()
    with pytest.raises(AslError, match="MLFLOW_TRACKING_URI=http://127.0.0.1:9"):
        train(small_settings(), dataset_dir, in_tmp_path / "models")
    assert time.monotonic() - start < 10
    assert not list((in_tmp_path / "models").iterdir())


def test_ctrl_c_leaves_what_was_there_and_closes_the_run(dataset_dir: Path, in_tmp_path: Path) -> None:
    models = in_tmp_path / "models"
    (models / "checkpoints").mkdir(parents=True)
    (models / contract.BEST_CHECKPOINT).write_text("an earlier training's")
    outputs.mark(models / "checkpoints", outputs.CHECKPOINTS)
    program = (
        "from pathlib import Path\n"
        "from asl_pkg.train import train\n"
        "from tests.support.training_fixtures import small_settings\n"
        f"train(small_settings(epochs=1000), Path({str(dataset_dir)!r}), Path('models'), Path('plots'))\n"
    )
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])}
    with subprocess.Popen(
        [sys.executable, "-c", program], stderr=subprocess.PIPE, text=True, env=environment
    ) as process:
        assert process.stderr
        told = ""
        while "epoch   1" not in told:
            told += process.stderr.readline()
            assert process.poll() is None, told
        process.send_signal(signal.SIGINT)
        _, rest = process.communicate(timeout=60)
    assert "KeyboardInterrupt" in rest
    assert [path.name for path in models.iterdir()] == ["checkpoints"]
    assert (models / contract.BEST_CHECKPOINT).read_text() == "an earlier training's"
    assert not (in_tmp_path / "plots").exists()
    assert _run_status(in_tmp_path) == "KILLED"


def _run_status(folder: Path) -> str:
    from mlflow import MlflowClient

    client = MlflowClient(f"sqlite:///{folder}/mlruns/mlflow.db")
    experiment = client.get_experiment_by_name(contract.MLFLOW_EXPERIMENT)
    (run,) = client.search_runs([experiment.experiment_id])
    return str(run.info.status)


def test_predict_gives_every_image_its_row_whatever_the_batches(training: Training) -> None:
    classifier = load_checkpoint(training.folder / contract.BEST_CHECKPOINT)
    pixels = np.random.default_rng(0).integers(0, 256, (70, contract.IMAGE_PX, contract.IMAGE_PX, 3), np.uint8)
    torch.testing.assert_close(
        predict_logits(classifier, pixels)[66:], predict_logits(classifier, pixels[66:]), atol=1e-4, rtol=1e-4
    )


def test_a_training_comes_to_its_places_whole_or_not_at_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "disk").mkdir()
    (tmp_path / "models").mkdir()
    (tmp_path / "models/notes.txt").write_text("mine")
    (tmp_path / "disk/big").mkdir()
    (tmp_path / "models/checkpoints").symlink_to(tmp_path / "disk/big")

    def publish(text: str) -> None:
        with step._published(Path("models"), Path("plots")) as folder:
            for name in (contract.BEST_CHECKPOINT, contract.METRICS_FILE, f"plots/{contract.PLOTS[0]}"):
                (folder / name).parent.mkdir(exist_ok=True)
                (folder / name).write_text(text)

    def texts() -> set[str]:
        paths = ("disk/big/best.ckpt", "models/metrics.json", f"plots/{contract.PLOTS[0]}")
        return {(tmp_path / path).read_text() for path in paths}

    with FAULTS.active(tmp_path, 0):
        publish("0")
        total = FAULTS.seen
    publish("1")
    for number in range(2, total, 4):
        with FAULTS.active(tmp_path, number), contextlib.suppress(OSError, SettingError):
            publish(str(number))
        assert len(texts()) == 1, f"call {number} of {total}, {FAULTS.failed}"
        if FAULTS.failed == "os.rename":
            assert not [path for path in tmp_path.rglob(".*") if path.name != outputs.MARKER]
    publish("last")
    assert texts() == {"last"}
    assert (tmp_path / "models/checkpoints").is_symlink()
    assert (tmp_path / "models/notes.txt").read_text() == "mine"
