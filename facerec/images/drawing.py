"""Drawing on pictures: boxes with labels, and several pictures as one."""

from __future__ import annotations

import math
import unicodedata
from collections.abc import Sequence

import numpy as np
import PIL.Image
import PIL.ImageDraw
import PIL.ImageFont

from facerec.errors import InvalidInput
from facerec.records import Image

Colour = tuple[int, int, int]
Font = PIL.ImageFont.FreeTypeFont | PIL.ImageFont.ImageFont

MID_GREY = 128


def annotate(image: Image, boxes: np.ndarray, labels: Sequence[str], colours: Sequence[Colour]) -> Image:
    """A copy with a frame around each box and its label on a strip of the same colour.

    boxes   (N, 4)  x1 y1 x2 y2, pixels; what lies outside the picture is not drawn
    labels  N texts, "" for none; cut where the picture is too narrow
    Lines and letters grow with the picture. Raises InvalidInput when the counts differ or a box is not finite.
    """
    if not (len(boxes) == len(labels) == len(colours) and np.isfinite(boxes).all()):
        counts = f"{len(boxes)} boxes, {len(labels)} labels, {len(colours)} colours"
        raise InvalidInput(f"{counts}: give as many of each, and finite boxes")
    canvas = PIL.Image.fromarray(image)
    pen = PIL.ImageDraw.Draw(canvas)
    side = max(canvas.size)
    font = PIL.ImageFont.load_default(size=max(12.0, side / 40))
    near = np.rint(np.clip(boxes, -side, 2 * side)).astype(int).reshape(-1, 4).tolist()  # far away is as good
    for (x1, y1, x2, y2), colour in zip(near, colours, strict=True):
        pen.rectangle((x1, y1, max(x1, x2 - 1), max(y1, y2 - 1)), outline=colour, width=max(1, round(side / 300)))
    for (x1, y1, _, _), label, colour in zip(near, labels, colours, strict=True):
        if label:
            _write(pen, (x1, y1), label, colour, font)
    return np.array(canvas)


def grid(images: Sequence[Image], columns: int) -> Image:
    """Pictures side by side in rows of `columns`, each at the top left of a cell as large as the largest."""
    if not images or columns < 1:
        raise InvalidInput("a grid needs at least one picture and one column")
    height, width = (max(image.shape[axis] for image in images) for axis in (0, 1))
    rows = math.ceil(len(images) / columns)
    sheet = np.full((rows * height, min(columns, len(images)) * width, 3), MID_GREY, np.uint8)
    for place, image in enumerate(images):
        y, x = place // columns * height, place % columns * width
        sheet[y : y + image.shape[0], x : x + image.shape[1]] = image
    return sheet


def _write(pen: PIL.ImageDraw.ImageDraw, corner: tuple[int, int], label: str, colour: Colour, font: Font) -> None:
    """A label on a strip that stands on the box's top left corner, or hangs from it where no room is above."""
    width, height = pen.im.size
    text = _fitting(_drawable(label[:200]), width, font)
    wide, tall = _measured(text, font)
    x = max(0, min(corner[0], width - wide))
    y = corner[1] - tall if corner[1] >= tall else max(corner[1], 0)
    y = max(0, min(y, height - tall))
    pen.rectangle((x, y, x + wide - 1, y + tall - 1), fill=colour)
    pen.text((x + tall // 6, y + tall // 12), text, fill=_ink(colour), font=font)


def _measured(text: str, font: Font) -> tuple[int, int]:
    """Width and height, in pixels, of the strip that holds a text."""
    tall = math.ceil(font.getbbox("Ag")[3] * 1.2)
    return math.ceil(font.getlength(text)) + tall // 6 * 2, tall


def _fitting(text: str, width: int, font: Font) -> str:
    """The text, or as much of its beginning as fits with three dots."""
    cuts = [text, *(f"{text[:length]}..." for length in range(len(text) - 1, 0, -1))]
    return next((cut for cut in cuts if _measured(cut, font)[0] <= width), "")


def _drawable(text: str) -> str:
    """In the letters of Pillow's own font, which has ASCII only: accents fall off, other scripts become `?`.

    >>> _drawable("Zoë Østergård 李\\n97 %")
    'Zoe ?stergard ? 97 %'
    """
    plain = "".join(c for c in unicodedata.normalize("NFKD", text) if not unicodedata.combining(c))
    return "".join(c if " " <= c <= "~" else " " if c.isspace() else "?" for c in plain)


def _ink(colour: Colour) -> Colour:
    """Black or white, whichever stands out more (relative luminance and contrast of WCAG 2)."""
    share = [c / 255 for c in colour]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in share]
    luminance = 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
    return (0, 0, 0) if (luminance + 0.05) ** 2 > 1.05 * 0.05 else (255, 255, 255)
