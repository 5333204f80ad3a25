"""YOLO, the first: Redmon et al., "You Only Look Once: Unified, Real-Time Object Detection", 2016.

A grid of 7x7 cells over a picture of 448x448. Each cell predicts two boxes (x, y in the cell, square roots of width and
height as shares of the picture, how sure it is) and, once for both, how probable each class is: 7x7x30 for 20 classes.
24 convolutions and two dense layers, without norms; everything is learned by squared errors.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from facerec.cnn.blocks import Entrance, initialise
from facerec.detection.yolo.darknet import thin
from facerec.detection.yolo.pairs import iou_of_pairs
from facerec.detection.yolo.places import Places
from facerec.detection.yolo.targets import Parts
from facerec.records import Float32, Int64, Objects

SIDE, GRID, BOXES = 448, 7, 2
STRIDE = SIDE // GRID
NEAR, EMPTY = 5.0, 0.5
"""Weights of the boxes, and of how sure a cell without an object is (section 2.2)."""


def plain(c_in: int, c_out: int, kernel: int, stride: int = 1) -> list[nn.Module]:
    """Convolution with bias and leaky ReLU."""
    return [nn.Conv2d(c_in, c_out, kernel, stride, kernel // 2), nn.LeakyReLU(0.1, inplace=True)]


def narrowed(wide: int, narrow: int, out: int) -> list[nn.Module]:
    """1x1 to fewer channels, then 3x3."""
    return [*plain(wide, narrow, 1), *plain(narrow, out, 3)]


class YoloV1(nn.Module):
    """(B, 3, 448, 448) levels 0..1 -> one map (B, 10 + classes, 7, 7): x y w h sure, the same again, classes."""

    def __init__(self, classes: int = 20, width: float = 1.0):
        super().__init__()
        c64, c128, c192, c256, c512, c1024 = thin(width, 64, 128, 192, 256, 512, 1024)
        dense, halve, self.depth = thin(width, 4096)[0], nn.MaxPool2d(2), 5 * BOXES + classes
        self.entrance = Entrance(3, SIDE, fixed=True)
        self.features = nn.Sequential(  # Figure 3, column by column
            *(*plain(3, c64, 7, 2), halve),
            *(*plain(c64, c192, 3), halve),
            *(*narrowed(c192, c128, c256), *narrowed(c256, c256, c512), halve),
            *(layer for _ in range(4) for layer in narrowed(c512, c256, c512)),
            *(*narrowed(c512, c512, c1024), halve),
            *(layer for _ in range(2) for layer in narrowed(c1024, c512, c1024)),
            *(*plain(c1024, c1024, 3), *plain(c1024, c1024, 3, 2)),
            *(*plain(c1024, c1024, 3), *plain(c1024, c1024, 3)),  # (B, 1024, 7, 7)
        )
        self.dense = nn.Sequential(
            nn.Flatten(), nn.Linear(c1024 * GRID * GRID, dense), nn.LeakyReLU(0.1, inplace=True), nn.Dropout(0.5),
            nn.Linear(dense, self.depth * GRID * GRID),
        )  # fmt: skip
        initialise(self)

    def forward(self, x: Tensor) -> tuple[Tensor]:
        return (self.dense(self.features(self.entrance(x))).reshape(-1, self.depth, GRID, GRID),)


@dataclass(frozen=True, slots=True, eq=False)
class Target:
    """What the cells of a batch have to say. M objects that have a cell, on B pictures.

    rows    (M,)    int64    picture * 49 + cell
    values  (M, 4)  float32  x and y in the cell, square roots of width and height as shares of the picture
    labels  (M,)    int64
    """

    rows: Int64
    values: Float32
    labels: Int64


def encode(objects: Sequence[Objects], where: Places) -> Target:
    """The cell of an object's centre has to find it; of several the first, and the others cannot be found."""
    rows, values, labels = [np.zeros(0, np.int64)], [np.zeros((0, 4), np.float32)], [np.zeros(0, np.int64)]
    for picture, each in enumerate(objects):
        centre = (each.boxes[:, :2] + each.boxes[:, 2:]) / 2 / STRIDE
        cell = np.clip(np.floor(centre), 0, GRID - 1)
        number = (cell[:, 1] * GRID + cell[:, 0]).astype(np.int64)
        _, first = np.unique(number, return_index=True)
        size = np.sqrt((each.boxes[:, 2:] - each.boxes[:, :2]) / SIDE)
        rows.append(picture * len(where) + number[first])
        values.append(np.concatenate([centre - cell, size], axis=1)[first].astype(np.float32))
        labels.append(each.labels[first])
    return Target(np.concatenate(rows), np.concatenate(values), np.concatenate(labels))


def boxes_of(values: Tensor, cell: Tensor) -> Tensor:
    """x, y, square roots of w and h of cells (column, row) as boxes in pixels: (..., 4), (..., 2) -> (..., 4)."""
    centre, half = (values[..., :2] + cell) * STRIDE, values[..., 2:].square() * SIDE / 2
    return torch.cat([centre - half, centre + half], dim=-1)


def decode(rows: Tensor, where: Places) -> tuple[Tensor, Tensor]:
    """(B, 49, 10 + C) -> boxes (B, 98, 4), pixels, and scores (B, 98, C): how sure, times how probable."""
    cell = torch.from_numpy(where.cell).to(rows)[:, None]  # (49, 1, 2)
    told = rows[..., : 5 * BOXES].reshape(*rows.shape[:2], BOXES, 5)  # (B, 49, 2, 5)
    scores = (told[..., 4:] * rows[..., None, 5 * BOXES :]).clamp(0, 1)
    return boxes_of(told[..., :4], cell).flatten(1, 2), scores.flatten(1, 2)


def loss(rows: Tensor, target: Target, where: Places) -> Parts:
    """Sums of squared errors, divided by the number of pictures: (B, 49, 10 + C) -> scalars (equation 3).

    Of a cell's two boxes the one that overlaps the object more learns its place; it is to be as sure as its IoU is.
    """
    batch, flat = len(rows), rows.flatten(0, 1)
    told, values = flat[:, : 5 * BOXES].reshape(-1, BOXES, 5), torch.from_numpy(target.values).to(rows)
    found, cell = told[target.rows], torch.from_numpy(where.cell[target.rows % len(where)]).to(rows)
    with torch.no_grad():
        reached = iou_of_pairs(boxes_of(found[..., :4], cell[:, None]), boxes_of(values, cell)[:, None])  # (M, 2)
        best = reached.argmax(dim=1)
    each = torch.arange(len(best))
    box = (found[each, best, :4] - values).square().sum()
    there = (found[each, best, 4] - reached[each, best]).square().sum()
    away = torch.ones_like(told[..., 4], dtype=torch.bool)
    away[torch.from_numpy(target.rows), best] = False
    empty = told[..., 4][away].square().sum()
    wanted = torch.zeros_like(flat[:, 5 * BOXES :])[target.rows]
    wanted[each, torch.from_numpy(target.labels)] = 1
    kind = (flat[target.rows, 5 * BOXES :] - wanted).square().sum()
    return Parts(NEAR * box / batch, (there + EMPTY * empty) / batch, kind / batch)
