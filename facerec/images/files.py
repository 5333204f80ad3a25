"""Picture files: their bytes read safely, found in a folder, written so that none is ever half there."""

from __future__ import annotations

import io
import os
import secrets
import stat
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import PIL.Image

from facerec.errors import BadImage, ImageTooLarge, InvalidInput
from facerec.records import Image

SUFFIXES = frozenset(
    {
        *(".jpg", ".jpeg", ".jpe", ".jfif", ".mpo"),
        *(".png", ".apng", ".webp", ".bmp", ".gif", ".tif", ".tiff"),
        *(".avif", ".heic", ".heif"),
    }
)
"""How the names of picture files end."""

WRITTEN: dict[str, Literal["PNG", "JPEG"]] = {".png": "PNG", ".jpg": "JPEG", ".jpeg": "JPEG"}

_BEST = {"PNG": {}, "JPEG": {"quality": 92, "subsampling": 0}}
"""Coloured lines and letters stay sharp in a JPEG that keeps its colours at full size."""

_KINDS = [
    (stat.S_ISDIR, "a folder"),
    (stat.S_ISFIFO, "a named pipe"),
    (stat.S_ISSOCK, "a socket"),
    (stat.S_ISCHR, "a device"),
    (stat.S_ISBLK, "a device"),
]


def is_picture_name(name: str | os.PathLike[str]) -> bool:
    """Does the name end like a picture's, and is it not hidden?

    >>> [is_picture_name(n) for n in ("a.JPG", "a.tiff", "a.txt", "._a.jpg", "jpg")]
    [True, True, False, False, False]
    """
    path = Path(name)
    return path.suffix.lower() in SUFFIXES and not path.name.startswith(".")


def find(folder: str | os.PathLike[str]) -> list[Path]:
    """The picture files in a folder and all folders below it, by name, sorted; hidden ones and linked folders not.

    Raises InvalidInput when a folder cannot be listed.
    """

    def refuse(error: OSError) -> None:
        raise InvalidInput(f"{error.filename!r} cannot be listed: {error.strerror}") from error

    found: list[Path] = []
    for place, folders, names in os.walk(folder, onerror=refuse):
        folders[:] = [name for name in folders if not name.startswith(".")]
        found += [Path(place, name) for name in names if is_picture_name(name)]
    return sorted(found)


def read_file(path: str, limit: int) -> bytes:
    """The content of a regular file of at most `limit` bytes; a pipe, a socket or a device is not even opened.

    Raises ImageTooLarge for more bytes, and BadImage for everything else that cannot be read.
    """
    name = repr(path)  # also makes a line break, an escape sequence or a byte that is no UTF-8 harmless to print
    try:
        _require_regular(os.stat(path).st_mode, name)
        with open(path, "rb", opener=_open_without_waiting) as file:
            _require_regular(os.fstat(file.fileno()).st_mode, name)
            content = file.read(limit + 1)
    except (OSError, ValueError) as error:  # ValueError: a name with a NUL, or that cannot be a file name
        raise BadImage(f"{name} cannot be read: {getattr(error, 'strerror', None) or error}") from error
    if len(content) > limit:
        raise ImageTooLarge(f"{name} has more than the {limit:,} bytes that are allowed: save it smaller")
    return content


def _require_regular(mode: int, name: str) -> None:
    """Raise BadImage unless a file's mode is a regular file's."""
    if not stat.S_ISREG(mode):
        kind = next((kind for is_kind, kind in _KINDS if is_kind(mode)), "no file")
        raise BadImage(f"{name} is {kind}: give a picture file")


def _open_without_waiting(path: str, flags: int) -> int:
    """Never hang on a pipe that took the place of the file after it was looked at."""
    return os.open(path, flags | getattr(os, "O_NONBLOCK", 0))


def encode(image: Image, format: Literal["PNG", "JPEG"]) -> bytes:
    """A picture as the content of a PNG or JPEG file, without metadata: RGB uint8 (H, W, 3) -> bytes."""
    buffer = io.BytesIO()
    PIL.Image.fromarray(image).save(buffer, format, **_BEST[format])
    return buffer.getvalue()


def save(image: Image, path: str | os.PathLike[str]) -> None:
    """Write a picture as PNG or JPEG, by the name's end; whoever reads sees the old file or the new one, whole.

    Raises InvalidInput for another ending, or when the file cannot be written.
    """
    target = Path(path)
    if target.suffix.lower() not in WRITTEN:
        raise InvalidInput(f"{str(path)!r} must end in {', '.join(WRITTEN)}: other formats are not written")
    _put(encode(image, WRITTEN[target.suffix.lower()]), target)


def save_animation(frames: Sequence[Image], path: str | os.PathLike[str], milliseconds: int = 200) -> None:
    """Write frames of one size as a GIF that begins again, the last frame shown five times as long.

    Raises InvalidInput for no frame, frames of different size, another ending, or when the file cannot be written.
    """
    target = Path(path)
    if target.suffix.lower() != ".gif":
        raise InvalidInput(f"{str(path)!r} must end in .gif")
    if not frames or len({frame.shape for frame in frames}) != 1:
        raise InvalidInput("an animation needs at least one frame, and all of one size")
    buffer, pictures = io.BytesIO(), [PIL.Image.fromarray(frame) for frame in frames]
    times = [*[milliseconds] * (len(frames) - 1), 5 * milliseconds]
    pictures[0].save(buffer, "GIF", save_all=True, append_images=pictures[1:], duration=times, loop=0)
    _put(buffer.getvalue(), target)


def _put(content: bytes, target: Path) -> None:
    """Give a file its content, whole. Raises InvalidInput where that cannot be."""
    part = target.with_name(f".facerec-{secrets.token_hex(8)}.part")
    try:
        with open(part, "xb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(part, target)
    except OSError as error:
        raise InvalidInput(f"{str(target)!r} cannot be written: {error.strerror}") from error
    finally:
        part.unlink(missing_ok=True)
