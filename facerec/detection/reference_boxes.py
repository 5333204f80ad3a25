"""The reference boxes from which detectors count: anchors on the cells of a map, and SSD's default boxes."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Sequence

import torch
from torch import Tensor


def shapes(scales: Sequence[float], ratios: Sequence[float]) -> Tensor:
    """Width and height of each scale in each ratio of height to width, the area being scale^2: (K, 2).

    >>> shapes([32], [1, 4]).tolist()
    [[32.0, 32.0], [16.0, 64.0]]
    """
    pairs = itertools.product(scales, ratios)
    return torch.tensor([(scale / math.sqrt(ratio), scale * math.sqrt(ratio)) for scale, ratio in pairs])


def around_cells(rows: int, columns: int, stride: float, sizes: Tensor) -> Tensor:
    """Boxes of the given sizes around the middle of every cell: (K, 2) -> (rows * columns * K, 4).

    Row by row, all sizes of a cell one after the other.
    """
    y, x = ((torch.arange(count) + 0.5) * stride for count in (rows, columns))
    centres = torch.stack([x.repeat(rows), y.repeat_interleave(columns)], dim=1)[:, None]  # (cells, 1, 2)
    return torch.cat([centres - sizes / 2, centres + sizes / 2], dim=2).reshape(-1, 4)


def octaves(size: float, count: int = 3) -> list[float]:
    """`count` sizes, evenly in the exponent, from one up to its double (RetinaNet and EfficientDet).

    >>> [round(size, 1) for size in octaves(32)]
    [32.0, 40.3, 50.8]
    """
    return [size * 2 ** (step / count) for step in range(count)]


def default_sizes(smallest: float, largest: float, ratios: Sequence[int]) -> Tensor:
    """SSD's boxes of one map: a square of `smallest`, one of the mean to the next map's, and each ratio both ways."""
    between = math.sqrt(smallest * largest)
    flat = [(smallest * math.sqrt(ratio), smallest / math.sqrt(ratio)) for ratio in ratios]
    both = [pair for wide, low in flat for pair in ((wide, low), (low, wide))]
    return torch.tensor([(smallest, smallest), (between, between), *both])


def default_boxes(
    side: float, cells: Sequence[int], strides: Sequence[int], sizes: Sequence[float], ratios: Sequence[Sequence[int]]
) -> Tensor:
    """SSD's default boxes over all maps, from the finest: (N, 4) pixels, none larger than the picture.

    side  of the picture, pixels
    cells, strides  of each map; `sizes` has one more, the last map's upper size; ratios besides 1 of each map
    """

    def maps() -> Iterator[Tensor]:
        for place, (count, stride) in enumerate(zip(cells, strides, strict=True)):
            boxes = default_sizes(sizes[place], sizes[place + 1], ratios[place]).clamp(max=side)
            yield around_cells(count, count, stride, boxes)

    return torch.cat(list(maps()))
