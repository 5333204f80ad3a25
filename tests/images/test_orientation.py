"""Pictures are turned upright by their EXIF orientation, whatever else their metadata is."""

import numpy as np
import pytest

from facerec.images import decode
from tests.images.samples import (
    LOSSLESS,
    ORIENTATION,
    difference,
    encoded,
    exif,
    grey,
    grey_rgb,
    grey_tiff,
    original,
    tiff,
)

RGB = original()
STORED = {
    1: lambda upright: upright,
    2: np.fliplr,
    3: lambda upright: np.rot90(upright, 2),
    4: np.flipud,
    5: lambda upright: upright.swapaxes(0, 1),
    6: np.rot90,  # a quarter turn to the left: the viewer turns it to the right
    7: lambda upright: np.rot90(upright, 2).swapaxes(0, 1),
    8: lambda upright: np.rot90(upright, -1),
}
"""How the pixels of an upright picture are stored under each EXIF orientation."""


@pytest.mark.parametrize("format", ["JPEG", "PNG", "WEBP", "TIFF", "AVIF"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_every_orientation_is_turned_upright(format, orientation):
    stored = np.ascontiguousarray(STORED[orientation](RGB))
    content = encoded(stored, format, exif=exif(orientation))
    assert difference(decode(content), RGB) <= (0 if format in LOSSLESS else 2.5)


@pytest.mark.parametrize("format", ["JPEG", "PNG", "WEBP", "TIFF"])
@pytest.mark.parametrize(
    "tag",
    [(3, 1, 0), (3, 1, 9), (3, 1, 4711), (2, 4, 0x00786973), (5, 1, 8), (3, 9999, 8), (99, 1, 6)],
    ids=["0", "9", "4711", "the word six", "a fraction", "cut off", "an unknown type"],
)
def test_an_invalid_orientation_is_none(format, tag):
    height, width = RGB.shape[:2]
    if format == "TIFF":
        body = np.asarray(grey()).tobytes()
        strip = {"t273": (4, 1, 8), "t279": (4, 1, len(body)), "t274": tag}
        assert difference(decode(tiff(grey_tiff(width, height, **strip), body)), grey_rgb()) == 0
    else:
        junk = b"Exif\0\0" + tiff({ORIENTATION: tag}, b"\6\0\0\0\1\0\0\0")
        assert difference(decode(encoded(RGB, format, exif=junk)), RGB) <= 2.5


@pytest.mark.parametrize(
    "junk",
    [b"Exif\0\0", b"Exif\0\0junk" * 9, exif(6)[:20], b"Exif\0\0II*\0\xff\xff\xff\xff"],
    ids=["empty", "text", "cut off", "pointing nowhere"],
)
@pytest.mark.parametrize("format", ["JPEG", "PNG", "WEBP"])
def test_damaged_exif_does_not_matter(format, junk):
    assert difference(decode(encoded(RGB, format, exif=junk)), RGB) <= 2.5


def test_a_png_may_tell_its_orientation_after_its_pixels():
    upright, turned = (encoded(RGB, "PNG", **options) for options in ({}, {"exif": exif(3)}))
    start = turned.index(b"eXIf") - 4
    chunk = turned[start : turned.index(b"IDAT") - 4]
    late = upright[: upright.index(b"IEND") - 4] + chunk + upright[upright.index(b"IEND") - 4 :]
    assert difference(decode(late), np.rot90(RGB, 2)) == 0


@pytest.mark.parametrize("orientation", [1, 6])
def test_heic_with_its_package_gives_the_original(orientation):
    heif = pytest.importorskip("pillow_heif")
    heif.register_heif_opener()
    stored = np.ascontiguousarray(STORED[orientation](RGB))
    assert difference(decode(encoded(stored, "HEIF", quality=95, exif=exif(orientation))), RGB) <= 3
