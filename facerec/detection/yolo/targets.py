"""What networks with anchors have to say of the objects on a batch, and how what they say becomes boxes.

A place predicts tx, ty, tw, th: x = (sigmoid(tx) + column) * stride, w = anchor * e^tw (Redmon and Farhadi, 2017).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from facerec.detection.yolo.places import Places, assign
from facerec.records import Float32, Int64, Objects

NEAREST = 1e-4
"""How near to an edge of its cell a centre may lie: the logistic function never reaches 0 or 1."""

LARGEST = 8.0
"""Largest tw and th: e^8 anchors is more than any picture."""


@dataclass(frozen=True, slots=True, eq=False)
class Target:
    """What the places of a batch have to say. M objects on B pictures, P places.

    rows     (M,)    int64    picture * P + place
    values   (M, 4)  float32  sigmoid(tx), sigmoid(ty), tw, th
    boxes    (M, 4)  float32  x1 y1 x2 y2, pixels of the input
    labels   (M,)    int64
    every    for each picture all its boxes, those without a place too
    """

    rows: Int64
    values: Float32
    boxes: Float32
    labels: Int64
    every: tuple[Float32, ...]


def encode(objects: Sequence[Objects], where: Places) -> Target:
    """Give every object its place, and say what that has to predict."""
    rows, kept = [np.zeros(0, np.int64)], [Objects.none()]
    for picture, each in enumerate(objects):
        own = assign(each.boxes, where)
        rows.append(picture * len(where) + own[own >= 0])
        kept.append(each[own >= 0])
    boxes = np.concatenate([each.boxes for each in kept])
    labels = np.concatenate([each.labels for each in kept])
    all_rows = np.concatenate(rows)
    values = values_of(boxes, where, all_rows % len(where))
    return Target(all_rows, values, boxes, labels, tuple(each.boxes for each in objects))


def values_of(boxes: np.ndarray, where: Places, at: np.ndarray) -> Float32:
    """What the places `at` have to predict for these boxes: (M, 4), (M,) -> (M, 4)."""
    centre = (boxes[:, :2] + boxes[:, 2:]) / 2 / where.stride[at] - where.cell[at]
    size = np.log((boxes[:, 2:] - boxes[:, :2]) / where.anchor[at])
    return np.concatenate([np.clip(centre, NEAREST, 1 - NEAREST), size], axis=1).astype(np.float32)


def boxes_of(values: Tensor, where: Places, at: Tensor | slice = slice(None)) -> Tensor:
    """tx, ty, tw, th of the places `at` as boxes: (..., P, 4) -> (..., P, 4)."""
    cell, stride, anchor = (torch.from_numpy(each).to(values)[at] for each in (where.cell, where.stride, where.anchor))
    centre = (values[..., :2].sigmoid() + cell) * stride
    half = anchor * values[..., 2:].clamp(max=LARGEST).exp() / 2
    return torch.cat([centre - half, centre + half], dim=-1)


@dataclass(frozen=True, slots=True)
class Parts:
    """The parts of a loss, each a scalar."""

    box: Tensor
    object: Tensor
    kind: Tensor

    @property
    def total(self) -> Tensor:
        return self.box + self.object + self.kind


def extent(where: Places) -> float:
    """Pixels of the input."""
    _, columns, rows, stride = where.maps[0]
    return float(columns * rows * stride * stride)
