"""The places from which a network with anchors predicts: every anchor in every cell of every map, in one row each.

A map of stride s has a cell for each s x s pixels of the input. A head's output (B, A * (5 + C), H, W) becomes rows
(B, H * W * A, 5 + C), cells by row and column, and the rows of several maps stand behind each other.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from facerec.detection.anchors import shape_iou
from facerec.errors import InvalidInput
from facerec.records import Float32, Int64

Anchors = Sequence[Sequence[tuple[float, float]]]
"""For each map its anchors' (width, height), pixels of the input."""


@dataclass(frozen=True, slots=True, eq=False)
class Places:
    """P places; arrays have one row each.

    cell    (P, 2) float32  column and row of its cell
    stride  (P, 1) float32  pixels
    anchor  (P, 2) float32  width and height, pixels
    maps    for each map (first row, columns, rows, stride)
    anchors for each map (A, 2)
    """

    cell: Float32
    stride: Float32
    anchor: Float32
    maps: tuple[tuple[int, int, int, int], ...]
    anchors: tuple[Float32, ...]

    def __len__(self) -> int:
        return len(self.cell)

    def of(self, level: int, anchor: int, centre: np.ndarray) -> int:
        """The place of an anchor of a map in the cell that holds a centre (x, y)."""
        first, columns, rows, stride = self.maps[level]
        column = min(max(int(centre[0] // stride), 0), columns - 1)
        row = min(max(int(centre[1] // stride), 0), rows - 1)
        return first + (row * columns + column) * len(self.anchors[level]) + anchor


def places(size: tuple[int, int], strides: Sequence[int], anchors: Anchors) -> Places:
    """All places for an input of (height, width) pixels. Raises InvalidInput unless the strides divide it."""
    if len(strides) != len(anchors) or any(side % stride for side in size for stride in strides):
        raise InvalidInput(f"an input of {size[0]}x{size[1]} pixels needs sides that {tuple(strides)} divide")
    cells, steps, shapes, maps, first = [], [], [], [], 0
    for stride, own in zip(strides, anchors, strict=True):
        rows, columns = size[0] // stride, size[1] // stride
        grid = np.stack(np.meshgrid(np.arange(columns), np.arange(rows)), axis=-1).reshape(-1, 2)
        cells.append(np.repeat(grid, len(own), axis=0))
        steps.append(np.full((len(cells[-1]), 1), stride))
        shapes.append(np.tile(np.array(own), (len(grid), 1)))
        maps.append((first, columns, rows, stride))
        first += len(cells[-1])
    cell, step, shape = (np.concatenate(each).astype(np.float32) for each in (cells, steps, shapes))
    return Places(cell, step, shape, tuple(maps), tuple(np.array(own, np.float32) for own in anchors))


def assign(boxes: np.ndarray, where: Places) -> Int64:
    """The place that has to find each object: (N, 4) -> (N,) int64, -1 where every anchor of its cells is taken.

    It is in the cell that holds the object's centre, and of the anchor whose shape is most like the object's (IoU);
    where an object before it has that one, the next best.
    """
    level = np.concatenate([np.full(len(own), number) for number, own in enumerate(where.anchors)])
    number = np.concatenate([np.arange(len(own)) for own in where.anchors])
    order = np.argsort(-shape_iou(boxes[:, 2:] - boxes[:, :2], np.concatenate(where.anchors)), axis=1, kind="stable")
    taken: set[int] = set()
    found = np.full(len(boxes), -1, np.int64)
    for object_, wanted in enumerate(order):
        centre = (boxes[object_, :2] + boxes[object_, 2:]) / 2
        own = (where.of(level[best], number[best], centre) for best in wanted)
        found[object_] = next((place for place in own if place not in taken), -1)
        taken.add(int(found[object_]))
    return found


def rows_of(maps: Sequence[Tensor], anchors: int) -> Tensor:
    """Outputs of the heads, (B, anchors * K, H, W) each, as rows: (B, P, K)."""
    rows = []
    for each in maps:
        batch, channels, height, width = each.shape
        apart = each.reshape(batch, anchors, channels // anchors, height, width)
        rows.append(apart.permute(0, 3, 4, 1, 2).reshape(batch, height * width * anchors, channels // anchors))
    return torch.cat(rows, dim=1)
