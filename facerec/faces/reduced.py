"""Detection in a reduced copy, so that a huge picture costs no more than a large one."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from facerec.errors import InvalidInput
from facerec.faces.area import shrink
from facerec.records import Faces, Image


def detect_within(size: tuple[int, int], detect: Callable[[Image], Faces], image: Image) -> Faces:
    """Faces of a picture (H, W, 3), found in a copy that fits into `size` (height, width), in its own pixels.

    Raises InvalidInput unless the picture is uint8 (H, W, 3) with at least one pixel.
    """
    if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3 or not image.size:
        raise InvalidInput(f"a picture must be uint8 (H, W, 3), RGB, got {image.dtype} {image.shape}")
    height, width, _ = image.shape
    factor = min(size[0] / height, size[1] / width)
    if factor >= 1:
        return detect(image)
    small = shrink(image, max(round(height * factor), 1), max(round(width * factor), 1))
    return enlarged(detect(small), width / small.shape[1], height / small.shape[0])


def enlarged(faces: Faces, across: float, down: float) -> Faces:
    """Boxes and landmarks in a picture `across` times as wide and `down` times as high."""
    factors = np.array([across, down], np.float32)
    return Faces(faces.boxes * np.tile(factors, 2), faces.landmarks * factors, faces.scores)
