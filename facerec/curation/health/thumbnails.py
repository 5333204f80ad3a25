"""Small pictures of enrolled faces, cut from the files that they were enrolled from, where those can still be read."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from facerec import images
from facerec.digest import sha256
from facerec.errors import BadImage
from facerec.faces.area import shrink
from facerec.gallery.results import FaceDetail
from facerec.records import Image

SIDE = 128
"""Pixels of the longer side."""
MARGIN = 0.25
"""Of the box's side, left around a face."""


@dataclass(frozen=True, slots=True)
class Thumbnail:
    """The bytes of a JPEG file; or None, and why there is no picture."""

    jpeg: bytes | None
    reason: str = ""


def thumbnail(face: FaceDetail) -> Thumbnail:
    """The face with a little around it. A file that is gone, or is not the one that was enrolled, is said."""
    try:
        content = images.read_bytes(face.source)
        if sha256(content) != face.image_sha256:
            return Thumbnail(None, "the file is not the one that was enrolled")
        return Thumbnail(images.encode(small(cut(images.decode(content), face.box)), "JPEG"))
    except BadImage:
        return Thumbnail(None, "the file cannot be read any more")


def cut(image: Image, box: tuple[float, float, float, float]) -> Image:
    """The part of a picture around a box, never empty."""
    x1, y1, x2, y2 = box
    wide, high = MARGIN * (x2 - x1), MARGIN * (y2 - y1)
    left, right = np.clip([x1 - wide, x2 + wide], 0, image.shape[1]).astype(int)
    top, bottom = np.clip([y1 - high, y2 + high], 0, image.shape[0]).astype(int)
    part = image[top:bottom, left:right]
    return part if part.size else image


def small(image: Image) -> Image:
    """Reduced so that the longer side has SIDE pixels, if it has more."""
    height, width = image.shape[:2]
    share = min(1.0, SIDE / max(height, width))
    return shrink(image, max(1, round(share * height)), max(1, round(share * width)))
