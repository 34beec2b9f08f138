"""Read the image files of a request."""

import base64
import re
from typing import Any

from kserve.errors import InvalidInput

from asl_pkg import contract
from asl_pkg.data.preparation import PreparedImage, image_size, prepare_sized
from asl_pkg.errors import DataError

MAX_PIXELS = 25_000_000  # of one image
DATA_URL = re.compile(r"\s*data:[^,]*;base64,", re.IGNORECASE)
STANDARD = str.maketrans("-_", "+/", " \t\r\n=")  # from the URL-safe alphabet; line breaks and padding are removed


def read_instances(payload: Any) -> list[bytes | str]:
    """Get the images of a v1 request.

    Args:
        payload: JSON of the request.

    Returns:
        The images, in base64.

    Raises:
        InvalidInput: The JSON has another form.
    """
    instances = payload.get("instances") if isinstance(payload, dict) else None
    expected = f'expected JSON {{"instances": [{{"b64": "…"}}]}} with 1 to {contract.MAX_BATCH} images'
    if not isinstance(instances, list) or not 1 <= len(instances) <= contract.MAX_BATCH:
        raise InvalidInput(expected)
    texts = [instance.get("b64") for instance in instances if isinstance(instance, dict)]
    images: list[bytes | str] = [text for text in texts if isinstance(text, str)]
    if len(images) < len(instances):
        raise InvalidInput(expected)
    return images


def read_image(file: bytes | str) -> PreparedImage | str:
    """Decode and prepare an image.

    Args:
        file: Bytes of the file, or its base64.

    Returns:
        The image, or an error message.
    """
    try:
        data = _decoded(file) if isinstance(file, str) else file
        width, height = image_size(data)
        if width * height > MAX_PIXELS:
            return f"more than {MAX_PIXELS:,} pixels, expected a smaller image"
        return prepare_sized(data)
    except ValueError:
        return "not base64; images in JSON must be in base64"
    except DataError as error:
        return str(error)


def _decoded(text: str) -> bytes:
    """Decode base64 in any form: with line breaks (MIME), as a data URL, URL-safe, without padding."""
    digits = DATA_URL.sub("", text, count=1).translate(STANDARD)
    return base64.b64decode(digits + "=" * (-len(digits) % 4), validate=True)
