"""Detection in a reduced copy, so that a huge picture costs no more than a large one."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from facerec.errors import InvalidInput
from facerec.faces.area import shrink
from facerec.faces.together import in_groups, portion
from facerec.records import Faces, Image


def detect_within(
    size: tuple[int, int], detect: Callable[[Sequence[Image]], list[Faces]], images: Sequence[Image]
) -> list[Faces]:
    """Faces of each picture (H, W, 3), found in copies that fit into `size` (height, width), in its own pixels.

    `detect` gets a group of pictures at a time. Raises InvalidInput unless each picture is uint8 (H, W, 3) with at
    least one pixel.
    """
    copies = [fitting(size, image) for image in images]
    found = [faces for group in in_groups(copies, portion().group) for faces in detect(group)]
    return [_in(image, copy, faces) for image, copy, faces in zip(images, copies, found, strict=True)]


def fitting(size: tuple[int, int], image: Image) -> Image:
    """The picture itself where it fits, or a copy that does. Raises InvalidInput for what is no picture."""
    if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3 or not image.size:
        raise InvalidInput(f"a picture must be uint8 (H, W, 3), RGB, got {image.dtype} {image.shape}")
    height, width, _ = image.shape
    factor = min(size[0] / height, size[1] / width)
    if factor >= 1:
        return image
    return shrink(image, max(round(height * factor), 1), max(round(width * factor), 1))


def _in(image: Image, copy: Image, faces: Faces) -> Faces:
    """Faces of a copy in the picture's own pixels."""
    if copy is image:
        return faces
    return enlarged(faces, image.shape[1] / copy.shape[1], image.shape[0] / copy.shape[0])


def enlarged(faces: Faces, across: float, down: float) -> Faces:
    """Boxes and landmarks in a picture `across` times as wide and `down` times as high."""
    factors = np.array([across, down], np.float32)
    return Faces(faces.boxes * np.tile(factors, 2), faces.landmarks * factors, faces.scores)
