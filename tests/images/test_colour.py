"""Every colour mode, compared with the RGB original."""

import numpy as np
import PIL.Image
import pytest

from facerec.images import decode
from tests.images.samples import difference, encoded, grey, grey_rgb, original, sixteen

RGB = original()


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
