"""What a file is goes by its first bytes, and what cannot be read is named."""

import importlib
import random

import pytest

from facerec.errors import BadImage, UnsupportedFormat
from facerec.images import load
from facerec.images.formats import PLUGINS, announced_size, sniff
from tests.images.samples import encoded, every_kind, original


@pytest.mark.parametrize("name", every_kind())
def test_every_kind_is_known_by_its_bytes(name):
    expected = {"mpo": "JPEG"}.get(name, name.split()[0].upper())
    assert sniff(every_kind()[name], "it") == expected


@pytest.mark.parametrize(
    "start, format",
    [
        (b"\0\0\0\x20ftypavif\0\0\0\0avifmif1", "AVIF"),
        (b"\0\0\0\x20ftypavis\0\0\0\0avismsf1", "AVIF"),
        (b"\0\0\0\x20ftypmif1\0\0\0\0mif1avif", "AVIF"),
        (b"\0\0\0\x20ftypheic\0\0\0\0mif1heic", "HEIF"),
        (b"\0\0\0\x20ftypmif1\0\0\0\0mif1heic", "HEIF"),
        (b"\0\0\0\x20ftypmsf1\0\0\0\0msf1hevc", "HEIF"),
        (b"MM\0*\0\0\0\x08", "TIFF"),
        (b"MM\0+\0\x08\0\0", "TIFF"),
        (b"GIF87a", "GIF"),
    ],
)
def test_variants_are_known_by_their_bytes(start, format):
    assert sniff(start + bytes(50), "it") == format


@pytest.mark.parametrize(
    "start, format",
    [
        (b"8BPS\0\1", "Photoshop"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n", "PostScript"),
        (b"\xc5\xd0\xd3\xc6", "PostScript"),
        (b"SIMPLE  =                    T", "FITS"),
        (b"\0\0\1\0\1\0", "icon"),
        (b"\0\0\2\0\1\0", "icon"),
        (b"\0\0\0\x0cjP  \r\n\x87\n", "JPEG 2000"),
        (b"\0\0\0\x0cJXL \r\n\x87\n", "JPEG XL"),
        (b"P6\n2 2\n255\n", "Netpbm"),
        (b"DDS |", "DDS"),
        (b"qoif", "QOI"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'>", "SVG"),
        (b"  \n<?xml version='1.0'?>\n<!-- a drawing -->\n<SVG>", "SVG"),
    ],
)
def test_other_pictures_are_unsupported_and_named(start, format):
    with pytest.raises(UnsupportedFormat, match=f"it is a {format} picture: save it as JPEG"):
        sniff(start + bytes(50), "it")


@pytest.mark.parametrize(
    "content, words",
    [
        (b"", "it is empty"),
        (b"%PDF-1.7\n", "a PDF document"),
        (b"PK\x03\x04", "a ZIP archive"),
        (b"<!DOCTYPE html><html>", "a web page"),
        (b"\n <HTML><body>", "a web page"),
        (b"\0\0\0\x20ftypisom\0\0\2\0isomiso2", "a video"),
        (b"ID3\4", "a sound"),
        (b"\x1f\x8b\x08", "a gzip file"),
        (b"hello", "no picture of a known format"),
        (b"<?xml version='1.0'?><note/>", "no picture of a known format"),
        (b"\xff", "no picture of a known format"),
    ],
)
def test_what_is_no_picture_is_bad_and_named(content, words):
    with pytest.raises(BadImage, match=words) as caught:
        sniff(content, "it")
    assert not isinstance(caught.value, UnsupportedFormat)


def test_the_name_of_a_file_does_not_matter(tmp_path):
    (tmp_path / "truly.jpg").write_bytes(encoded(original(), "PNG"))
    assert load(tmp_path / "truly.jpg").shape == original().shape
    (tmp_path / "untruly.jpg").write_bytes(b"%PDF-1.7\n" + bytes(1000))
    with pytest.raises(BadImage, match=r"untruly\.jpg' is a PDF document: give a JPEG"):
        load(tmp_path / "untruly.jpg")


def test_random_bytes_are_a_typed_error():
    rng = random.Random(0)
    for length in [*range(1, 40), *range(40, 4000, 97)]:
        with pytest.raises(BadImage):
            load(rng.randbytes(length))


def test_a_magic_number_with_random_bytes_behind_is_a_typed_error():
    rng = random.Random(0)
    starts = [content[:16] for content in every_kind().values()]
    for start in starts * 10:
        with pytest.raises(BadImage):
            load(start + rng.randbytes(rng.randrange(2000)))


def test_a_kilobyte_of_blanks_takes_no_time():
    with pytest.raises(BadImage):
        sniff(b" " * 100_000, "it")
    with pytest.raises(BadImage):
        sniff(b"<?xml " * 20_000, "it")


def test_the_largest_item_of_an_avif_is_its_announced_size():
    height, width = original().shape[:2]
    assert announced_size(encoded(original(), "AVIF"), "AVIF") == (width, height)
    assert announced_size(b"\0\0\0\x20ftypavif", "AVIF") is None
    assert announced_size(encoded(original(), "PNG"), "PNG") is None


def test_each_listed_format_but_heic_has_its_decoder():
    for format, module in PLUGINS.items():
        if format != "HEIF":
            assert importlib.import_module(module)
