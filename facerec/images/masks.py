"""Pictures whose pixels are labels: read as the numbers that they hold, and written with a palette that shows them."""

from __future__ import annotations

import io
import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import PIL.Image

from facerec.errors import InvalidInput
from facerec.images.decoding import ANY_SIZE, decode, read_bytes
from facerec.images.formats import sniff
from facerec.replacing import replacing

LOSSY = ("JPEG", "MPO")


def load_mask(source: str | os.PathLike[str]) -> np.ndarray:
    """The numbers in a mask: (H, W) uint8, or (H, W, 3) uint8 where it holds colours.

    Of a grey picture its levels, of one with a palette the places in that (never its colours), of a black and white
    one 0 and 255. Raises BadImage as `load` does, and InvalidInput for a JPEG, which changes the numbers.
    """
    name = repr(os.fspath(source))
    content = read_bytes(source, ANY_SIZE)
    if sniff(content, name) in LOSSY:
        raise InvalidInput(f"the mask {name} is a JPEG, which blurs labels into each other: save masks as PNG")
    colours = decode(content, ANY_SIZE, name)  # every check of a picture, before its palette is looked at
    with PIL.Image.open(io.BytesIO(content)) as picture:
        if picture.mode == "P":
            return np.array(picture, np.uint8)
    is_grey = (colours == colours[..., :1]).all()
    return np.ascontiguousarray(colours[..., 0]) if is_grey and picture.mode not in ("RGB", "RGBA") else colours


def save_mask(labels: np.ndarray, palette: Sequence[tuple[int, int, int]], path: str | os.PathLike[str]) -> None:
    """Write labels (H, W) uint8 as a PNG that holds the numbers and shows the palette's colours, others in black.

    Raises InvalidInput where the name does not end in .png, or the file cannot be written.
    """
    target = Path(path)
    if target.suffix.lower() != ".png":
        raise InvalidInput(f"{str(path)!r} must end in .png: a mask is written without loss")
    picture = PIL.Image.fromarray(labels, "P")
    picture.putpalette(bytes(level for colour in palette for level in colour).ljust(3 * 256, b"\0"))
    buffer = io.BytesIO()
    picture.save(buffer, "PNG")
    try:
        with replacing(target) as fresh:
            fresh.write_bytes(buffer.getvalue())
    except OSError as error:
        raise InvalidInput(f"{str(path)!r} cannot be written: {error.strerror}") from error
