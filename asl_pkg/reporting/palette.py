"""Colours of the pages and of every plot."""

INK = "#1d2330"
SOFT = "#667085"
LINE = "#e4e7ec"
GREY = "#c3cad5"
AXIS = "#9aa5b1"
BLUE = "#2563a8"
PALE_BLUE = "#a9c6e6"
RED = "#c2410c"
GREEN = "#1f8a5b"
# Splits in the pages of a data set
TRAIN_COLOUR = BLUE
VALIDATION_COLOUR = "#d99a2b"
TEST_COLOUR = "#2a9d78"
GUARD_COLOUR = "#cfd4dc"
NEAR_DUPLICATE_COLOUR = "#e8a79c"
