"""Pictures of another size."""

from __future__ import annotations

import numpy as np
import PIL.Image

from facerec.errors import InvalidInput
from facerec.records import Image


def resize(image: Image, size: tuple[int, int]) -> Image:
    """(H, W, 3) -> (*size, 3) uint8; `size` is (height, width). Bilinear; where it shrinks, pixels are averaged.

    Raises InvalidInput where either has a side of no pixel.
    """
    if min(*size, *image.shape[:2]) < 1:
        raise InvalidInput(f"a picture of {image.shape[:2]} pixels cannot become one of {size}")
    if image.shape[:2] == size:
        return image
    height, width = size
    return np.array(PIL.Image.fromarray(image).resize((width, height), PIL.Image.Resampling.BILINEAR))
