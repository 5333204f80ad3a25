"""Any colour mode of Pillow's -> RGB uint8, by rules of our own where Pillow would clip or lose the background.

Colour profiles are not applied: all pictures are treated alike, and a profile is one more parser.
"""

from __future__ import annotations

import numpy as np
import PIL.Image

from facerec.records import Image

MID_GREY = (128, 128, 128)
"""What shows through where a picture is transparent."""


def to_rgb(picture: PIL.Image.Image) -> Image:
    """Pixels as RGB uint8 (H, W, 3).

    Transparent pixels lie over mid-grey. 16 bits of grey are divided by 257 (of colours, Pillow keeps the upper
    8 bits, at most one level less). Wider integers and floats have no fixed white, see `_scaled`.
    """
    if picture.mode.startswith("I;16"):
        return _grey(_EIGHT_BITS[np.asarray(picture)])
    if picture.mode in ("I", "F"):
        return _grey(_scaled(np.asarray(picture)))
    if picture.has_transparency_data:
        picture = _over_grey(picture.convert("RGBA"))
    return _pixels(picture if picture.mode == "RGB" else picture.convert("RGB"))


def _pixels(picture: PIL.Image.Image, rows: int = 256) -> Image:
    """The pixels of an RGB picture, some rows at a time: half the time, and half the memory, of all at once."""
    out = np.empty((picture.height, picture.width, 3), np.uint8)
    for top in range(0, picture.height, rows):
        bottom = min(top + rows, picture.height)
        out[top:bottom] = np.asarray(picture.crop((0, top, picture.width, bottom)))
    return out


_EIGHT_BITS = np.rint(np.arange(65536) / 257).astype(np.uint8)


def _over_grey(picture: PIL.Image.Image) -> PIL.Image.Image:
    """An RGBA picture laid over mid-grey."""
    ground = PIL.Image.new("RGB", picture.size, MID_GREY)
    ground.paste(picture, mask=picture.getchannel("A"))
    return ground


def _scaled(values: np.ndarray) -> np.ndarray:
    """Numbers without a fixed range -> uint8: white is the least of 1 (floats only), 255, 65535 and the greatest
    value itself that is not exceeded; negative or undefined is black."""
    values = np.nan_to_num(values, nan=0, posinf=0, neginf=0)
    greatest = float(values.max())
    usual = (1.0, 255.0, 65535.0) if values.dtype.kind == "f" else (255.0, 65535.0)
    white = next((white for white in usual if greatest <= white), greatest)
    return np.asarray(np.rint(np.clip(values, 0, None) * (255 / white)), np.uint8)


def _grey(levels: np.ndarray) -> Image:
    """(H, W) -> (H, W, 3)."""
    return np.repeat(levels[:, :, None], 3, axis=2)
