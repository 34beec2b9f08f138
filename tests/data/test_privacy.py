import io

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import ExifTags, Image
from PIL.PngImagePlugin import PngInfo

from asl_pkg.data.preparation import prepare
from asl_pkg.data.privacy import is_private, without_private
from asl_pkg.errors import DataError
from tests.support.making import encoded, noise

KINDS = ["JPEG", "PNG", "WEBP"]


def told(orientation: int | None = 6, gps: bool = True, artist: str = "Jane Roe") -> Image.Exif:
    exif = Image.Exif()
    if orientation:
        exif[ExifTags.Base.Orientation] = orientation
    if artist:
        exif[ExifTags.Base.Artist] = artist
    if gps:
        exif.get_ifd(ExifTags.IFD.GPSInfo)[ExifTags.GPS.GPSLatitude] = (48.0, 8.0, 14.0)
    return exif


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("gps", "artist"), [(True, ""), (False, "Jane Roe"), (True, "Jane Roe")])
def test_place_and_person_go_and_the_pixels_stay_as_they_were_held(kind: str, gps: bool, artist: str) -> None:
    before = encoded(noise(1, 48).crop((0, 0, 48, 30)), kind, exif=told(6, gps, artist), icc_profile=b"")
    after = without_private(before)
    assert is_private(before)
    assert not is_private(after)
    assert b"Jane" not in after
    assert np.array_equal(prepare(after), prepare(before))
    with Image.open(io.BytesIO(after)) as image:
        assert image.getexif()[ExifTags.Base.Orientation] == 6
        assert not image.getexif().get_ifd(ExifTags.IFD.GPSInfo)


@pytest.mark.parametrize("kind", KINDS)
def test_orientation_alone_tells_nothing(kind: str) -> None:
    assert not is_private(encoded(noise(1), kind, exif=told(6, gps=False, artist="")))
    assert not is_private(encoded(noise(1), kind))


def test_comments_and_texts_are_found_and_go() -> None:
    text = PngInfo()
    text.add_text("Comment", "Jane at home")
    for data in (encoded(noise(1), "PNG", pnginfo=text), encoded(noise(1), "JPEG", comment=b"Jane at home")):
        assert is_private(data)
        assert b"Jane" not in without_private(data)
        assert np.array_equal(prepare(without_private(data)), prepare(data))


@settings(deadline=None, max_examples=60)
@given(st.sampled_from(KINDS), st.integers(0, 8), st.integers(1, 40), st.integers(1, 40))
def test_any_image_keeps_its_pixels(kind: str, orientation: int, width: int, height: int) -> None:
    data = encoded(noise(width, 40).crop((0, 0, width, height)), kind, exif=told(orientation))
    assert np.array_equal(prepare(without_private(data)), prepare(data))


def test_what_cannot_be_taken_out_of_a_file_is_refused() -> None:
    file = encoded(noise(1), "TIFF", exif=told())
    assert is_private(file)
    with pytest.raises(DataError, match="place or person"):
        without_private(file)
