"""Small images and sources, made by code."""

import io
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from PIL import Image

from asl_pkg.contract import CLASSES


def noise(seed: int, side: int = 32) -> Image.Image:
    """A smooth random image: two of different seeds have nothing in common."""
    coarse = np.random.default_rng(seed).integers(0, 256, (4, 4, 3), np.uint8)
    return Image.fromarray(coarse).resize((side, side), Image.Resampling.BICUBIC)


def encoded(image: Image.Image, kind: str = "JPEG", **options: object) -> bytes:
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def public_files(frames: int) -> Iterator[tuple[str, bytes]]:
    """The public layout: path and bytes of `frames` images of each class."""
    for label, name in enumerate(CLASSES):
        for frame in range(frames):
            yield f"asl_alphabet_train/{name}/{name}{frame}.jpg", encoded(noise(label * 10_000 + frame))


def public_folder(root: Path, frames: int) -> Path:
    for path, data in public_files(frames):
        file = root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(data)
    return root
