"""The four plots of a training."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, PercentFormatter
from numpy.typing import NDArray

from asl_pkg import contract
from asl_pkg.models.history import EpochRow
from asl_pkg.reporting.palette import AXIS, BLUE, RED
from asl_pkg.reporting.plot_style import STABLE

DPI = 120
WEAK_F1 = 0.8  # classes below it stand out
STYLE: dict[Any, Any] = STABLE | {"font.size": 10, "axes.grid": True, "grid.alpha": 0.25}


def draw_training_plots(
    folder: Path, rows: Sequence[EpochRow], best: int, counts: NDArray[np.int64], metrics: Mapping[str, float]
) -> None:
    """Write contract.PLOTS.

    Args:
        folder: Folder to write into.
        rows: The history, one row per epoch.
        best: The epoch that was kept, from 0.
        counts: Confusion matrix on the validation split [29, 29], truth in rows.
        metrics: Figures of the kept epoch, for the title of the overview.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with mpl.rc_context(STYLE):
        loss, accuracy, f1 = (Figure((width_in, 4.5), layout="constrained") for width_in in (7, 7, 11))
        _loss(loss.subplots(), rows, best)
        _accuracy(accuracy.subplots(), rows, best)
        _f1(f1.subplots(), counts)
        overview = Figure((14, 10), layout="constrained")
        (top_left, top_right), (bottom_left, bottom_right) = overview.subplots(2, 2)
        _loss(top_left, rows, best)
        _accuracy(top_right, rows, best)
        _confusion(bottom_left, counts)
        _f1(bottom_right, counts)
        overview.suptitle(_headline(metrics))
        for figure, name in zip((loss, accuracy, f1, overview), contract.PLOTS, strict=True):
            figure.savefig(folder / name, dpi=DPI)


def _headline(metrics: Mapping[str, float]) -> str:
    figures = ("accuracy", "macro_f1", "loss", "calibration_error")
    return "Validation: " + ", ".join(
        f"{name.replace('_', ' ')} {metrics[f'best_validation_{name}']:.3f}" for name in figures
    )


def _loss(axes: Axes, rows: Sequence[EpochRow], best: int) -> None:
    _curves(axes, rows, best, "loss")
    axes.set_title("Loss (training: smoothed targets, varied images)")
    axes.set_ylim(bottom=0)


def _accuracy(axes: Axes, rows: Sequence[EpochRow], best: int) -> None:
    _curves(axes, rows, best, "accuracy")
    axes.set_title("Accuracy (training: varied images)")
    axes.set_ylim(0, 1)
    axes.yaxis.set_major_formatter(PercentFormatter(1))


def _curves(axes: Axes, rows: Sequence[EpochRow], best: int, metric: str) -> None:
    epochs = range(1, len(rows) + 1)
    axes.plot(epochs, [row[f"train_{metric}"] for row in rows], color=AXIS, marker=".", label="training")
    axes.plot(epochs, [row[f"validation_{metric}"] for row in rows], color=BLUE, marker=".", label="validation")
    axes.axvline(best + 1, color=RED, linestyle=":", label=f"kept: epoch {best + 1}")
    axes.set(xlabel="epoch", ylabel=metric)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.legend(frameon=False)


def _f1(axes: Axes, counts: NDArray[np.int64]) -> None:
    named = counts.sum(axis=0) + counts.sum(axis=1)
    shown = np.flatnonzero(named)
    f1 = 2 * counts.diagonal()[shown] / named[shown]
    axes.bar([contract.CLASSES[label] for label in shown], f1, color=[RED if value < WEAK_F1 else BLUE for value in f1])
    axes.axhline(f1.mean(), color=AXIS, linestyle="--")
    axes.set_title(f"F1 by class on the validation split (mean {f1.mean():.3f}, dashed)")
    axes.set(ylim=(0, 1), ylabel="F1")
    axes.grid(visible=False, axis="x")
    axes.tick_params(axis="x", rotation=90, labelsize=8)


def _confusion(axes: Axes, counts: NDArray[np.int64]) -> None:
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=1, aspect="auto")
    ticks = range(len(contract.CLASSES))
    axes.set_xticks(ticks, contract.CLASSES, rotation=90, fontsize=7)
    axes.set_yticks(ticks, contract.CLASSES, fontsize=7)
    axes.set(xlabel="answer", ylabel="truth", title="Answers to each class on the validation split")
    axes.grid(visible=False)
