"""Preparation v1: from an image file to the 200x200 RGB pixels that the model takes.

Training, validation, serving and clients share this one function. Its pixels for given bytes are part of
contract.PREPARATION_VERSION: other pixels mean a new version.
"""

import contextlib
import io
import warnings
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image, ImageCms, ImageOps

from asl_pkg import contract
from asl_pkg.errors import DataError

FORMATS = ("JPEG", "PNG", "WEBP", "BMP", "GIF", "TIFF", "JPEG2000", "PPM", "AVIF")
EXPECTED_FORMATS = "expected JPEG, PNG, WebP, BMP, GIF, TIFF, JPEG 2000, PPM or AVIF"
# Nothing says which of several frames or pages shows the letter. Of PNG, WebP and JPEG the first is taken.
ONE_FRAME = ("GIF", "TIFF", "AVIF")
MAX_IMAGE_BYTES = 64 * 2**20
MAX_PIXELS = 64_000_000  # common phones take up to 50 million; decoding one takes 0.2 GB
MID_GREY = (128, 128, 128)

# Pillow warns about images that are too large for it, but our limit is lower and an error; and about damaged EXIF,
# which costs no pixel. A command that reads thousands of images would drown in such lines.
warnings.filterwarnings("ignore", category=Image.DecompressionBombWarning)
warnings.filterwarnings("ignore", category=UserWarning, module=r"PIL\.")


class PreparedImage(NamedTuple):
    """An image in the model's size and colours."""

    pixels: np.ndarray  # uint8 [200, 200, 3]
    size: tuple[int, int]  # upright width and height before preparation, in pixels


def prepare(data: bytes | Path) -> np.ndarray:
    """Decode an image and convert it to the model's size and colours.

    Args:
        data: Path or bytes of an image file, in one of FORMATS.

    Returns:
        uint8 [200, 200, 3], RGB in sRGB.

    Raises:
        DataError: The file is missing, empty, too large, truncated or not an image, or holds several images.
    """
    if isinstance(data, Path):
        try:
            return prepare(_read(data))
        except DataError as error:
            raise DataError(f"{data}: {error}") from error
    return prepare_sized(data).pixels


def prepare_sized(data: bytes) -> PreparedImage:
    """Prepare an image as `prepare`, and tell how large it was.

    Args:
        data: Bytes of an image file, in one of FORMATS.

    Returns:
        The prepared image.

    Raises:
        DataError: As of `prepare`.
    """
    upright = _upright_rgb(_decode(data))
    return PreparedImage(np.asarray(_square(upright)), upright.size)


def image_size(data: bytes) -> tuple[int, int]:
    """Read width and height of an image, as stored, from its header.

    Args:
        data: Bytes of an image file.

    Returns:
        Width and height in px.

    Raises:
        DataError: The file is empty, too large or not an image.
    """
    return _open(data).size


def unprepare(points: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Turn coordinates in the prepared image into those in the image before.

    Args:
        points: float [n, 3], x, y and depth, in pixels of the prepared image; all 0 stays 0.
        size: Upright width and height of the image before, in pixels.

    Returns:
        Float [n, 3], in its pixels.
    """
    if not points.any():
        return points
    scaled = _scaled(size)
    corner = [(contract.IMAGE_PX - side) // 2 for side in scaled]
    factor = [old / new for old, new in zip(size, scaled, strict=True)]
    return (points - [*corner, 0]) * [*factor, max(factor)]


def _read(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(MAX_IMAGE_BYTES + 1)
    except OSError as error:
        raise DataError(f"cannot be read ({error.strerror})") from error


def _open(data: bytes) -> Image.Image:
    """Check all that can be checked before pixels are decoded."""
    if not data:
        raise DataError("empty file, expected an image")
    if len(data) > MAX_IMAGE_BYTES:
        raise DataError(f"more than {MAX_IMAGE_BYTES >> 20} MiB, expected a smaller image file")
    try:
        image = Image.open(io.BytesIO(data), formats=FORMATS)
    except Image.DecompressionBombError as error:
        raise DataError(f"more than {MAX_PIXELS:,} pixels, expected a smaller image") from error
    except Exception as error:  # Pillow's decoders raise anything on damaged bytes
        raise DataError(f"not an image, {EXPECTED_FORMATS}") from error
    if image.width * image.height > MAX_PIXELS:
        raise DataError(f"more than {MAX_PIXELS:,} pixels, expected a smaller image")
    return image


def _decode(data: bytes) -> Image.Image:
    image = _open(data)
    try:
        several = image.format in ONE_FRAME and getattr(image, "is_animated", False)
        image.load()
    except Exception as error:  # Pillow's decoders raise anything on damaged bytes
        raise DataError("damaged or truncated image, expected a whole one") from error
    if several:
        raise DataError("several frames or pages in one file, expected one image per file")
    if image.mode == "F":
        raise DataError("pixels are floating-point numbers, expected 8 or 16 bits")
    return image


def _upright_rgb(image: Image.Image) -> Image.Image:
    """Turn upright, flatten onto mid-grey, convert to 8-bit sRGB."""
    with contextlib.suppress(Exception):  # damaged EXIF counts as none
        image = ImageOps.exif_transpose(image)
    if image.mode.startswith("I"):  # Pillow would clip 16 bits at 255
        grey = np.clip(np.asarray(image), 0, 65535)
        image = Image.fromarray(np.round(grey / 257).astype(np.uint8))
    alpha = image.convert("RGBA").getchannel("A") if image.has_transparency_data else None
    colours = _srgb(image)
    if alpha is None:
        return colours
    flat = Image.new("RGB", colours.size, MID_GREY)
    flat.paste(colours, mask=alpha)
    return flat


def _srgb(image: Image.Image) -> Image.Image:
    """Apply the image's ICC profile; an image without one is sRGB."""
    profile = image.info.get("icc_profile")
    if image.mode not in ("RGB", "L", "CMYK"):  # a profile does not apply to modes with palette or alpha
        image = image.convert("RGB")
    if profile:
        with contextlib.suppress(ImageCms.PyCMSError, OSError):  # damaged, or made for another mode
            source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
            image = ImageCms.profileToProfile(image, source, ImageCms.createProfile("sRGB"), outputMode="RGB") or image
    return image.convert("RGB")


def _square(image: Image.Image) -> Image.Image:
    """Scale by the longer side and pad with mid-grey: a hand keeps its proportions and loses no finger.

    Measured with a linear model on gradients, on square photographs of one signer (78 % right): cut to 4:3 it reads
    74 % of them letterboxed, 69 % stretched and 66 % centre-cropped.
    """
    side = contract.IMAGE_PX
    size = _scaled(image.size)
    scaled = image.resize(size, Image.Resampling.BICUBIC)  # antialiased; LANCZOS rings more at the edges of a hand
    if size == (side, side):
        return scaled
    square = Image.new("RGB", (side, side), MID_GREY)
    square.paste(scaled, ((side - size[0]) // 2, (side - size[1]) // 2))
    return square


def _scaled(size: tuple[int, int]) -> tuple[int, int]:
    """Width and height after scaling the longer side to the model's."""
    scale = contract.IMAGE_PX / max(size)
    return max(1, round(size[0] * scale)), max(1, round(size[1] * scale))
