"""What comes through the door: every format, orientation and colour mode, compared with the RGB original."""

import io
import random
import subprocess
import sys
import warnings
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import PIL.Image
import PIL.ImageFile
import pytest

from facerec.errors import BadImage, ImageTooLarge, ImageTooSmall, UnsupportedFormat
from facerec.images import Limits, decode, decoding, load, read_bytes
from tests.images.samples import (
    ORIENTATION,
    animated,
    encoded,
    every_kind,
    exif,
    frames,
    grey,
    grey_tiff,
    mutated,
    original,
    png,
    sixteen,
    tiff,
)

RGB = original()
LOSSLESS = {"PNG", "BMP", "TIFF", "WEBP"}
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


def difference(image: np.ndarray, expected: np.ndarray) -> float:
    """Mean absolute difference, in 8-bit levels."""
    assert image.shape == expected.shape
    assert image.dtype == np.uint8
    return float(np.abs(image.astype(int) - expected.astype(int)).mean())


def grey_rgb() -> np.ndarray:
    return np.repeat(np.asarray(grey())[:, :, None], 3, axis=2)


@pytest.mark.parametrize("format", ["JPEG", "PNG", "WEBP", "BMP", "TIFF", "AVIF", "GIF"])
def test_every_format_gives_the_original(format):
    allowed = 0 if format in LOSSLESS else 8 if format == "GIF" else 2.5  # a GIF has 256 colours
    assert difference(decode(encoded(RGB, format)), RGB) <= allowed


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


@pytest.mark.parametrize("mode", ["CMYK", "YCbCr"])
@pytest.mark.parametrize("format", ["JPEG", "TIFF"])
def test_other_colour_spaces_give_the_original(mode, format):
    assert difference(decode(encoded(PIL.Image.fromarray(RGB).convert(mode), format)), RGB) <= 2.5


def test_a_ycck_jpeg_gives_the_original():
    """YCCK is CMYK with its first three channels as YCbCr; made by hand here, as Pillow does not write it."""
    channels = 255 - np.asarray(PIL.Image.fromarray(255 - RGB).convert("YCbCr"))
    black = np.zeros((*RGB.shape[:2], 1), np.uint8)
    content = encoded(PIL.Image.fromarray(np.concatenate([channels, black], axis=2), "CMYK"), "JPEG")
    transform = content.index(b"Adobe") + 11
    content = content[:transform] + b"\2" + content[transform + 1 :]
    assert difference(decode(content), RGB) <= 2.5


@pytest.mark.parametrize("format", ["JPEG", "PNG", "WEBP", "BMP", "GIF", "TIFF", "AVIF"])
def test_grey_gives_three_equal_channels(format):
    image = decode(encoded(grey(), format))
    assert difference(image, grey_rgb()) <= 2.5
    assert (np.ptp(image, axis=2) <= 1).all()


@pytest.mark.parametrize("format", ["PNG", "BMP", "GIF", "TIFF"])
def test_one_bit_gives_black_and_white(format):
    bits = PIL.Image.fromarray(RGB).convert("1")
    assert difference(decode(encoded(bits, format)), np.asarray(bits.convert("RGB"))) == 0


@pytest.mark.parametrize("format", ["PNG", "BMP", "GIF", "TIFF"])
def test_a_palette_gives_its_colours(format):
    few = PIL.Image.fromarray(RGB).quantize(32)
    assert difference(decode(encoded(few, format)), np.asarray(few.convert("RGB"))) == 0


@pytest.mark.parametrize("format", ["PNG", "WEBP", "TIFF", "AVIF"])
@pytest.mark.parametrize("mode", ["RGBA", "LA"])
def test_transparency_lies_over_mid_grey(format, mode):
    alpha = np.zeros(RGB.shape[:2], np.uint8)
    alpha[:50], alpha[50:100] = 255, 51  # opaque, a fifth, nothing
    colours = RGB if mode == "RGBA" else grey_rgb()
    layer = PIL.Image.fromarray(colours if mode == "RGBA" else colours[:, :, 0])
    layer.putalpha(PIL.Image.fromarray(alpha))
    share = alpha[:, :, None] / 255
    expected = np.rint(colours * share + 128 * (1 - share)).astype(np.uint8)
    image = decode(encoded(layer if format in ("PNG", "TIFF") else layer.convert("RGBA"), format))
    assert difference(image, expected) <= (2.5 if format == "AVIF" else 0.5)
    assert np.abs(image[110:].astype(int) - 128).max() <= 2


@pytest.mark.parametrize("format", ["PNG", "GIF"])
def test_a_transparent_palette_colour_is_mid_grey(format):
    few = PIL.Image.fromarray(RGB).quantize(32)
    index = np.asarray(few)
    image = decode(encoded(few, format, transparency=int(index[0, 0])))
    assert (image[index == index[0, 0]] == 128).all()
    kept = index != index[0, 0]
    assert (image[kept] == np.asarray(few.convert("RGB"))[kept]).all()


@pytest.mark.parametrize("format", ["PNG", "TIFF"])
def test_sixteen_bits_are_divided_by_257(format):
    ramp = np.arange(65536, dtype=np.uint16).reshape(256, 256)
    image = decode(encoded(PIL.Image.fromarray(ramp), format))
    np.testing.assert_array_equal(image[:, :, 1], np.rint(ramp / 257))


def test_sixteen_bits_in_the_other_byte_order():
    values = np.asarray(sixteen())
    height, width = values.shape
    body = values.astype(">u2").tobytes()
    big = tiff_big_endian(width, height, body)
    np.testing.assert_array_equal(decode(big)[:, :, 0], np.asarray(grey()))


def tiff_big_endian(width: int, height: int, body: bytes) -> bytes:
    """A 16-bit grey TIFF, written from the specification."""
    tags = [(256, width), (257, height), (258, 16), (259, 1), (262, 1), (273, 8), (277, 1), (278, height)]
    tags.append((279, len(body)))
    entries = b"".join(tag.to_bytes(2) + b"\0\4\0\0\0\1" + value.to_bytes(4) for tag, value in tags)
    return b"MM\0*" + (8 + len(body)).to_bytes(4) + body + len(tags).to_bytes(2) + entries + bytes(4)


@pytest.mark.parametrize("white", [1.0, 255.0, 65535.0, 3e6])
def test_float_pictures_are_scaled_to_the_range_they_use(white):
    values = np.asarray(grey(), np.float32) / 255 * white
    values[0, 0] = white
    values[0, 1:4] = np.nan, -white, np.inf
    image = decode(encoded(PIL.Image.fromarray(values), "TIFF"))
    assert image[0, 0:4, 0].tolist() == [255, 0, 0, 0]
    assert difference(image[1:], grey_rgb()[1:]) <= 0.01


@pytest.mark.parametrize("white", [255, 65535, 2_000_000_000])
def test_wide_integers_are_scaled_to_the_range_they_use(white):
    values = (np.asarray(grey(), np.int64) * white // 255).astype(np.int32)
    values[0, 0] = white
    image = decode(encoded(PIL.Image.fromarray(values), "TIFF"))
    assert image[0, 0, 0] == 255
    assert difference(image[1:], grey_rgb()[1:]) <= 1


@pytest.mark.parametrize("format", ["PNG", "GIF", "WEBP", "TIFF", "AVIF", "MPO"])
def test_an_animation_gives_its_first_frame(format):
    first, second, _ = frames()
    image = decode(animated(format))
    assert difference(image, np.asarray(first)) <= 8
    assert difference(image, np.asarray(second)) > 20


def complete_in(content: bytes, name: str) -> int:
    """Percent of an animation after which its first frame is whole; 100 for all that has one frame only."""
    return 30 if name.endswith("animated") or name == "mpo" else 100


@pytest.mark.parametrize("name", every_kind())
def test_truncated_at_any_percent_is_refused(name):
    content = every_kind()[name]
    for percent in range(complete_in(content, name)):
        with pytest.raises(BadImage):
            decode(content[: len(content) * percent // 100])


@pytest.mark.parametrize("name", every_kind())
def test_mutated_files_raise_typed_errors_of_one_line_or_decode(name):
    rng = random.Random(name)
    outcomes = {True: 0, False: 0}
    for _ in range(120):
        try:
            image = decode(mutated(every_kind()[name], rng))
        except BadImage as error:
            assert "\n" not in str(error)
            assert str(error).isprintable()
            outcomes[False] += 1
        else:
            assert image.dtype == np.uint8
            assert image.ndim == 3
            outcomes[True] += 1
    assert outcomes[False] > 20


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


@pytest.mark.parametrize("format", ["BMP", "GIF", "PNG", "TIFF"])
def test_a_side_of_zero_is_refused(format):
    contents = {
        "BMP": bytearray(encoded(RGB, "BMP")),
        "GIF": bytearray(encoded(RGB, "GIF")),
        "PNG": png(0, 0),
        "TIFF": tiff({256: (4, 1, 0), 257: (4, 1, 0), 258: (3, 1, 8), 259: (3, 1, 1), 262: (3, 1, 1)}),
    }
    content = contents[format]
    if format == "BMP":
        content[18:26] = bytes(8)
    if format == "GIF":
        content[6:10] = bytes(4)
        assert content[781] == ord(",")  # after the header and 256 colours
        content[786:790] = bytes(4)
    with pytest.raises(BadImage):
        decode(bytes(content))


def test_limits_are_the_callers_to_set():
    content = encoded(RGB, "PNG")
    strict = [Limits(bytes=100), Limits(pixels=100), Limits(longest=100), Limits(bytes=len(content) - 1)]
    for limits in strict:
        with pytest.raises(ImageTooLarge):
            load(content, limits)
    with pytest.raises(ImageTooSmall):
        load(content, Limits(shortest=120))
    assert load(content, Limits(bytes=len(content), pixels=RGB.shape[0] * RGB.shape[1])).shape == RGB.shape


@pytest.mark.parametrize(
    "content",
    [
        encoded(RGB, "JPEG") + b"PK\x03\x04" + bytes(200),
        encoded(RGB, "JPEG", comment=b"%PDF-1.7\n1 0 obj"),
        encoded(RGB, "PNG") + b"<script>alert(1)</script>",
        encoded(RGB, "BMP") + b"%PDF-1.7",
    ],
    ids=["zip after", "pdf inside", "script after", "pdf after"],
)
def test_a_polyglot_is_the_picture_only(content):
    assert difference(decode(content), RGB) <= 2.5


@pytest.mark.parametrize(
    "head", [b"%PDF-1.4\n", b"PK\x03\x04" + bytes(30), b"ID3\4\0\0\0\0\0\0"], ids=["pdf", "zip", "mp3"]
)
def test_a_picture_behind_something_else_is_not_looked_for(head):
    with pytest.raises(BadImage, match="give a JPEG"):
        decode(head + encoded(RGB, "JPEG"))


def test_heic_without_its_package_names_the_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "pillow_heif.as_plugin", None)
    with pytest.raises(UnsupportedFormat, match=r"pip install facerec\[heic\]"):
        decode(b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + bytes(100))


@pytest.mark.parametrize("orientation", [1, 6])
def test_heic_with_its_package_gives_the_original(orientation):
    heif = pytest.importorskip("pillow_heif")
    heif.register_heif_opener()
    stored = np.ascontiguousarray(STORED[orientation](RGB))
    assert difference(decode(encoded(stored, "HEIF", quality=95, exif=exif(orientation))), RGB) <= 3


def test_a_process_without_memory_gets_a_typed_error(monkeypatch):
    def starve(*_: object, **__: object) -> None:
        raise MemoryError

    monkeypatch.setattr(PIL.Image, "open", starve)
    with pytest.raises(ImageTooLarge, match="memory"):
        decode(encoded(RGB, "PNG"))


def test_a_bug_of_our_own_is_not_hidden(monkeypatch):
    class Bug(Exception):
        pass

    def fail(*_: object) -> None:
        raise Bug

    monkeypatch.setattr(decoding, "to_rgb", fail)
    with pytest.raises(Bug):
        decode(encoded(RGB, "PNG"))


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
