"""Lightning's trainer, set up to be quiet and repeatable."""

import logging
import os
import signal
import sys
import tempfile
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from pytorch_lightning import Callback, Trainer
from pytorch_lightning.callbacks import EarlyStopping, ModelCheckpoint, TQDMProgressBar
from pytorch_lightning.strategies import DDPStrategy

from asl_pkg.config.schema import TrainerSettings
from asl_pkg.data.datamodule import ImageData
from asl_pkg.distributed import all_reduce_any
from asl_pkg.errors import SettingError
from asl_pkg.models.classifier import Classifier
from asl_pkg.models.hand.extraction import extractor
from asl_pkg.models.hand.network import HandNetwork
from asl_pkg.models.history import History
from asl_pkg.models.resume import CheckpointStore, ResumeCallback

MONITORED = "validation_loss"


def fit(
    classifier: Classifier,
    data: ImageData,
    history: History,
    folder: Path,
    progress: bool,
    state: CheckpointStore | None,
) -> None:
    """Train until the last epoch or until the validation loss stops falling.

    Args:
        classifier: Classifier, changed in place.
        data: Training and validation images.
        history: Callback that records every epoch.
        folder: Folder for best.ckpt and last.ckpt.
        progress: Whether to show a bar on a terminal.
        state: Storage of the state, to resume from and written after each epoch; None keeps none.

    Raises:
        DataError: The state cannot be read.
        SettingError: A GPU was requested and there is none.
        KeyboardInterrupt: On Ctrl-C.
    """
    settings = classifier.settings
    hardware = device(settings.accelerator)
    on_cpu = hardware.type == "cpu"
    if isinstance(classifier.network, HandNetwork):
        data.compute_features(extractor(classifier.network, hardware))
    classifier.train()  # Lightning keeps the mode that it finds
    bar = progress and sys.stderr.isatty()
    best = ModelCheckpoint(folder, "best", MONITORED, enable_version_counter=False)
    callbacks: list[Callback] = [history, EarlyStopping(MONITORED, patience=settings.patience_epochs), best]
    resumed: Path | None = None
    with _quiet(), _interruptible(), tempfile.TemporaryDirectory(prefix="asl-state-") as scratch:
        if state:
            resumption = ResumeCallback(state, best, history, data, Path(scratch))
            callbacks.append(resumption)  # the last: what the others write is part of the state
            resumed = resumption.find()
        trainer = Trainer(
            accelerator="cpu" if on_cpu else "cuda",
            **_processes(settings, on_cpu),
            precision="bf16-mixed" if _bf16_is_faster(on_cpu) else "32-true",
            max_epochs=settings.max_epochs,
            callbacks=[*callbacks, TQDMProgressBar(leave=True)] if bar else callbacks,
            enable_progress_bar=bar,
            enable_model_summary=False,
            logger=False,
            num_sanity_val_steps=0,
            deterministic=on_cpu,  # some layers have no deterministic form on GPUs
        )
        trainer.fit(classifier.to(memory_format=torch.channels_last), data, ckpt_path=resumed, weights_only=True)
        trainer.save_checkpoint(folder / "last.ckpt")
        data.seen[:] = all_reduce_any(torch.from_numpy(data.seen)).numpy()


def device(accelerator: str) -> torch.device:
    """Choose the device to compute on.

    Args:
        accelerator: `auto`, `cpu` or `gpu`.

    Returns:
        The GPU if there is one and it may be used, else the CPU.

    Raises:
        SettingError: A GPU was requested and there is none.
    """
    if accelerator == "gpu" and not torch.cuda.is_available():
        raise SettingError("trainer.accelerator=gpu: torch finds no GPU here; auto or cpu trains without one")
    return torch.device("cpu" if accelerator == "cpu" or not torch.cuda.is_available() else "cuda")


def _processes(settings: TrainerSettings, on_cpu: bool) -> dict[str, Any]:
    """Lightning's settings for training in several processes."""
    if settings.workers == 1:
        return {"devices": 1}
    if settings.sync_batchnorm and on_cpu:
        raise SettingError("trainer.sync_batchnorm=true: torch supports it on GPUs only; omit it on a CPU")
    here = int(os.environ["LOCAL_WORLD_SIZE"])
    return {
        "devices": here,
        "num_nodes": int(os.environ["WORLD_SIZE"]) // here,
        "strategy": DDPStrategy(process_group_backend="gloo" if on_cpu else "nccl"),
        "sync_batchnorm": settings.sync_batchnorm,
        "use_distributed_sampler": False,  # ours gives each process its part
    }


def _bf16_is_faster(on_cpu: bool) -> bool:
    """Whether the hardware multiplies matrices in bfloat16, which about halves the training time."""
    if not on_cpu:
        return torch.cuda.is_bf16_supported(including_emulation=False)
    return bool(torch.cpu.get_capabilities().get("avx512_bf16"))


@contextmanager
def _quiet() -> Iterator[None]:
    """Leave out Lightning's advertisements, and its advice on workers: our batches are slices of an array."""
    loggers = [logging.getLogger(name) for name in ("pytorch_lightning", "lightning_fabric")]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.WARNING)
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message=".*does not have many workers.*")
            warnings.filterwarnings(
                "ignore", message=".*LeafSpec.*is deprecated", category=FutureWarning
            )  # Lightning's own
            yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)


@contextmanager
def _interruptible() -> Iterator[None]:
    """Pass Ctrl-C on: Lightning turns it into its own exit and then ignores the signal."""
    try:
        yield
    except SystemExit as stop:
        if threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGINT, signal.default_int_handler)
        raise KeyboardInterrupt from stop
