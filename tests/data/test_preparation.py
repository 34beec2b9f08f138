import contextlib
import io
import struct
import zlib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageCms

from asl_pkg import contract
from asl_pkg.data.preparation import FORMATS, prepare, prepare_sized, unprepare
from asl_pkg.errors import DataError
from tests.support.making import encoded, noise

RED, BLUE, GREY = (200, 30, 40), (20, 40, 210), (128, 128, 128)


def halves(width: int = 80, height: int = 80) -> Image.Image:
    """Red above, blue below."""
    image = Image.new("RGB", (width, height), RED)
    image.paste(BLUE, (0, height // 2, width, height))
    return image


def near(pixel: np.ndarray, colour: tuple[int, int, int], tolerance: int = 6) -> bool:
    return bool(np.abs(pixel.astype(int) - colour).max() <= tolerance)


@pytest.mark.parametrize("kind", FORMATS)
def test_every_format_becomes_200_by_200_rgb(kind: str) -> None:
    pixels = prepare(encoded(halves(), kind))
    assert (pixels.shape, pixels.dtype) == ((200, 200, 3), np.uint8)
    assert near(pixels[50, 100], RED, 12)
    assert near(pixels[150, 100], BLUE, 12)


def test_pixels_of_the_right_size_are_not_changed() -> None:
    image = noise(1, side=200)
    assert np.array_equal(prepare(encoded(image, "PNG")), np.asarray(image))


@pytest.mark.parametrize(
    ("orientation", "red_at"),
    [(1, (20, 100)), (3, (180, 100)), (6, (100, 180)), (8, (100, 20))],
    ids=["upright", "upside down", "turned right", "turned left"],
)
def test_exif_rotation_is_applied(orientation: int, red_at: tuple[int, int]) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    assert near(prepare(encoded(halves(), exif=exif))[red_at], RED, 12)


@pytest.mark.filterwarnings("ignore:Corrupt EXIF data")
def test_damaged_exif_does_not_cost_the_image() -> None:
    assert near(prepare(encoded(halves(), exif=b"Exif\x00\x00II*\x00\xff\xff\xff\xff\x01"))[20, 100], RED, 12)


def test_transparency_becomes_mid_grey() -> None:
    image = halves().convert("RGBA")
    image.putalpha(Image.new("L", image.size, 0))
    assert near(prepare(encoded(image, "PNG"))[100, 100], GREY, 0)


def test_half_transparency_is_half_way_to_mid_grey() -> None:
    image = Image.new("RGBA", (40, 40), (228, 28, 128, 128))
    assert near(prepare(encoded(image, "PNG"))[100, 100], (178, 78, 128), 2)


def test_a_transparent_palette_colour_becomes_mid_grey() -> None:
    image = halves().quantize(2)
    blue = image.getpixel((0, 79))
    pixels = prepare(encoded(image, "PNG", transparency=blue))
    assert near(pixels[20, 100], RED)
    assert near(pixels[180, 100], GREY, 0)


@pytest.mark.parametrize(
    ("image", "expected"),
    [
        (Image.new("L", (40, 40), 90), (90, 90, 90)),
        (Image.new("LA", (40, 40), (90, 255)), (90, 90, 90)),
        (Image.new("1", (40, 40), 1), (255, 255, 255)),
        (Image.fromarray(np.full((40, 40), 90 * 257, np.uint16)), (90, 90, 90)),
        (Image.fromarray(np.full((40, 40), 300, np.uint16)), (1, 1, 1)),
    ],
    ids=["grey", "grey with alpha", "bilevel", "16 bit", "dark 16 bit"],
)
def test_grey_images_keep_their_brightness(image: Image.Image, expected: tuple[int, int, int]) -> None:
    assert near(prepare(encoded(image, "PNG"))[100, 100], expected, 0)


def test_cmyk_becomes_rgb() -> None:
    assert near(prepare(encoded(halves().convert("CMYK")))[20, 100], RED, 12)


def swapped_profile() -> bytes:
    """sRGB's profile with the primaries for red and blue exchanged: its red is our blue."""
    profile = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    tags = {
        bytes(profile[at : at + 4]): at for at in range(132, 132 + 12 * struct.unpack_from(">I", profile, 128)[0], 12)
    }
    red, blue = tags[b"rXYZ"], tags[b"bXYZ"]
    profile[red : red + 4], profile[blue : blue + 4] = profile[blue : blue + 4], profile[red : red + 4]
    return bytes(profile)


def test_an_icc_profile_is_applied() -> None:
    pixels = prepare(encoded(Image.new("RGB", (40, 40), (250, 10, 10)), "PNG", icc_profile=swapped_profile()))
    assert near(pixels[100, 100], (10, 10, 250))


def test_a_damaged_icc_profile_does_not_cost_the_image() -> None:
    assert near(prepare(encoded(halves(), "PNG", icc_profile=b"no profile at all"))[20, 100], RED, 0)


@pytest.mark.parametrize(
    ("size", "bar", "inside"),
    [((80, 40), (20, 100), (60, 100)), ((40, 80), (100, 20), (20, 100))],
    ids=["wide", "tall"],
)
def test_other_shapes_keep_their_proportions_between_grey_bars(
    size: tuple[int, int], bar: tuple[int, int], inside: tuple[int, int]
) -> None:
    pixels = prepare(encoded(halves(*size), "PNG"))
    assert near(pixels[bar], GREY, 0)
    assert near(pixels[inside], RED)


def test_a_image_one_pixel_wide_is_possible() -> None:
    assert prepare(encoded(Image.new("RGB", (1, 5000)), "PNG")).shape == (200, 200, 3)


def huge_png(side: int) -> bytes:
    """A file of a few bytes whose header promises side x side pixels."""
    header = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    chunks = [(b"IHDR", header), (b"IDAT", zlib.compress(b"\0" * 1000)), (b"IEND", b"")]
    body = b"".join(struct.pack(">I", len(d)) + k + d + struct.pack(">I", zlib.crc32(k + d)) for k, d in chunks)
    return b"\x89PNG\r\n\x1a\n" + body


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "empty file"),
        (b"hello, I am a text", "not an image"),
        (b"\x00" * (64 * 2**20 + 1), "more than 64 MiB"),
        (huge_png(9_000), "more than 64,000,000 pixels"),
        (huge_png(60_000), "more than 64,000,000 pixels"),
        (encoded(noise(1, 200))[:1500], "damaged or truncated"),
        (encoded(noise(1, 200), "PNG")[:1500], "damaged or truncated"),
        (encoded(noise(1), "TGA"), "not an image, expected JPEG, PNG"),
        (encoded(noise(1), "GIF", save_all=True, append_images=[noise(2)]), "several frames"),
        (encoded(noise(1), "TIFF", save_all=True, append_images=[noise(2)]), "several frames"),
        (encoded(noise(1), "AVIF", save_all=True, append_images=[noise(2)]), "several frames"),
        (encoded(noise(1).convert("F"), "TIFF"), "floating-point"),
    ],
    ids=["empty", "text", "too many bytes", "pixel bomb", "huge pixel bomb", "cut JPEG", "cut PNG"]
    + ["TGA", "GIF of two", "TIFF of two", "AVIF of two", "TIFF of floats"],
)
def test_what_is_no_image_is_refused_with_one_line(data: bytes, reason: str) -> None:
    with pytest.raises(DataError, match=reason) as caught:
        prepare(data)
    assert "\n" not in str(caught.value)


def test_a_truncated_jpeg_is_named_in_the_error(tmp_path: Path) -> None:
    file = tmp_path / "hand, [1].jpg"
    file.write_bytes(encoded(noise(1, 200))[:1500])
    with pytest.raises(DataError, match=r"hand, \[1\]\.jpg: damaged or truncated"):
        prepare(file)


def test_a_missing_file_is_named_in_the_error(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"nowhere\.jpg: cannot be read \(No such file"):
        prepare(tmp_path / "nowhere.jpg")


@given(st.integers(0, 5000), st.binary(max_size=20), st.sampled_from(FORMATS))
def test_a_damaged_file_gives_pixels_or_a_data_error(position: int, damage: bytes, kind: str) -> None:
    whole = encoded(noise(3), kind)
    position %= len(whole)
    with contextlib.suppress(DataError):
        assert prepare(whole[:position] + damage + whole[position + len(damage) :]).shape == (200, 200, 3)


def test_threads_get_the_same_pixels() -> None:
    files = [encoded(noise(seed, 150)) for seed in range(40)]
    with ThreadPoolExecutor(8) as pool:
        together = list(pool.map(prepare, files))
    assert all(np.array_equal(image, prepare(file)) for image, file in zip(together, files, strict=True))


def test_the_source_of_bytes_does_not_matter(tmp_path: Path) -> None:
    file = tmp_path / "a.png"
    file.write_bytes(encoded(noise(5), "PNG"))
    assert np.array_equal(prepare(file), prepare(io.BytesIO(file.read_bytes()).getvalue()))


@pytest.mark.parametrize("size", [(400, 300), (300, 400), (37, 1000), (200, 200)])
def test_coordinates_go_back_to_the_pixels_of_the_image_before(size: tuple[int, int]) -> None:
    """A white square on black: its middle is found in the prepared image and goes back to where it was drawn."""
    image = Image.new("RGB", size)
    side = min(size) // 4
    left, top = size[0] // 2, size[1] // 3
    image.paste((255, 255, 255), (left, top, left + side, top + side))
    rows, columns = np.nonzero(prepare(encoded(image, "PNG"))[:, :, 0] > 190)
    middle = np.array([[columns.mean() + 0.5, rows.mean() + 0.5, 1.0]])
    found = unprepare(middle, size)
    px = max(size) / contract.IMAGE_PX  # of the image before, in a pixel of the prepared one
    np.testing.assert_allclose(found[0, :2], [left + side / 2, top + side / 2], atol=px)
    assert found[0, 2] == pytest.approx(px, rel=0.1)


def test_no_landmarks_stay_zeros() -> None:
    assert not unprepare(np.zeros((contract.HAND_POINTS, 3)), (640, 480)).any()


@pytest.mark.parametrize(("orientation", "expected"), [(1, (60, 40)), (3, (60, 40)), (6, (40, 60)), (8, (40, 60))])
def test_the_upright_size_follows_the_orientation_in_exif(orientation: int, expected: tuple[int, int]) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    assert prepare_sized(encoded(Image.new("RGB", (60, 40)), "JPEG", exif=exif)).size == expected
