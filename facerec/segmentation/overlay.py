"""Labels drawn over a picture."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from facerec.errors import InvalidInput
from facerec.records import Image
from facerec.segmentation.masks import Colour


def overlay(image: Image, labels: np.ndarray, colours: Sequence[Colour], opacity: float = 0.5) -> Image:
    """A picture with each class's colour over its pixels: (H, W, 3) uint8, (H, W) labels -> (H, W, 3) uint8.

    Labels without a colour, such as IGNORE, leave the picture as it is. Raises InvalidInput for an opacity outside
    0..1 and for sizes that differ.
    """
    if not 0 <= opacity <= 1:
        raise InvalidInput(f"an opacity is in 0..1, not {opacity}")
    if image.shape[:2] != labels.shape:
        raise InvalidInput(f"labels of {labels.shape} do not cover a picture of {image.shape[:2]}")
    known = labels < len(colours)
    paint = np.array(colours, np.float32)[np.where(known, labels, 0)]
    share = (opacity * known)[..., None]
    return np.asarray(np.rint(image * (1 - share) + paint * share), np.uint8)


def outlines(labels: np.ndarray) -> np.ndarray:
    """Where a pixel's right or lower neighbour has another label: (H, W) -> (H, W) bool."""
    edge = np.zeros(labels.shape, bool)
    edge[:, :-1] |= labels[:, 1:] != labels[:, :-1]
    edge[:-1] |= labels[1:] != labels[:-1]
    return edge
