"""The verb train: data set -> checkpoints, history, metrics, plots and a record of the images trained on."""

import contextlib
import csv
import dataclasses
import hashlib
import json
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet
import torch

from asl_pkg import contract, distributed
from asl_pkg.class_sets import KNOWN_CLASSES_KEY
from asl_pkg.config.load import flat
from asl_pkg.config.schema import TrainSettings
from asl_pkg.data.datamodule import ImageData
from asl_pkg.data.dataset import DatasetInfo, read_info, read_split
from asl_pkg.lineage import git_commit
from asl_pkg.lineage.code_version import version_of
from asl_pkg.lineage.sbom import sbom
from asl_pkg.lineage.tracking import Run, tracked
from asl_pkg.models import load_checkpoint, plots
from asl_pkg.models.calibration import fit_temperature
from asl_pkg.models.checkpoint import set_temperature
from asl_pkg.models.classifier import Classifier
from asl_pkg.models.evaluation import calibration_logits, confusion, measure_validation, statistics, validation_logits
from asl_pkg.models.factory import contract_version
from asl_pkg.models.hand.network import HandNetwork
from asl_pkg.models.hand.weights import PRETRAINED
from asl_pkg.models.history import EpochRow, History
from asl_pkg.models.resnet import TransferResNet
from asl_pkg.models.resume import CheckpointStore, open_checkpoint_store
from asl_pkg.models.training import device, fit
from asl_pkg.storage import outputs
from asl_pkg.storage.atomic import in_place_of, write_json, write_text

SEEN_COLUMNS = ("sha256", "dhash", "group", "split")
TRACED = ("dataset_digest", "commit")
KEY_DIGITS = 16  # of a training: its state's name


def train(
    settings: TrainSettings, dataset_dir: Path, training_dir: Path, plots_dir: Path | None = None
) -> dict[str, float]:
    """Train a network, or resume a stopped training whose state is in settings.checkpoint_uri.

    Args:
        settings: The network and how to train it.
        dataset_dir: Folder that `asl pull` wrote.
        training_dir: Gets what contract.py lists under training/. What an earlier training wrote stays until this one
            is complete; other files stay for good.
        plots_dir: Gets the plots; by default a folder in training_dir.

    Returns:
        Contents of metrics.json; empty in all workers but the first.

    Raises:
        DataError: There is no data set, or the weights or the state to start from cannot be read.
        AslError: The MLflow server does not answer, or a worker failed.
        SettingError: Something that no training wrote is in the way.
    """
    outputs.claim_training(training_dir, plots_dir)
    hyper_parameters = _hyper_parameters(settings, read_info(dataset_dir))
    if settings.trainer.trainjob and not distributed.is_distributed():
        from asl_pkg.k8s import trainjob  # with the client of Kubernetes

        with _published(training_dir, plots_dir) as folder:
            trainjob.run_train_job(settings, _key(settings, hyper_parameters), dataset_dir, folder)
        return _metrics(training_dir)
    if settings.trainer.workers > 1 and not distributed.is_distributed():
        distributed.launch(settings.trainer.workers, train, settings, dataset_dir, training_dir, plots_dir)
        return _metrics(training_dir)
    state = (
        open_checkpoint_store(settings.checkpoint_uri, _key(settings, hyper_parameters))
        if settings.checkpoint_uri
        else None
    )
    if not distributed.is_first():
        _help(settings, hyper_parameters, dataset_dir, state)
        return {}
    traced = {name: hyper_parameters[name] for name in TRACED}
    with (
        _published(training_dir, plots_dir) as folder,
        tracked(settings.model.name, flat(dataclasses.asdict(settings)) | traced) as run,
    ):
        data = _data(settings, dataset_dir)
        metrics = _train(settings, hyper_parameters | {"run_id": run.id}, data, run, folder, state)
        _write_seen(folder / contract.SEEN_FILE, dataset_dir, data.seen)
        run.log_files(folder / contract.PLOTS_FOLDER, contract.PLOTS_FOLDER)
    if state:
        state.remove()
    return metrics


def _train(
    settings: TrainSettings,
    hyper_parameters: dict[str, Any],
    data: ImageData,
    run: Run,
    folder: Path,
    state: CheckpointStore | None,
) -> dict[str, float]:
    start = time.monotonic()
    history = History(run.log, lines=settings.trainer.progress and not sys.stderr.isatty())
    classifier = _classifier(settings, hyper_parameters)
    fit(classifier, data, history, (folder / contract.BEST_CHECKPOINT).parent, settings.trainer.progress, state)

    pixels, labels = data.validation_split.pixels, data.validation_split.labels
    for name in (contract.LAST_CHECKPOINT, contract.BEST_CHECKPOINT):
        trained = load_checkpoint(folder / name).to(device(settings.trainer.accelerator))
        logits = validation_logits(trained, data)
        temperature = fit_temperature(*calibration_logits(trained, data, logits))
        set_temperature(folder / name, temperature)
    best = int(np.argmin([row["validation_loss"] for row in history.rows]))
    metrics = measure_validation(logits, labels, temperature) | {
        "best_epoch": best + 1,
        "epochs": len(history.rows),
        "temperature": temperature,
        "seconds": time.monotonic() - start,
    }
    run.log(metrics, len(history.rows))
    _write_history(folder / contract.HISTORY_FILE, history.rows)
    write_json(folder / contract.METRICS_FILE, metrics)
    write_json(folder / contract.STATISTICS_FILE, statistics(pixels, labels, logits, temperature))
    write_text(folder / contract.SBOM_FILE, sbom(PRETRAINED if isinstance(classifier.network, HandNetwork) else ()))
    plots.draw_training_plots(folder / contract.PLOTS_FOLDER, history.rows, best, confusion(logits, labels), metrics)
    return metrics


def _help(
    settings: TrainSettings, hyper_parameters: dict[str, Any], dataset_dir: Path, state: CheckpointStore | None
) -> None:
    """Train together with the first worker, and write nothing."""
    history = History(lambda *_: None, lines=False)
    with tempfile.TemporaryDirectory() as unused:
        data, classifier = _data(settings, dataset_dir), _classifier(settings, hyper_parameters)
        fit(classifier, data, history, Path(unused), progress=False, state=state)


def _data(settings: TrainSettings, dataset_dir: Path) -> ImageData:
    return ImageData(dataset_dir, settings.data, settings.seed, settings.trainer.augment)


def _classifier(settings: TrainSettings, hyper_parameters: dict[str, Any]) -> Classifier:
    """The network before training."""
    torch.manual_seed(settings.seed)
    classifier = Classifier(hyper_parameters)
    if isinstance(classifier.network, TransferResNet):
        classifier.network.load_weights(hyper_parameters["model"]["weights"])
    return classifier


def _hyper_parameters(settings: TrainSettings, info: DatasetInfo) -> dict[str, Any]:
    """Hyper-parameters in the checkpoint: plain values, which load without executing code."""
    return {
        "model": dataclasses.asdict(settings.model),
        "trainer": dataclasses.asdict(settings.trainer),
        "seed": settings.seed,
        "temperature": 1.0,
        "classes": list(contract.CLASSES),
        KNOWN_CLASSES_KEY: info.known_classes,
        "contract_version": contract_version(settings.model),
        "preparation_version": contract.PREPARATION_VERSION,
        "dataset_digest": info.digest,
        "commit": git_commit.commit(),
    }


def _key(settings: TrainSettings, hyper_parameters: dict[str, Any]) -> str:
    """Digest everything that decides the weights: other data, settings or code are another training."""
    deciding = {**hyper_parameters, "batch_size": settings.data.batch_size, "code": version_of(Path(__file__))}
    del deciding["commit"]  # says less than the code itself
    return hashlib.sha256(json.dumps(deciding, sort_keys=True).encode()).hexdigest()[:KEY_DIGITS]


def _metrics(training_dir: Path) -> dict[str, float]:
    return dict(json.loads((training_dir / contract.METRICS_FILE).read_text()))


def _write_history(path: Path, rows: Sequence[EpochRow]) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, ["epoch", *rows[0]])
        writer.writeheader()
        writer.writerows({"epoch": epoch, **row} for epoch, row in enumerate(rows, 1))


def _write_seen(path: Path, dataset_dir: Path, seen: np.ndarray) -> None:
    rows = read_split(dataset_dir, "train", SEEN_COLUMNS)
    pa.parquet.write_table(rows.filter(pa.array(seen)), path)


@contextmanager
def _published(training_dir: Path, plots_dir: Path | None) -> Iterator[Path]:
    """Give an empty folder; on success its contents move to training_dir, on any error they are removed."""
    folder = outputs.claim(training_dir, outputs.TRAINING)
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".training-", dir=folder, ignore_cleanup_errors=True) as name:
        made = Path(name)
        yield made
        outputs.mark(made / Path(contract.BEST_CHECKPOINT).parent, outputs.CHECKPOINTS)
        outputs.mark(made / contract.PLOTS_FOLDER, outputs.PLOTS)
        with contextlib.ExitStack() as replaced:  # all of it or nothing
            for item, target in outputs.claim_training(training_dir, plots_dir):
                if (made / item).exists():
                    near = replaced.enter_context(_near(made / item, target))
                    replaced.enter_context(in_place_of(target, near))
            outputs.mark(folder, outputs.TRAINING)


@contextmanager
def _near(item: Path, target: Path) -> Iterator[Path]:
    """Move a file or folder to the disk of its target."""
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(
        prefix=f".{target.name}-", dir=target.parent, ignore_cleanup_errors=True
    ) as beside:
        yield Path(shutil.move(item, Path(beside, target.name)))
