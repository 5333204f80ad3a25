"""Resizing by area: every output pixel is the mean of the input pixels under it.

The window of output cell i of n over a stretch of length L is floor(i L / n) to ceil((i + 1) L / n), so windows
may share a pixel: the rule of torch's `adaptive_avg_pool2d` and `interpolate(mode="area")`. All sums come from
one table of running sums (Crow, 1984), exact in integers, so a pyramid and many crops of one picture cost little.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from facerec.records import Float32, Image, Int64

Table = NDArray[np.uint32]
STRIP = 16  # output rows at a time in `shrink`: bounds its memory and stays in the cache of the processor


def running_sums(image: Image) -> Table:
    """Sums over all pixels above and to the left: (H, W, 3) -> (H + 1, W + 1, 4), modulo 2^32.

    The fourth channel is zero: cells of 16 bytes are gathered fastest. Wrapping does no harm, for the sum over a
    window is a difference, right as long as the window holds fewer than 2^24 pixels.
    """
    height, width, _ = image.shape
    table = np.zeros((height + 1, width + 1, 4), np.uint32)
    np.cumsum(image, axis=1, dtype=np.uint32, out=table[1:, 1:, :3])
    for row in range(1, height + 1):  # several times faster than cumsum along axis 0
        table[row] += table[row - 1]
    return table


def windows(start: np.ndarray, stop: np.ndarray, cells: int) -> tuple[Int64, Int64]:
    """Cut stretches into windows: (N,), (N,) pixels -> first and past-the-last pixel of each, both (N, cells)."""
    length = (stop - start)[:, None]
    steps = np.arange(cells + 1)
    first = start[:, None] + steps[:-1] * length // cells
    past = start[:, None] - (-steps[1:] * length // cells)
    return first, past


def resized(table: Table, height: int, width: int) -> Float32:
    """The whole picture, reduced or enlarged: (height, width, 4) levels 0..255, the fourth channel zero."""
    top, bottom = _whole(table.shape[0] - 1, height)
    left, right = _whole(table.shape[1] - 1, width)
    return _means(table, top, bottom, left, right)


def crops(table: Table, boxes: Int64, side: int) -> Float32:
    """Boxes cut out and made square: (N, 4) whole pixels, inside and not empty -> (N, side, side, 4), 0..255."""
    left, right = windows(boxes[:, 0], boxes[:, 2], side)
    top, bottom = windows(boxes[:, 1], boxes[:, 3], side)
    cells, stride = table.reshape(-1, 4), table.shape[1]
    above, below = (top * stride)[:, :, None], (bottom * stride)[:, :, None]
    before, after = left[:, None, :], right[:, None, :]
    sums = cells.take(below + after, axis=0)
    sums -= cells.take(above + after, axis=0)
    sums -= cells.take(below + before, axis=0)
    sums += cells.take(above + before, axis=0)
    return _divided(sums, bottom - top, right - left)


def shrink(image: Image, height: int, width: int) -> Image:
    """A smaller copy of a picture of any size: (H, W, 3) -> (height, width, 3), rounded."""
    top, bottom = _whole(image.shape[0], height)
    left, right = _whole(image.shape[1], width)
    small = np.empty((height, width, 3), np.uint8)
    for row in range(0, height, STRIP):
        part = slice(row, row + STRIP)
        first, past = top[part], bottom[part]
        table = running_sums(image[first[0] : past[-1]])
        small[part] = np.rint(_means(table, first - first[0], past - first[0], left, right)[..., :3])
    return small


def _whole(length: int, cells: int) -> tuple[Int64, Int64]:
    """Windows over all of one axis: first and past-the-last pixel of each, both (cells,)."""
    first, past = windows(np.array([0]), np.array([length]), cells)
    return first[0], past[0]


def _means(table: Table, top: Int64, bottom: Int64, left: Int64, right: Int64) -> Float32:
    """Means over a grid of windows: row edges (h,), column edges (w,) -> (h, w, 4)."""
    bands = table.take(bottom, axis=0)
    bands -= table.take(top, axis=0)
    sums = bands.take(right, axis=1)
    sums -= bands.take(left, axis=1)
    return _divided(sums, bottom - top, right - left)


def _divided(sums: Table, heights: Int64, widths: Int64) -> Float32:
    """Sums (..., h, w, 4) over windows of heights (..., h) and widths (..., w) -> their means.

    Channels are folded into columns meanwhile, for numpy's innermost loop should be a long one.
    """
    folded = sums.reshape(*sums.shape[:-2], -1).astype(np.float32)
    folded *= (1 / heights).astype(np.float32)[..., None]
    folded *= np.repeat((1 / widths).astype(np.float32), 4, axis=-1)[..., None, :]
    return np.asarray(folded.reshape(sums.shape))
