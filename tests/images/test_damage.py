"""Files that are cut off, changed, or something else besides: a typed error of one line, or the picture."""

import random

import numpy as np
import PIL.Image
import pytest

from facerec.errors import BadImage, ImageTooLarge
from facerec.images import decode, decoding
from tests.images.samples import difference, encoded, every_kind, mutated, original, png, tiff

RGB = original()


def complete_in(name: str) -> int:
    """Percent of an animation after which its first frame is whole; 100 for all that has one frame only."""
    return 30 if name.endswith("animated") or name == "mpo" else 100


@pytest.mark.parametrize("name", every_kind())
def test_truncated_at_any_percent_is_refused(name):
    content = every_kind()[name]
    for percent in range(complete_in(name)):
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
