"""Figures of each epoch: kept, logged, and printed as a line."""

import sys
import time
from collections.abc import Callable
from typing import Any

from pytorch_lightning import Callback, LightningModule, Trainer

EpochRow = dict[str, float]
METRICS = ("train_loss", "train_accuracy", "validation_loss", "validation_accuracy")


class History(Callback):
    """Collects one row per epoch.

    Args:
        report: Gets each row and its epoch.
        lines: Print a line per epoch on stderr, for logs.
    """

    def __init__(self, report: Callable[[EpochRow, int], None], lines: bool) -> None:
        self.rows: list[EpochRow] = []
        self.report = report  # Lightning puts a method of its own under `log`
        self.lines = lines
        self.start = 0.0

    def take_up(self, rows: list[EpochRow]) -> None:
        """Continue after the rows of an earlier process."""
        self.rows = rows
        for epoch, row in enumerate(rows):
            self.report(row, epoch)

    def on_train_epoch_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Start the clock."""
        self.start = time.monotonic()

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Record the epoch's metrics; validation has already run."""
        row: EpochRow = {name: float(trainer.callback_metrics[name]) for name in METRICS}
        row["learning_rate"] = float(trainer.optimizers[0].param_groups[0]["lr"])
        row["seconds"] = time.monotonic() - self.start
        self.rows.append(row)
        self.report(row, trainer.current_epoch)
        if self.lines:
            print(_line(trainer.current_epoch, trainer.max_epochs, row), file=sys.stderr, flush=True)


def _line(epoch: int, epochs: Any, row: EpochRow) -> str:
    return (
        f"epoch {epoch + 1:3} of {epochs}: loss {row['train_loss']:.3f}, accuracy {row['train_accuracy']:.1%}; "
        f"validation loss {row['validation_loss']:.3f}, accuracy {row['validation_accuracy']:.1%} "
        f"({row['seconds']:.1f} s)"
    )
