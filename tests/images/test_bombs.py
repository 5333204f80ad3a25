"""Small files that claim, or unpack to, far too much: refused, and the process hardly grows."""

import struct
import subprocess
import sys
import zlib
from pathlib import Path

import pytest

from facerec.errors import ImageTooLarge
from facerec.images import decode
from tests.images.samples import encoded, grey_tiff, original, png, tiff

on_linux = pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="reads a process's peak from /proc")

MEASURE = """
import re, sys
from facerec.errors import BadImage
from facerec.images import load

def peak():  # not getrusage's: that remembers the process that started this one
    return int(re.search("VmHWM: *([0-9]+) kB", open("/proc/self/status").read().replace("\\t", " "))[1]) / 1024

small, bomb = sys.argv[1:]
load(small)
before = peak()
try:
    load(bomb)
    outcome = "decoded"
except BadImage as error:
    outcome = error.code
print(outcome, peak() - before)
"""


def patched(content: bytes, place: int, layout: str, *sides: int) -> bytes:
    """The sides in a header, changed."""
    return content[:place] + struct.pack(layout, *sides) + content[place + struct.calcsize(layout) :]


def lossless_webp(width: int, height: int) -> bytes:
    content = encoded(original(), "WEBP")
    assert content[12:16] == b"VP8L"
    (bits,) = struct.unpack_from("<I", content, 21)
    return patched(content, 21, "<I", bits & ~((1 << 28) - 1) | (height - 1) << 14 | (width - 1))


def jpeg(width: int, height: int) -> bytes:
    content = encoded(original(), "JPEG")
    return patched(content, content.index(b"\xff\xc0") + 5, ">HH", height, width)


def avif(width: int, height: int) -> bytes:
    content = encoded(original(), "AVIF")
    return patched(content, content.index(b"ispe") + 8, ">II", width, height)


BOMBS = {
    "png of 169 million pixels": lambda: png(13000, 13000),
    "png of 400 million pixels": lambda: png(20000, 20000),
    "png strip": lambda: png(65535, 1),
    "gif": lambda: patched(encoded(original(), "GIF"), 6, "<HH", 17000, 17000),
    "bmp": lambda: patched(encoded(original(), "BMP"), 18, "<ii", 17000, 17000),
    "jpeg of 169 million pixels": lambda: jpeg(13000, 13000),
    "jpeg of 4 billion pixels": lambda: jpeg(65535, 65535),
    "webp of 100 million pixels": lambda: lossless_webp(12500, 8000),
    "webp of 268 million pixels": lambda: lossless_webp(16383, 16383),
    "avif of 169 million pixels": lambda: avif(13000, 13000),
    "avif of 289 million pixels": lambda: avif(17000, 17000),
    "tiff": lambda: tiff(grey_tiff(17000, 17000, t273=(4, 1, 8), t279=(4, 1, 9)), bytes(9)),
    "tiff in one tile": lambda: tiff(
        grey_tiff(100, 100, t322=(4, 1, 20000), t323=(4, 1, 20000), t324=(4, 1, 8), t325=(4, 1, 9)), bytes(9)
    ),
}


def grown(tmp_path: Path, content: bytes) -> tuple[str, float]:
    """What became of a picture in a process of its own, and how many MB that grew over it."""
    (tmp_path / "small").write_bytes(encoded(original(), "PNG"))
    (tmp_path / "bomb").write_bytes(content)
    command = [sys.executable, "-c", MEASURE, tmp_path / "small", tmp_path / "bomb"]
    outcome, megabytes = subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()
    return outcome, float(megabytes)


@pytest.mark.parametrize("name", BOMBS)
def test_a_bomb_is_too_large(name):
    with pytest.raises(ImageTooLarge):
        decode(BOMBS[name]())


@on_linux
@pytest.mark.parametrize("name", [name for name in BOMBS if "169" not in name])
def test_refusing_a_bomb_takes_less_than_100_mb(tmp_path, name):
    content = BOMBS[name]()
    assert len(content) < 100_000
    outcome, megabytes = grown(tmp_path, content)
    assert outcome == "image_too_large"
    assert megabytes < 100


@on_linux
def test_the_measure_sees_a_large_picture(tmp_path):
    outcome, megabytes = grown(tmp_path, png(10000, 4900))
    assert outcome == "decoded"
    assert megabytes > 100


def overlapping(size: int, tags: int) -> dict[int, tuple[int, int, int]]:
    """Private tags that all point at the same `size` bytes."""
    return {40000 + number: (7, size, 8) for number in range(tags)}


@on_linux
def test_tags_that_share_their_bytes_are_not_copied_for_each(tmp_path):
    """500 tags of 2 MB each would be 1 GB; Pillow before 13 took all of it."""
    body = bytes(2_000_000)
    strip = {"t273": (4, 1, 8), "t279": (4, 1, 4096)}
    outcome, megabytes = grown(tmp_path, tiff(grey_tiff(64, 64, **strip) | overlapping(len(body), 500), body))
    assert outcome == "decoded"
    assert megabytes < 100


@on_linux
def test_exif_whose_tags_share_their_bytes_is_not_copied_for_each(tmp_path):
    body = bytes(2_000_000)
    outcome, megabytes = grown(tmp_path, png(64, 64, (b"eXIf", tiff(overlapping(len(body), 500), body))))
    assert outcome == "decoded"
    assert megabytes < 100


@on_linux
def test_compressed_text_is_not_unpacked_without_end(tmp_path):
    text = b"Comment\0\0" + zlib.compress(bytes(200_000_000), 9)
    assert len(text) < 200_000
    outcome, megabytes = grown(tmp_path, png(64, 64, *[(b"zTXt", text)] * 3))
    assert outcome == "bad_image"
    assert megabytes < 100
