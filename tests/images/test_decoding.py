"""What comes through the door: every format, within the limits, and nothing said or left behind."""

import io
import subprocess
import sys
import warnings
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import PIL.Image
import PIL.ImageFile
import pytest

from facerec.errors import ImageTooLarge, ImageTooSmall, UnsupportedFormat
from facerec.images import Limits, decode, load, read_bytes
from tests.images.samples import (
    LOSSLESS,
    animated,
    difference,
    encoded,
    every_kind,
    exif,
    frames,
    grey_tiff,
    original,
    png,
    tiff,
)

RGB = original()


@pytest.mark.parametrize("format", ["JPEG", "PNG", "WEBP", "BMP", "TIFF", "AVIF", "GIF"])
def test_every_format_gives_the_original(format):
    allowed = 0 if format in LOSSLESS else 8 if format == "GIF" else 2.5  # a GIF has 256 colours
    assert difference(decode(encoded(RGB, format)), RGB) <= allowed


@pytest.mark.parametrize("format", ["PNG", "GIF", "WEBP", "TIFF", "AVIF", "MPO"])
def test_an_animation_gives_its_first_frame(format):
    first, second, _ = frames()
    image = decode(animated(format))
    assert difference(image, np.asarray(first)) <= 8
    assert difference(image, np.asarray(second)) > 20


@pytest.mark.parametrize("size", [(1, 1), (2000, 3), (3, 2000), (19, 500)])
def test_a_side_too_short_is_refused_with_the_size(size):
    with pytest.raises(ImageTooSmall, match=f"{size[0]} x {size[1]}"):
        decode(png(*size))


@pytest.mark.parametrize("size", [(12001, 20), (20, 12001), (10000, 5001), (65535, 1)])
def test_too_many_pixels_or_too_long_a_side_is_refused_with_the_size(size):
    with pytest.raises(ImageTooLarge, match=f"{size[0]} x {size[1]}"):
        decode(png(*size))


@pytest.mark.parametrize("size", [(20, 20), (12000, 20)])
def test_sides_at_the_limits_are_fine(size):
    assert decode(png(*size)).shape == (size[1], size[0], 3)


def test_limits_are_the_callers_to_set():
    content = encoded(RGB, "PNG")
    strict = [Limits(bytes=100), Limits(pixels=100), Limits(longest=100), Limits(bytes=len(content) - 1)]
    for limits in strict:
        with pytest.raises(ImageTooLarge):
            load(content, limits)
    with pytest.raises(ImageTooSmall):
        load(content, Limits(shortest=120))
    assert load(content, Limits(bytes=len(content), pixels=RGB.shape[0] * RGB.shape[1])).shape == RGB.shape


def test_heic_without_its_package_names_the_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "pillow_heif.as_plugin", None)
    with pytest.raises(UnsupportedFormat, match=r"pip install facerec\[heic\]"):
        decode(b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + bytes(100))


def test_nothing_is_said_and_no_setting_changed(capfd):
    before = list(warnings.filters)
    with warnings.catch_warnings(record=True) as heard:
        warnings.simplefilter("always")
        filters = list(warnings.filters)
        with pytest.raises(ImageTooLarge):
            decode(png(13000, 13000))
        decode(encoded(RGB, "JPEG", exif=exif(6)[:-30]))
        decode(tiff(grey_tiff(40, 40, t273=(4, 1, 8), t279=(4, 1, 1600), t40000=(7, 9999, 8)), bytes(1600)))
        assert list(warnings.filters) == filters
    assert heard == []
    assert list(warnings.filters) == before
    assert PIL.ImageFile.LOAD_TRUNCATED_IMAGES is False
    assert capfd.readouterr() == ("", "")


def test_threads_decode_side_by_side():
    contents = [every_kind()[name] for name in ("jpeg", "png", "webp", "tiff", "avif")] * 8
    expected = [decode(content) for content in contents]
    before = list(warnings.filters)
    with ThreadPoolExecutor(4) as pool:
        for image, one_by_one in zip(pool.map(decode, contents), expected, strict=True):
            np.testing.assert_array_equal(image, one_by_one)
    assert list(warnings.filters) == before


def test_a_decoded_picture_may_be_written_on():
    image = decode(encoded(RGB, "PNG"))
    image[0, 0] = 7
    assert image.flags.c_contiguous


def test_bytes_path_and_text_give_the_same(tmp_path):
    content = encoded(RGB, "PNG")
    path = tmp_path / "a.png"
    path.write_bytes(content)
    assert read_bytes(path) == read_bytes(str(path)) == read_bytes(content) == content
    for source in (path, str(path), content):
        np.testing.assert_array_equal(load(source), RGB)


def test_only_the_listed_decoders_are_imported(tmp_path):
    for name, content in every_kind().items():
        (tmp_path / name).write_bytes(content)
    code = """
import sys, pathlib, facerec.images
for path in pathlib.Path(sys.argv[1]).iterdir():
    facerec.images.load(path)
sys.exit(any(f"PIL.{name}ImagePlugin" in sys.modules for name in ("Eps", "Fits", "Psd", "Ico", "Pdf")))
"""
    assert subprocess.run([sys.executable, "-c", code, tmp_path], check=False).returncode == 0


def test_importing_the_door_is_cheap():
    code = "import sys, facerec.images; sys.exit(any(m in sys.modules for m in ('torch', 'cv2', 'onnxruntime')))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_pillow_can_read_what_is_written_here():
    """The pictures above are what they claim to be, by another door."""
    with PIL.Image.open(io.BytesIO(png(64, 32))) as picture:
        assert picture.size == (64, 32)
