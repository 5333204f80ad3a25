"""Numbers as pictures: (h, w) values -> RGB uint8 (h, w, 3)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from facerec.images import grid
from facerec.records import Image

WHITE = 255


def levels(values: np.ndarray) -> Image:
    """The smallest value black and the largest white; a constant is black. (h, w) or (h, w, 3)."""
    low, high = float(values.min()), float(values.max())
    scaled = (values - low) / ((high - low) or 1)
    return rgb(scaled)


def signed(values: np.ndarray) -> Image:
    """Zero in mid-grey, above it lighter, below darker: (h, w) or (h, w, 3)."""
    largest = float(np.abs(values).max()) or 1
    return rgb(0.5 + values / (2 * largest))


def rgb(shares: np.ndarray) -> Image:
    """0..1 -> 0..255: (h, w), the same in every channel, or (h, w, 3)."""
    painted = np.rint(shares * 255).astype(np.uint8)
    return painted if painted.ndim == 3 else np.repeat(painted[..., None], 3, axis=2)


def heat(shares: np.ndarray) -> Image:
    """0..1 from black over red and yellow to white: (h, w) -> (h, w, 3)."""
    return rgb(np.clip(3 * shares[..., None] - np.arange(3), 0, 1))


def enlarged(image: Image, times: int) -> Image:
    """Every pixel as a square of `times` pixels."""
    return image.repeat(times, axis=0).repeat(times, axis=1)


def framed(image: Image, width: int = 2) -> Image:
    """A white frame around a picture, so that neighbours in a grid stay apart."""
    return np.pad(image, ((width, width), (width, width), (0, 0)), constant_values=WHITE)


def sheet(pictures: Sequence[Image], columns: int) -> Image:
    """Pictures side by side in rows of `columns`, each in a frame. Raises InvalidInput for none."""
    return grid([framed(picture) for picture in pictures], columns)
