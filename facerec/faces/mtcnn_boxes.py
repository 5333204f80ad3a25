"""Box arithmetic of the MTCNN cascade (Zhang et al., 2016), float32 and in its authors' conventions.

Their boxes count pixels from 1 and include both ends, so a box is x2 - x1 + 1 wide in places. Trained weights
depend on it, and agreement with other implementations too.
"""

from __future__ import annotations

import numpy as np

from facerec.geometry import nms
from facerec.records import Float32, Int64

CELL = 12  # P-Net sees 12x12 pixels
STRIDE = 2  # and moves by 2


def pyramid_scales(height: int, width: int, min_face: float, factor: float) -> list[float]:
    """The reductions at which a face of `min_face` pixels, and of each larger size in turn, fills P-Net's cell.

    >>> [round(scale, 3) for scale in pyramid_scales(48, 64, min_face=20, factor=0.709)]
    [0.6, 0.425, 0.302]
    """
    scale = CELL / min_face
    shorter = min(height, width) * scale
    scales = []
    while shorter >= CELL:
        scales.append(scale)
        scale *= factor
        shorter *= factor
    return scales


def cell_boxes(rows: Int64, columns: Int64, scale: float) -> Float32:
    """Where P-Net's cells lie in the picture: (N,), (N,) positions in its output -> (N, 4)."""
    corners = np.stack([columns, rows], axis=1).astype(np.float32) * STRIDE
    boxes = np.concatenate([corners + 1, corners + CELL], axis=1)
    return np.floor(boxes / np.float32(scale))


def regressed(boxes: Float32, offsets: Float32, inclusive: bool) -> Float32:
    """Boxes moved by a net's offsets, in units of the box's size: (N, 4), (N, 4) -> (N, 4).

    After R- and O-Net sizes are inclusive, x2 - x1 + 1; after P-Net they are not.
    """
    sizes = boxes[:, 2:] - boxes[:, :2] + np.float32(inclusive)
    return boxes + offsets * np.tile(sizes, 2)


def squared(boxes: Float32) -> Float32:
    """The square about each box with the length of its longer side: (N, 4) -> (N, 4)."""
    sizes = boxes[:, 2:] - boxes[:, :2]
    side = sizes.max(axis=1, keepdims=True, initial=0)
    corners = boxes[:, :2] + sizes * np.float32(0.5) - side * np.float32(0.5)
    return np.concatenate([corners, corners + side], axis=1)


def pixels(boxes: Float32, height: int, width: int) -> Int64:
    """The part of each box inside the picture, as whole pixels from 0, ends exclusive: (N, 4) -> (N, 4).

    May be empty (x2 <= x1 or y2 <= y1): see `inside`.
    """
    whole = np.trunc(boxes).astype(np.int64)
    first = np.maximum(whole[:, :2], 1) - 1
    past = np.minimum(whole[:, 2:], [width, height])
    return np.concatenate([first, past], axis=1)


def inside(boxes: Float32, height: int, width: int) -> np.ndarray:
    """Which boxes hold at least one pixel of the picture: (N, 4) -> (N,) bool."""
    cut = pixels(boxes, height, width)
    return np.asarray((cut[:, 2:] > cut[:, :2]).all(axis=1))


def landmarks_in(boxes: Float32, shares: Float32) -> Float32:
    """O-Net's landmarks in the picture: (N, 4), (N, 10) five x then five y, in units of the box -> (N, 5, 2)."""
    points = shares.reshape(-1, 2, 5).transpose(0, 2, 1)
    sizes = boxes[:, 2:] - boxes[:, :2] + 1
    return np.ascontiguousarray(points * sizes[:, None] + boxes[:, None, :2] - 1)


def suppressed_by_smaller(boxes: Float32, scores: Float32, threshold: float) -> Int64:
    """The rows that survive when overlap is over the smaller of two boxes, sizes inclusive; best score first.

    Scores end at 1 and are often equal there; the later row wins then, as in the authors' implementation.
    """
    inclusive = boxes + np.array([0, 0, 1, 1], np.float32)
    return len(boxes) - 1 - nms(inclusive[::-1], scores[::-1], threshold, over="min")
