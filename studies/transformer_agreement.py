"""Does a transformer say of the test split what `asl infer` says? `… transformer_agreement URL BUNDLE DATASET`.

The images go as they lie in the data set, and again as other programs would write them: turned by EXIF, with alpha,
as CMYK, with 16 bits, with a palette.
"""

import io
import itertools
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import tritonclient.http
from PIL import Image

from asl_pkg import contract
from asl_pkg.config.schema import InferenceSettings
from asl_pkg.data.dataset import read_images
from asl_pkg.infer import Prediction, infer

ORIENTATION = 0x0112  # EXIF's tag


def run(url: str, bundle: Path, dataset: Path) -> dict[str, tuple[int, int]]:
    """Ask both.

    Args:
        url: http://HOST:PORT of the transformer.
        bundle: Bundle to serve.
        dataset: whose test split is sent.

    Returns:
        By how the files were written: images, and how many got the same letter and the same release from both.
    """
    outcome = {}
    images = list(itertools.chain.from_iterable(read_images(dataset, "test")))
    for kind in ("as they are", *_others(Image.new("RGB", (1, 1)))):
        files = [data if kind == "as they are" else _others(_open(data))[kind] for data in images]
        said = zip(_ask(url, files), _infer(bundle, files), strict=True)
        same = sum((letter, release) == (here.letter, here.release) for (letter, release), here in said)
        outcome[kind] = (len(files), same)
    return outcome


def _open(file: bytes) -> Image.Image:
    return Image.open(io.BytesIO(file)).convert("RGB")


def _others(image: Image.Image) -> dict[str, bytes]:
    """The image as other programs write it."""
    turned = Image.Exif()
    turned[ORIENTATION] = 6
    grey = np.asarray(image.convert("L"))
    alpha = Image.fromarray(np.full(grey.shape, 200, np.uint8))
    return {
        "JPEG, turned by EXIF": _write(image.rotate(90, expand=True), "JPEG", exif=turned),
        "JPEG, CMYK": _write(image.convert("CMYK"), "JPEG"),
        "PNG, alpha": _write(Image.merge("RGBA", (*image.split(), alpha)), "PNG"),
        "PNG, 16 bits of grey": _write(Image.fromarray(grey.astype(np.uint16) * 257), "PNG"),
        "PNG, palette": _write(image.quantize(64), "PNG"),
        "WebP": _write(image, "WEBP"),
    }


def _write(image: Image.Image, kind: str, **options: Any) -> bytes:
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def _ask(url: str, files: list[bytes]) -> Iterator[tuple[str, str]]:
    """Letter and release, from the transformer."""
    client = tritonclient.http.InferenceServerClient(url.partition("://")[2], network_timeout=300)
    remaining = iter(files)
    while batch := list(itertools.islice(remaining, contract.MAX_BATCH)):
        tensor = tritonclient.http.InferInput("image", [len(batch)], "BYTES")
        tensor.set_data_from_numpy(np.array(batch, np.object_))
        result = client.infer(contract.MODEL_NAME, [tensor])
        told = zip(result.as_numpy("letter"), result.as_numpy("release"), strict=True)
        yield from ((letter.decode(), release.decode()) for letter, release in told)
    client.close()


def _infer(bundle: Path, files: list[bytes]) -> list[Prediction]:
    with tempfile.TemporaryDirectory() as folder:
        paths = [Path(folder, f"{number:06}") for number in range(len(files))]
        for path, file in zip(paths, files, strict=True):
            path.write_bytes(file)
        return list(infer(InferenceSettings(bundle=str(bundle)), [str(path) for path in paths]))


if __name__ == "__main__":
    found = run(sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3]))
    for name, (total, alike) in found.items():
        print(f"{name:24} {total:6} images, {alike:6} alike ({alike / total:.2%})")
    sys.exit(any(total != alike for total, alike in found.values()))
