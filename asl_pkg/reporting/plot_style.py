"""Style of every plot."""

import io
from typing import Any

from markupsafe import Markup
from matplotlib.figure import Figure

from asl_pkg.reporting.palette import AXIS, INK

# No date and no random identifiers: the same numbers draw the same bytes.
STABLE: dict[Any, Any] = {
    "svg.hashsalt": "asl",
    "font.size": 9,
    "text.color": INK,
    "axes.labelcolor": INK,
    "axes.edgecolor": AXIS,
    "axes.spines.top": False,
    "axes.spines.right": False,
}


def svg_of(figure: Figure) -> Markup:
    """Draw a figure as SVG for a page."""
    drawn = io.StringIO()
    figure.savefig(drawn, format="svg", metadata={"Date": None}, transparent=True)
    return Markup(drawn.getvalue()[drawn.getvalue().index("<svg") :])  # noqa: S704 - drawn here, from numbers
