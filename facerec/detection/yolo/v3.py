"""YOLOv3: Redmon and Farhadi, "YOLOv3: An Incremental Improvement", 2018.

Each place predicts tx, ty, tw, th, how sure it is that an object is there, and each class by itself, all logistic but
the sizes: x = (sigmoid(tx) + column) * stride, w = anchor * e^tw.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits as cross_entropy

from facerec.detection.yolo.pairs import iou_of_pairs, overlaps
from facerec.detection.yolo.places import Places, assign
from facerec.records import Float32, Int64, Objects

IGNORED_FROM = 0.5
"""A place whose box overlaps an object by more than this IoU is not told that nothing is there (section 2.1)."""

NEAREST = 1e-4
"""How near to an edge of its cell a centre may lie: the logistic function never reaches 0 or 1."""


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
    return Target(
        all_rows, values_of(boxes, where, all_rows % len(where)), boxes, labels, tuple(e.boxes for e in objects)
    )


def values_of(boxes: np.ndarray, where: Places, at: np.ndarray) -> Float32:
    """What the places `at` have to predict for these boxes: (M, 4), (M,) -> (M, 4)."""
    centre = (boxes[:, :2] + boxes[:, 2:]) / 2 / where.stride[at] - where.cell[at]
    size = np.log((boxes[:, 2:] - boxes[:, :2]) / where.anchor[at])
    return np.concatenate([np.clip(centre, NEAREST, 1 - NEAREST), size], axis=1).astype(np.float32)


def decode(rows: Tensor, where: Places) -> tuple[Tensor, Tensor]:
    """(B, P, 5 + C) -> boxes (B, P, 4), pixels of the input, and scores (B, P, C): objectness times class."""
    return boxes_of(rows[..., :4], where), rows[..., 4:5].sigmoid() * rows[..., 5:].sigmoid()


def boxes_of(values: Tensor, where: Places, at: Tensor | slice = slice(None)) -> Tensor:
    """tx, ty, tw, th of the places `at` as boxes: (..., P, 4) -> (..., P, 4)."""
    cell, stride, anchor = (
        torch.from_numpy(each).to(values)[at] for each in (where.cell, where.stride, where.anchor)
    )  # fmt: skip
    centre = (values[..., :2].sigmoid() + cell) * stride
    half = anchor * values[..., 2:].clamp(max=8).exp() / 2  # e^8 anchors is more than any picture
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


def loss(rows: Tensor, target: Target, where: Places) -> Parts:
    """Sums over all places, divided by the number of pictures: (B, P, 5 + C) -> scalars.

    Cross-entropy for centre, objectness and classes; squared errors of the sizes. Small boxes weigh more, as in the
    authors' code: 2 - w * h, as shares of the picture.
    """
    found, batch = rows.flatten(0, 1)[target.rows], len(rows)
    values = torch.from_numpy(target.values).to(rows)
    boxes = torch.from_numpy(target.boxes).to(rows)
    picture = extent(where)
    weight = 2 - (boxes[:, 2:] - boxes[:, :2]).prod(dim=1, keepdim=True) / picture
    centre = cross_entropy(found[:, :2], values[:, :2], weight.expand(-1, 2), reduction="sum")
    size = 0.5 * (weight * (found[:, 2:4] - values[:, 2:]).square()).sum()
    return Parts((centre + size) / batch, objectness(rows, target, where) / batch, classes(found, target) / batch)


def extent(where: Places) -> float:
    """Pixels of the input."""
    _, columns, rows, stride = where.maps[0]
    return float(columns * rows * stride * stride)


def classes(found: Tensor, target: Target) -> Tensor:
    """Each class by itself: an object may be of two (a woman is a person)."""
    wanted = torch.zeros_like(found[:, 5:])
    wanted[torch.arange(len(found)), torch.from_numpy(target.labels)] = 1
    return cross_entropy(found[:, 5:], wanted, reduction="sum")


def objectness(rows: Tensor, target: Target, where: Places) -> Tensor:
    """1 where an object has its place, 0 elsewhere, nothing where a box is nearly right without having the place."""
    wanted = torch.zeros_like(rows[..., 4])
    wanted.view(-1)[target.rows] = 1
    counted = ~nearly_right(rows, target, where) | (wanted > 0)
    return cross_entropy(rows[..., 4], wanted, counted.to(rows), reduction="sum")


@torch.no_grad()
def nearly_right(rows: Tensor, target: Target, where: Places) -> Tensor:
    """Whose box overlaps any object of its picture by more than IGNORED_FROM: (B, P, 5 + C) -> (B, P) bool."""
    found = boxes_of(rows[..., :4], where)
    near = [
        (overlaps(boxes, torch.from_numpy(objects).to(boxes)) > IGNORED_FROM).any(dim=1)
        for boxes, objects in zip(found, target.every, strict=True)
    ]
    return torch.stack(near)


def loss_by_overlap(rows: Tensor, target: Target, where: Places, box: float = 3.0) -> Parts:
    """The same, with 1 - generalised IoU for the boxes, and sums divided by the number of objects.

    Centre and size then learn together what is measured in the end (Rezatofighi et al., 2019).
    """
    found, count = rows.flatten(0, 1)[target.rows], max(len(target.rows), 1)
    at = torch.from_numpy(target.rows % len(where))
    boxes = boxes_of(found[:, :4], where, at)
    wrong = 1 - iou_of_pairs(boxes, torch.from_numpy(target.boxes).to(rows), generalised=True)
    return Parts(box * wrong.sum() / count, objectness(rows, target, where) / count, classes(found, target) / count)
