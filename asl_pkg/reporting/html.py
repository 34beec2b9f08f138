"""Self-contained HTML pages, which need no other file and no network."""

import base64
import io
from pathlib import Path
from typing import Any

import numpy as np
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from numpy.typing import NDArray
from PIL import Image

from asl_pkg.reporting import palette


def render_page(template: Path, **values: Any) -> str:
    """Fill a template that extends base.html.jinja; values are escaped, and a missing value is an error.

    Args:
        template: Jinja file.
        values: Values by the names that the template uses.

    Returns:
        The page.
    """
    folders = FileSystemLoader([template.parent, Path(__file__).parent])
    jinja = Environment(loader=folders, autoescape=True, undefined=StrictUndefined)
    return jinja.get_template(template.name).render(colours=palette, **values)


def data_uri(data: bytes, media_type: str = "image/jpeg") -> str:
    """Encode a file as a data URI."""
    return f"data:{media_type};base64,{base64.b64encode(data).decode()}"


def image_uri(pixels: NDArray[np.uint8], quality: int) -> str:
    """Encode an image, uint8 [height, width, 3], as a data URI of a JPEG with this quality (0 to 95)."""
    encoded = io.BytesIO()
    Image.fromarray(pixels).save(encoded, "JPEG", quality=quality)
    return data_uri(encoded.getvalue())
