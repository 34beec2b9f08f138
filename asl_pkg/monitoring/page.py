"""monitor.html: what drifted, as a page."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
from markupsafe import Markup
from matplotlib.figure import Figure

from asl_pkg import contract
from asl_pkg.monitoring.drift import CONFIDENCE, LETTER, DriftReport, shares
from asl_pkg.monitoring.features import MEASURES
from asl_pkg.reporting.html import render_page
from asl_pkg.reporting.palette import BLUE, GREY
from asl_pkg.reporting.plot_style import STABLE, svg_of

TEMPLATE = Path(__file__).with_name("monitor.html.jinja")
BINS = 30
MEANINGS = MEASURES | {CONFIDENCE: "confidence of the model", LETTER: "letters that the model answers"}


def drift_html(body: DriftReport, reference: Mapping[str, Sequence[Any]], shown: Mapping[str, Sequence[Any]]) -> str:
    """Render the comparison.

    Args:
        body: Contents of monitor.json.
        reference: Numbers by measure, one per image, and the answers.
        shown: The same for the new images.

    Returns:
        HTML that needs no other file and no network.
    """
    plots = {name: _histogram(reference[name], shown[name]) for name in reference if name != LETTER}
    order = sorted(body.measures, key=lambda shift: shift.allowed - shift.distance)
    letters = _letters(reference[LETTER], shown[LETTER])
    return render_page(TEMPLATE, body=body, measures=order, meanings=MEANINGS, plots=plots, letters=letters)


def _histogram(before: Sequence[float], now: Sequence[float]) -> Markup:
    """Both distributions on one axis: grey before, blue now."""
    with mpl.rc_context(STABLE):
        figure = Figure(figsize=(3, 0.75), layout="constrained")
        axes = figure.subplots()
        edges = np.linspace(min(*before, *now), max(*before, *now) + 1e-9, BINS + 1)
        for values, style in ((before, {"color": GREY}), (now, {"histtype": "step", "color": BLUE, "linewidth": 1.4})):
            axes.hist(values, edges.tolist(), weights=np.full(len(values), 1 / len(values)), **style)
        axes.set_yticks([])
        axes.locator_params(axis="x", nbins=4)
        return svg_of(figure)


def _letters(before: Sequence[str], now: Sequence[str]) -> Markup:
    with mpl.rc_context(STABLE):
        figure = Figure(figsize=(9, 2.4), layout="constrained")
        axes = figure.subplots()
        ticks = np.arange(len(contract.CLASSES))
        axes.bar(ticks - 0.2, shares(before), 0.4, color=GREY, label="then")
        axes.bar(ticks + 0.2, shares(now), 0.4, color=BLUE, label="now")
        axes.set_xticks(ticks, contract.CLASSES)
        axes.tick_params(axis="x", labelrotation=90, length=0)
        axes.yaxis.set_major_formatter(mpl.ticker.PercentFormatter(1, decimals=0))
        axes.legend(frameon=False)
        return svg_of(figure)
