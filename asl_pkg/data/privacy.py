"""Metadata of image files that reveals place or person, and the files without it.

Whole segments and chunks are left out; the compressed pixels are copied unchanged.
"""

import io
import struct
import zlib
from collections.abc import Iterator

from PIL import ExifTags, Image

from asl_pkg.errors import DataError

PRIVATE_TAGS = {
    ExifTags.Base.GPSInfo, ExifTags.Base.Artist, ExifTags.Base.Copyright, ExifTags.Base.HostComputer,
    ExifTags.Base.CameraOwnerName, ExifTags.Base.BodySerialNumber, ExifTags.Base.LensSerialNumber,
    ExifTags.Base.UserComment, ExifTags.Base.ImageDescription, ExifTags.Base.XPAuthor, ExifTags.Base.XPComment,
    ExifTags.Base.XPTitle, ExifTags.Base.XPSubject, ExifTags.Base.XPKeywords, ExifTags.Base.ImageUniqueID,
}  # fmt: skip
SPOKEN = ("comment", "xmp", "photoshop", "XML:com.adobe.xmp", "Author", "Description", "Comment", "Copyright")

JPEG_START, JPEG_SCAN = b"\xff\xd8", 0xDA
JPEG_LEFT_OUT = {0xE1, 0xED, 0xFE}  # APP1 (EXIF, XMP), APP13 (IPTC), comments
PNG_START = b"\x89PNG\r\n\x1a\n"
PNG_LEFT_OUT = {b"eXIf", b"tEXt", b"zTXt", b"iTXt"}
WEBP_LEFT_OUT = {b"EXIF", b"XMP "}
WEBP_FLAGS = 0b1100  # of the VP8X chunk: has EXIF, has XMP


def is_private(data: bytes) -> bool:
    """Whether an image file has metadata that reveals place or person.

    Args:
        data: Bytes of an image file that can be decoded.

    Returns:
        True for GPS, names, serial numbers, comments and the like.
    """
    with Image.open(io.BytesIO(data)) as image:
        if any(image.info.get(name) for name in SPOKEN):
            return True
        try:
            exif = image.getexif()
            tags = set(exif) | set(exif.get_ifd(ExifTags.IFD.Exif))
        except Exception:  # Pillow raises anything on damaged EXIF, which may hide something
            return True
    return bool(tags & PRIVATE_TAGS)


def without_private(data: bytes) -> bytes:
    """Remove all metadata but orientation and colour profile from an image file.

    Args:
        data: Bytes of an image file that can be decoded.

    Returns:
        The file with the same compressed pixels.

    Raises:
        DataError: It is not JPEG, PNG or WebP.
    """
    if data.startswith(JPEG_START):
        return _jpeg(data, _orientation(data))
    if data.startswith(PNG_START):
        return _png(data, _orientation(data))
    if data[8:12] == b"WEBP":
        return _webp(data, _orientation(data))
    raise DataError("has metadata about place or person, which can be removed only from JPEG, PNG and WebP")


def _orientation(data: bytes) -> bytes:
    """EXIF with only the orientation; empty for upright."""
    with Image.open(io.BytesIO(data)) as image:
        try:
            turned = image.getexif().get(ExifTags.Base.Orientation, 1)
        except Exception:  # as above; orientation that cannot be read was not applied either
            return b""
    if turned == 1:
        return b""
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = turned
    return exif.tobytes()


def _jpeg(data: bytes, exif: bytes) -> bytes:
    """ITU-T T.81, annex B."""
    kept = [JPEG_START]
    if exif:
        kept.append(struct.pack(">BBH", 0xFF, 0xE1, 2 + len(exif)) + exif)
    position = 2
    while data[position] == 0xFF:
        marker, size = struct.unpack_from(">xBH", data, position)
        if marker == JPEG_SCAN:
            break
        if marker not in JPEG_LEFT_OUT:
            kept.append(data[position : position + 2 + size])
        position += 2 + size
    return b"".join([*kept, data[position:]])


def _png(data: bytes, exif: bytes) -> bytes:
    """W3C PNG, chunks; `eXIf` is EXIF without JPEG's header of six bytes."""
    with_exif = {}
    if exif:
        body = b"eXIf" + exif.removeprefix(b"Exif\0\0")
        with_exif[b"IHDR"] = struct.pack(">I", len(body) - 4) + body + struct.pack(">I", zlib.crc32(body))
    kept, position = [PNG_START], len(PNG_START)
    while position + 12 <= len(data):
        size, kind = struct.unpack_from(">I4s", data, position)
        if kind not in PNG_LEFT_OUT:
            kept += [data[position : position + 12 + size], with_exif.get(kind, b"")]
        position += 12 + size
    return b"".join(kept)


def _webp(data: bytes, exif: bytes) -> bytes:
    """RFC 9649: chunks of an even size in a RIFF file."""
    kept = []
    for kind, body in _riff(data):
        if kind == b"VP8X":
            flags = (body[0] & ~WEBP_FLAGS) | (0b1000 if exif else 0)
            body = bytes([flags]) + body[1:]
        if kind not in WEBP_LEFT_OUT:
            kept.append(struct.pack("<4sI", kind, len(body)) + body + b"\0" * (len(body) % 2))
    if exif:
        body = exif.removeprefix(b"Exif\0\0")
        kept.append(struct.pack("<4sI", b"EXIF", len(body)) + body + b"\0" * (len(body) % 2))
    chunks = b"".join(kept)
    return struct.pack("<4sI4s", b"RIFF", 4 + len(chunks), b"WEBP") + chunks


def _riff(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    position = 12
    while position + 8 <= len(data):
        kind, size = struct.unpack_from("<4sI", data, position)
        yield kind, data[position + 8 : position + 8 + size]
        position += 8 + size + size % 2
