"""Which cell shall see which face: as in FCOS (Tian et al., 2019), by size and by nearness to the middle of the box."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from facerec.faces.single_shot import STRIDES, grid
from facerec.records import Float32, Int64

RANGES = {8: (0.0, 36.0), 16: (28.0, 84.0), 32: (66.0, np.inf)}
"""Stride -> sizes of the faces that its cells see, pixels (geometric mean of a box's sides); neighbours share some."""
NEAR = 0.22
"""A cell within this share of the box's sides from its middle sees the face; the nearest always does."""
AROUND = 0.4
"""A cell further out than NEAR but within this is asked nothing about: it need neither see the face nor deny it."""
ALMOST = 1.3
"""Cells whose range ends within this factor of a face's size are not asked about its middle either."""


def assign(boxes: Float32, height: int, width: int) -> Int64:
    """What the cells of a picture with the faces `boxes` (N, 4) shall see: (cells,) a row, -1 none, -2 not asked.

    N may be 0. The smaller face wins a cell.
    Cells of a wrong size have to deny a face that they lie on, or they would see faces within faces.
    """
    middles, strides = grid(height, width)
    face = np.full(len(middles), -1, np.int64)
    sizes = np.sqrt((boxes[:, 2:] - boxes[:, :2]).prod(axis=1))
    for row in np.argsort(-sizes, kind="stable"):
        away = _distance(middles, boxes[row])
        for stride in STRIDES:
            (least, most), mine = RANGES[stride], np.flatnonzero(strides == stride)
            if least <= sizes[row] < most:
                face[mine[(away[mine] <= AROUND) & (face[mine] == -1)]] = -2
                face[mine[away[mine] <= NEAR]] = row
                face[mine[away[mine].argmin()]] = row
            elif least / ALMOST <= sizes[row] < most * ALMOST:
                face[mine[(away[mine] <= NEAR) & (face[mine] == -1)]] = -2
    return face


def _distance(middles: Float32, box: Float32) -> NDArray[np.float32]:
    """How far cells are from a box's middle, in its sides: (cells,), the larger of across and down."""
    away = np.abs(middles - (box[:2] + box[2:] - 1) / 2) / np.maximum(box[2:] - box[:2], 1e-6)
    return np.asarray(away.max(axis=1))
