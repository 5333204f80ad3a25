"""Bytes -> upright RGB uint8. Every refusal is a typed error with one line that says what came and what to do."""

from __future__ import annotations

import importlib
import io
import os
import struct
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import PIL.Image

from facerec.errors import BadImage, ImageTooLarge, ImageTooSmall, UnsupportedFormat
from facerec.images.colour import to_rgb
from facerec.images.files import read_file
from facerec.images.formats import PLUGINS, announced_size, sniff
from facerec.records import Image


@dataclass(frozen=True, slots=True)
class Limits:
    """What a picture may measure, checked before its pixels are decoded.

    bytes     of the file
    pixels    width times height
    longest   pixels, of either side
    shortest  pixels, of either side: less cannot hold a face
    """

    bytes: int = 64_000_000
    pixels: int = 50_000_000
    longest: int = 12_000
    shortest: int = 20


ANY_SIZE = Limits(shortest=1)
"""Of pictures that need not hold a face."""

DECODER_ERRORS = (
    OSError,  # truncated data, broken streams, unknown variants; PIL.UnidentifiedImageError is one
    SyntaxError,  # headers and chunks that break their format's rules
    ValueError,  # sizes and offsets out of range, colour modes without a way to RGB
    RuntimeError,  # AVIF: missing items, colours that cannot be converted
    TypeError,  # TIFF and EXIF tags of another type than their meaning needs
    AttributeError,  # the same, where such a tag is written again
    EOFError,  # HEIC data that ends too early; animations without a first frame
    ArithmeticError,  # AVIF animations with a time scale of zero; numbers too large for C
    LookupError,  # tables shorter than what points into them
    struct.error,  # numbers cut off
    UserWarning,  # odd metadata, in a process that makes errors of warnings
)
"""What Pillow's decoders raise on damaged files: all but the last but two were met in 300,000 mutated files."""

_TURNS = {
    2: PIL.Image.Transpose.FLIP_LEFT_RIGHT,
    3: PIL.Image.Transpose.ROTATE_180,
    4: PIL.Image.Transpose.FLIP_TOP_BOTTOM,
    5: PIL.Image.Transpose.TRANSPOSE,
    6: PIL.Image.Transpose.ROTATE_270,
    7: PIL.Image.Transpose.TRANSVERSE,
    8: PIL.Image.Transpose.ROTATE_90,
}
"""EXIF orientation -> what makes the picture upright; 1, and all that is no orientation, need nothing."""

_ORIENTATION = 0x0112
_TILE_WIDTH, _TILE_HEIGHT = 0x0142, 0x0143
_LARGEST_TILE = 2048 * 2048
_ONE_AT_A_TIME = threading.Lock()


def read_bytes(source: str | os.PathLike[str] | bytes, limits: Limits = Limits()) -> bytes:
    """The bytes of a picture, so that a caller can digest the very bytes that are decoded; bytes stay as they are.

    Raises BadImage when there is no regular file to read, and ImageTooLarge when it has too many bytes.
    """
    if isinstance(source, bytes):
        return source
    return read_file(os.fspath(source), limits.bytes)


def load(source: str | os.PathLike[str] | bytes, limits: Limits = Limits()) -> Image:
    """A picture from a file, or from the bytes of one: upright RGB uint8 (H, W, 3); an animation's first frame.

    Raises BadImage, or one of its kinds: UnsupportedFormat, ImageTooLarge, ImageTooSmall.
    """
    name = "the picture" if isinstance(source, bytes) else repr(os.fspath(source))
    return decode(read_bytes(source, limits), limits, name)


def decode(content: bytes, limits: Limits = Limits(), name: str = "the picture") -> Image:
    """What `load` does once the bytes are there; `name` is what the messages call them."""
    if len(content) > limits.bytes:
        raise ImageTooLarge(f"{name} has more than the {limits.bytes:,} bytes that are allowed: save it smaller")
    format = sniff(content, name)
    if (size := announced_size(content, format)) is not None:
        _require_fitting(size, limits, name)
    try:
        with _open(content, format, name) as picture:
            _require_fitting(picture.size, limits, name)
            _require_small_tiles(picture, name)
            picture.load()
            turn = _TURNS.get(_orientation(picture))  # a PNG may tell it after its pixels; a TIFF is turned by now
            return to_rgb(picture if turn is None else picture.transpose(turn))
    except (PIL.Image.DecompressionBombError, PIL.Image.DecompressionBombWarning) as error:
        raise ImageTooLarge(f"{name} has more than {limits.pixels:,} pixels: save it smaller") from error
    except MemoryError as error:
        raise ImageTooLarge(f"{name} needs more memory than there is: save it smaller") from error
    except DECODER_ERRORS as error:
        raise BadImage(f"{name} is a damaged or unusual {format} picture: {_reason(error)}") from error


def _open(content: bytes, format: str, name: str) -> PIL.Image.Image:
    """Read the header, by the one decoder of that format.

    Raises UnsupportedFormat when its package is not installed, and what Pillow raises.
    """
    try:
        importlib.import_module(PLUGINS[format])  # else Pillow would import its decoders of all 40 formats
    except ImportError as error:
        raise UnsupportedFormat(
            f"{name} is a {format} picture: `pip install facerec[heic]` reads those, or save it as JPEG"
        ) from error
    with _bombs_are_errors():
        picture = PIL.Image.open(io.BytesIO(content), formats=(format,))
        if format == "TIFF":
            picture.getexif()  # kept by the picture, which else reads it, and complains, while it loads
        return picture


@contextmanager
def _bombs_are_errors() -> Iterator[None]:
    """Inside, a picture that Pillow takes for a bomb is an error, and odd metadata is nobody's business.

    The list of warning filters belongs to the whole process, so only one thread at a time may change it.
    """
    with _ONE_AT_A_TIME, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        warnings.simplefilter("error", PIL.Image.DecompressionBombWarning)
        yield


def _reason(error: Exception) -> str:
    """A decoder's complaint in one printable line."""
    if isinstance(error, PIL.UnidentifiedImageError):
        return "its header makes no sense"
    return " ".join(str(error).encode("unicode_escape").decode().split()) or type(error).__name__


def _orientation(picture: PIL.Image.Image) -> int:
    """The EXIF orientation, 1 to 8; 1 where the tag, or all the metadata, is no sense."""
    try:
        with _bombs_are_errors():
            value = picture.getexif().get(_ORIENTATION, 1)
    except DECODER_ERRORS:
        return 1
    return value if isinstance(value, int) and value in _TURNS else 1


def _require_fitting(size: tuple[int, int], limits: Limits, name: str) -> None:
    """Raise ImageTooLarge or ImageTooSmall when the sides, in pixels, are outside the limits."""
    width, height = size
    if max(size) > limits.longest or width * height > limits.pixels:
        most = f"{limits.longest} a side and {limits.pixels:,} in all"
        raise ImageTooLarge(f"{name} is {width} x {height} pixels; at most {most} are read: save it smaller")
    if min(size) < limits.shortest:
        raise ImageTooSmall(f"{name} is {width} x {height} pixels; a side needs at least {limits.shortest}")


def _require_small_tiles(picture: PIL.Image.Image, name: str) -> None:
    """Raise ImageTooLarge when a TIFF's tiles are much larger than the TIFF: each is unpacked whole."""
    tags = getattr(picture, "tag_v2", {})
    tile = tags.get(_TILE_WIDTH, 0) * tags.get(_TILE_HEIGHT, 0)
    if tile > max(2 * picture.width * picture.height, _LARGEST_TILE):
        raise ImageTooLarge(f"{name} is cut in tiles of {tile:,} pixels, more than it has: save it without tiles")
