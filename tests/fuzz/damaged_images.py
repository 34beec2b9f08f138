"""Image files without an image: each must be reported as broken."""

import io
import struct
import zlib
from collections.abc import Iterator

import numpy as np
from PIL import Image

TRUNCATIONS = 9


def damaged_images() -> Iterator[tuple[str, bytes]]:
    """Yield (file name, content)."""
    noise = Image.fromarray(np.random.default_rng(3).integers(0, 256, (150, 170, 3), np.uint8))
    for kind in ("jpeg", "png", "bmp", "webp"):
        whole = io.BytesIO()
        noise.save(whole, kind)
        content = whole.getvalue()
        for tenth in range(TRUNCATIONS):
            yield f"truncated-{tenth}-tenths.{kind}", content[: len(content) * tenth // 10]
        yield f"zeros-after-header.{kind}", content[:16] + bytes(len(content) - 16)
        yield f"first-byte-missing.{kind}", content[1:]
        yield f"text-before.{kind}", b"hello " + content
    yield from _other_things(noise)
    for width, height in ((100_000, 100_000), (2**31 - 1, 2**31 - 1), (60_000, 60_000), (0, 10), (10, 0)):
        yield f"header-{width}x{height}.png", _png(width, height, b"")
    yield "pixel-data-missing.png", _png(100, 100, b"")
    yield "too-little-pixel-data.png", _png(100, 100, zlib.compress(bytes(500)))
    yield "pixel-data-is-not-compressed.png", _png(100, 100, bytes(30_000))
    yield "bomb.png", _png(30_000, 30_000, zlib.compress(bytes(30_001 * 3_000)))
    yield "more-than-64-MiB.jpg", b"\xff\xd8" + bytes(64 * 2**20)
    yield "checksum.png", _png(10, 10, zlib.compress(bytes(310)), checksum=1)


def _other_things(noise: Image.Image) -> Iterator[tuple[str, bytes]]:
    for kind in ("gif", "tiff", "ppm"):
        whole = io.BytesIO()
        noise.save(whole, kind)
        yield f"a-{kind}.jpg", whole.getvalue()
    yield "a-page.jpg", b"<!doctype html><img src=x>"
    yield "a-drawing.png", b"<svg xmlns='http://www.w3.org/2000/svg' width='9' height='9'/>"
    yield "an-archive.jpg", b"PK\x03\x04" + bytes(100)
    yield "a-document.png", b"%PDF-1.7\n" + bytes(100)
    yield "a-program.jpg", b"\x7fELF\x02\x01\x01" + bytes(100)
    yield "json.png", b'{"inputs": []}'
    yield "zeros.jpg", bytes(10_000)
    yield "noise.jpg", np.random.default_rng(4).bytes(10_000)
    yield "start-only.jpg", b"\xff\xd8\xff"


def _png(width: int, height: int, pixels: bytes, checksum: int | None = None) -> bytes:
    """A PNG file of 8-bit RGB that claims a size and holds any pixel data."""

    def chunk(name: bytes, content: bytes) -> bytes:
        right = zlib.crc32(name + content)
        return (
            struct.pack(">I", len(content))
            + name
            + content
            + struct.pack(">I", right if checksum is None else checksum)
        )

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")
