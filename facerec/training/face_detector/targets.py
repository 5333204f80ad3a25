"""Which cell shall see which face: as in FCOS (Tian et al., 2019), by size and by nearness to the middle of the box."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from facerec.faces.single_shot import STRIDES, grid
from facerec.records import Float32, Int64

RANGES = {8: (0.0, 36.0), 16: (28.0, 84.0), 32: (66.0, np.inf)}
"""Stride -> sizes of the faces that its cells see, pixels (geometric mean of a box's sides); neighbours share some."""
NEAR = 0.22
"""A cell within this share of the box's sides from its middle sees the face; the nearest always does."""
AROUND = 0.55
"""A cell further out than NEAR but within this is asked nothing about: it need neither see the face nor deny it."""


class Targets(NamedTuple):
    """What the cells of one picture shall say.

    face     (cells,)  int64  the row of the face that a cell shall see; -1 none; -2 the cell is not asked
    """

    face: Int64


def assign(boxes: Float32, height: int, width: int) -> Targets:
    """Targets of the cells of a picture with the faces `boxes` (N, 4), N may be 0; the smaller face wins a cell."""
    middles, strides = grid(height, width)
    face = np.full(len(middles), -1, np.int64)
    sizes = np.sqrt((boxes[:, 2:] - boxes[:, :2]).prod(axis=1))
    order = np.argsort(-sizes, kind="stable")
    for row in order:
        near = _distance(middles, boxes[row])
        face[(near <= AROUND) & (face == -1)] = -2
    for row in order:
        near = _distance(middles, boxes[row])
        for stride in STRIDES:
            least, most = RANGES[stride]
            if least <= sizes[row] < most:
                mine = np.flatnonzero(strides == stride)
                face[mine[near[mine] <= NEAR]] = row
                face[mine[near[mine].argmin()]] = row
    return Targets(face)


def _distance(middles: Float32, box: Float32) -> NDArray[np.float32]:
    """How far cells are from a box's middle, in its sides: (cells,), the larger of across and down."""
    away = np.abs(middles - (box[:2] + box[2:] - 1) / 2) / np.maximum(box[2:] - box[:2], 1e-6)
    return np.asarray(away.max(axis=1))
