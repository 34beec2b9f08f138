"""The contact sheet: several images of each class on one page."""

import io
from collections.abc import Mapping, Sequence

from PIL import Image, ImageDraw, ImageFont

from asl_pkg import contract
from asl_pkg.data.preparation import prepare

IMAGES_PER_CLASS = 8
THUMB_PX = 96
GAP_PX = 4
LABEL_PX = 104  # width of the column of class names
COLUMNS = 2  # each with half of the classes
BACKGROUND, TEXT_COLOUR = (250, 250, 248), (30, 30, 30)


def contact_sheet(images: Mapping[int, Sequence[bytes]]) -> bytes:
    """Lay out images beside the name of their class.

    Args:
        images: Image files by label, at most IMAGES_PER_CLASS each, of at least one class.

    Returns:
        A JPEG file's bytes.
    """
    shown = [label for label, own in images.items() if own]
    rows = -(-len(shown) // COLUMNS)
    cell = THUMB_PX + GAP_PX
    column_px = LABEL_PX + IMAGES_PER_CLASS * cell + GAP_PX
    sheet = Image.new("RGB", (COLUMNS * column_px, rows * cell + GAP_PX), BACKGROUND)
    draw = ImageDraw.Draw(sheet)
    for index, label in enumerate(shown):
        name = contract.CLASSES[label]
        left = index // rows * column_px
        top = GAP_PX + index % rows * cell
        size = 40 if len(name) == 1 else 24
        middle = (left + LABEL_PX // 2, top + THUMB_PX // 2)
        draw.text(middle, name, TEXT_COLOUR, ImageFont.load_default(size), anchor="mm")
        for number, data in enumerate(images.get(label, ())):
            thumb = Image.fromarray(prepare(data)).resize((THUMB_PX, THUMB_PX))
            sheet.paste(thumb, (left + LABEL_PX + number * cell, top))
    file = io.BytesIO()
    sheet.save(file, "JPEG", quality=88)
    return file.getvalue()
