"""The report's plots, as SVG."""

import matplotlib as mpl
import numpy as np
from markupsafe import Markup
from matplotlib.figure import Figure
from numpy.typing import NDArray

from asl_pkg import contract
from asl_pkg.metrics.classification import CALIBRATION_BINS, Reliability, RiskCoverage
from asl_pkg.reporting.palette import AXIS, BLUE, INK, PALE_BLUE, RED
from asl_pkg.reporting.plot_style import STABLE, svg_of


def confusion_plot(confusion: NDArray[np.int64]) -> Markup:
    """Draw the confusion matrix.

    Args:
        confusion: Images, truth in rows [classes, classes].

    Returns:
        SVG. Correct answers are blue, wrong ones orange, darker for a larger share; the numbers are images.
    """
    with mpl.rc_context(STABLE):
        figure = Figure(figsize=(9, 8.6), layout="constrained")
        axes = figure.subplots()
        share = confusion / np.maximum(1, confusion.sum(axis=1, keepdims=True))
        wrong = ~np.eye(len(share), dtype=bool)
        colours = mpl.colormaps["Blues"](share)
        colours[wrong] = mpl.colormaps["Oranges"](share)[wrong]
        colours[wrong & (confusion == 0)] = 1  # white, so that mistakes stand out
        axes.imshow(colours)
        axes.spines[:].set_visible(True)
        for truth, answer in zip(*np.nonzero(confusion), strict=True):
            colour = "white" if share[truth, answer] > 0.5 else INK
            text = str(confusion[truth, answer])
            axes.text(answer, truth, text, ha="center", va="center", fontsize=7, color=colour)
        ticks = range(len(contract.CLASSES))
        axes.set_xticks(ticks, contract.CLASSES)
        axes.set_yticks(ticks, contract.CLASSES)
        axes.tick_params(length=0)
        axes.tick_params(axis="x", labelrotation=90, top=True, labeltop=True)
        axes.set_xlabel("the model's answer")
        axes.set_ylabel("what the image shows")
        return svg_of(figure)


def recall_plot(recall: NDArray[np.float64], least: float) -> Markup:
    """Draw the recall of each class.

    Args:
        recall: Recall by class [classes]; NaN is not drawn.
        least: The gate's threshold.

    Returns:
        SVG, classes from the worst to the best.
    """
    with mpl.rc_context(STABLE):
        figure = Figure(figsize=(9, 2.9), layout="constrained")
        axes = figure.subplots()
        order = np.argsort(recall, kind="stable")[: np.isfinite(recall).sum()]  # what is not a number comes last
        colours = [BLUE if recall[label] >= least else RED for label in order]
        axes.bar([contract.CLASSES[label] for label in order], recall[order], color=colours, width=0.75)
        axes.axhline(least, color=RED, linewidth=1, linestyle="--")
        axes.text(len(order) - 0.4, least, " least\n allowed", ha="left", va="center", color=RED, fontsize=8)
        axes.set_ylim(0, 1)
        axes.set_xlim(-0.6, len(order) - 0.4)
        axes.yaxis.set_major_formatter(mpl.ticker.PercentFormatter(1, decimals=0))
        axes.set_ylabel("recall")
        axes.tick_params(axis="x", labelrotation=90)
        return svg_of(figure)


def reliability_plot(reliability: Reliability) -> Markup:
    """Draw confidence against the share of correct answers (reliability diagram, Guo et al. 2017, figure 1).

    Args:
        reliability: The bins.

    Returns:
        SVG, with the number of answers in each bin below.
    """
    with mpl.rc_context(STABLE):
        figure = Figure(figsize=(4.6, 4.6), layout="constrained")
        above, below = figure.subplots(2, sharex=True, height_ratios=[3, 1])
        edges = np.arange(CALIBRATION_BINS) / CALIBRATION_BINS
        filled = reliability.counts > 0
        width = 1 / CALIBRATION_BINS
        above.bar(edges[filled], reliability.accuracy[filled], width, align="edge", color=PALE_BLUE, edgecolor="white")
        above.plot([0, 1], [0, 1], color=AXIS, linestyle="--", linewidth=1, label="confidence = share correct")
        above.plot(reliability.confidence[filled], reliability.accuracy[filled], "o-", color=BLUE, markersize=4)
        above.set_ylabel("share correct")
        above.set_ylim(0, 1)
        above.legend(frameon=False, loc="upper left")
        below.bar(edges, reliability.counts, width, align="edge", color=BLUE, edgecolor="white")
        below.set_ylabel("answers")
        below.set_xlabel("confidence")
        below.set_xlim(0, 1)
        return svg_of(figure)


def risk_plot(test: RiskCoverage, external: RiskCoverage | None) -> Markup:
    """Draw the share of wrong answers against the share of images answered, the surest first.

    Args:
        test: The curve of the test images.
        external: That of other people's images, if there are any.

    Returns:
        SVG.
    """
    curves = {"test images": (test, BLUE)} | ({"other people's images": (external, RED)} if external else {})
    with mpl.rc_context(STABLE):
        figure = Figure(figsize=(9, 2.9), layout="constrained")
        axes = figure.subplots()
        for label, (curve, colour) in curves.items():
            answered = np.arange(1, len(curve.risk) + 1) / len(curve.risk)
            axes.plot(answered, curve.risk, color=colour, label=label)
        for axis in (axes.xaxis, axes.yaxis):
            axis.set_major_formatter(mpl.ticker.PercentFormatter(1, decimals=0))
        axes.set_xlim(0, 1)
        axes.set_ylim(0, max(0.05, 1.1 * max(curve.risk.max() for curve, _ in curves.values())))
        axes.set_xlabel("images answered, the surest first")
        axes.set_ylabel("wrong answers")
        axes.legend(frameon=False, loc="upper left")
        return svg_of(figure)
