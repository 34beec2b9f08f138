"""Colours and style of every plot on a page."""

from typing import Any

INK = "#1f2933"
BLUE = "#2563a8"
PALE_BLUE = "#a9c6e6"
RED = "#c2410c"
# No date and no random identifiers: the same numbers draw the same bytes.
STABLE: dict[Any, Any] = {
    "svg.hashsalt": "asl",
    "font.size": 9,
    "text.color": INK,
    "axes.labelcolor": INK,
    "axes.edgecolor": "#9aa5b1",
}
