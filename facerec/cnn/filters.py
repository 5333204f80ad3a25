"""Edge filters made by hand, and what a convolution really computes: numpy only.

A "convolution" of a network is a cross-correlation: the filter is laid on the picture as it is written. The
mathematician's convolution turns it by half a turn first. Learned filters do not care, hand-made ones do.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from facerec.errors import InvalidInput
from facerec.records import Image

Float32 = NDArray[np.float32]

LUMA = np.array([0.299, 0.587, 0.114], np.float32)
"""Share of red, green and blue in grey (ITU-R BT.601)."""


def across(smoothing: tuple[int, int, int]) -> Float32:
    """The difference from left to right, smoothed along the edge: (3, 3), for vertical edges."""
    return np.outer(smoothing, (-1, 0, 1)).astype(np.float32)


FILTERS: dict[str, Float32] = {
    "vertical": across((1, 1, 1)),
    "horizontal": across((1, 1, 1)).T,
    "sobel_vertical": across((1, 2, 1)),
    "sobel_horizontal": across((1, 2, 1)).T,
    "scharr_vertical": across((3, 10, 3)),
    "scharr_horizontal": across((3, 10, 3)).T,
}
"""Named after the edges that they find; above zero where the picture gets lighter to the right, or downwards.

Sobel (1968) weighs the middle row double, Scharr (2000) so that edges of every direction count nearly alike.
"""


def grey(image: Image) -> Float32:
    """(H, W, 3) levels -> (H, W) float32, 0..1."""
    return np.asarray(image / np.float32(255) @ LUMA, np.float32)


def cross_correlate(values: np.ndarray, kernel: np.ndarray) -> Float32:
    """The filter laid on every place where it fits: (H, W), (h, w) -> (H - h + 1, W - w + 1).

    Raises InvalidInput when it fits nowhere.
    """
    if any(side < part for side, part in zip(values.shape, kernel.shape, strict=True)):
        raise InvalidInput(f"a {kernel.shape} filter does not fit on {values.shape}: give a larger picture")
    sums = np.einsum("ijkl,kl->ij", sliding_window_view(values, kernel.shape), kernel)
    return np.asarray(sums, np.float32)


def convolve(values: np.ndarray, kernel: np.ndarray) -> Float32:
    """True convolution, the filter turned by half a turn: (H, W), (h, w) -> (H - h + 1, W - w + 1).

    >>> impulse = np.eye(1, 5)[:, [1, 2, 0, 3, 4]].T @ np.eye(1, 5)[:, [1, 2, 0, 3, 4]]
    >>> convolve(impulse, np.arange(9).reshape(3, 3)).tolist()
    [[0.0, 1.0, 2.0], [3.0, 4.0, 5.0], [6.0, 7.0, 8.0]]
    """
    return cross_correlate(values, kernel[::-1, ::-1])


def edge_maps(image: Image, names: Sequence[str] = tuple(FILTERS)) -> dict[str, Float32]:
    """What the named filters make of a picture: (H, W, 3) levels -> (H - 2, W - 2) each.

    Raises InvalidInput for a name that is not in FILTERS.
    """
    unknown = [name for name in names if name not in FILTERS]
    if unknown:
        raise InvalidInput(f"no filter {unknown[0]!r}; known: {', '.join(FILTERS)}")
    levels = grey(image)
    return {name: cross_correlate(levels, FILTERS[name]) for name in names}


def edge_strength(vertical: np.ndarray, horizontal: np.ndarray) -> Float32:
    """How strong an edge of any direction is, from the maps of a pair of filters: (H, W) each -> (H, W)."""
    return np.asarray(np.hypot(vertical, horizontal), np.float32)
