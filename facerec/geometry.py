"""Boxes, similarity transforms and warping, as functions on arrays.

A box is x1 y1 x2 y2 in pixels, x2 and y2 exclusive. A point (x, y) with whole numbers lies at the centre of pixel
`image[y, x]`, as in OpenCV and scikit-image. A transform is the top two rows of its 3x3 matrix and maps source
points to output points.
"""

from __future__ import annotations

import math
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from facerec.errors import InvalidInput
from facerec.records import Float32, Image, Int64

Float64 = NDArray[np.float64]
NMS_BLOCK = 64  # best boxes that are compared with all others at once

SAME_FACE_IOU = 0.5
"""Two boxes in one picture that overlap at least so much are one face, by the convention of PASCAL VOC.

Boxes are compared so, and not for equality, because their last digits depend on how pictures were batched.
"""


def area(boxes: np.ndarray) -> np.ndarray:
    """(N, 4) -> (N,) square pixels; a box turned inside out has area 0.

    >>> area(np.array([[1, 1, 4, 3], [4, 3, 1, 1]])).tolist()
    [6, 0]
    """
    width, height = np.maximum(boxes[:, 2:] - boxes[:, :2], 0).T
    return np.asarray(width * height)


def intersection(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Shared area of every pair: (N, 4), (M, 4) -> (N, M) square pixels."""
    wide = np.minimum(a[:, None, 2], b[None, :, 2]) - np.maximum(a[:, None, 0], b[None, :, 0])
    high = np.minimum(a[:, None, 3], b[None, :, 3]) - np.maximum(a[:, None, 1], b[None, :, 1])
    return np.asarray(np.maximum(wide, 0) * np.maximum(high, 0))


def iou(a: np.ndarray, b: np.ndarray) -> Float64:
    """Intersection over union of every pair: (N, 4), (M, 4) -> (N, M), 0..1; 0 where both areas are 0."""
    shared = intersection(a, b).astype(np.float64)
    union = area(a)[:, None] + area(b)[None, :] - shared
    return np.asarray(np.divide(shared, union, out=np.zeros_like(shared), where=union > 0))


def nms(boxes: np.ndarray, scores: np.ndarray, threshold: float, over: Literal["union", "min"] = "union") -> Int64:
    """Greedy non-maximum suppression: (N, 4), (N,) -> kept row numbers, best score first, ties by row.

    A box is dropped when its intersection with a better kept one, over their union or over the smaller of the two
    areas, is more than `threshold`.
    """
    waiting = np.argsort(-scores, kind="stable")
    kept = [waiting[:0]]
    while len(waiting):
        block, waiting = waiting[:NMS_BLOCK], waiting[NMS_BLOCK:]
        best = block[_survivors(_too_close(boxes[block], boxes[block], threshold, over))]
        kept.append(best)
        waiting = waiting[~_too_close(boxes[best], boxes[waiting], threshold, over).any(axis=0)]
    return np.concatenate(kept)


def _survivors(close: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Which rows stay, best first, when each that stays drops those close to it: (B, B) -> (B,)."""
    alive = np.ones(len(close), np.bool_)
    for row in range(len(close)):
        if alive[row]:
            alive[row + 1 :] &= ~close[row, row + 1 :]
    return alive


def _too_close(a: np.ndarray, b: np.ndarray, threshold: float, over: str) -> NDArray[np.bool_]:
    """Which pairs share more than the threshold allows: (N, 4), (M, 4) -> (N, M)."""
    shared = intersection(a, b)
    first, second = area(a).astype(np.float64)[:, None], area(b).astype(np.float64)[None, :]
    whole = first + second - shared if over == "union" else np.minimum(first, second)
    return np.asarray(shared > threshold * whole)


def generalised_iou(a: np.ndarray, b: np.ndarray) -> Float64:
    """IoU less the empty share of the smallest box around both: (N, 4), (M, 4) -> (N, M), -1..1.

    It tells near misses from far ones, where IoU is 0 for both (Rezatofighi et al., 2019).
    """
    wide = np.maximum(a[:, None, 2], b[None, :, 2]) - np.minimum(a[:, None, 0], b[None, :, 0])
    high = np.maximum(a[:, None, 3], b[None, :, 3]) - np.minimum(a[:, None, 1], b[None, :, 1])
    around = np.asarray(wide * high, np.float64)
    union = area(a).astype(np.float64)[:, None] + area(b)[None, :] - intersection(a, b)
    empty = np.divide(around - union, around, out=np.zeros_like(around), where=around > 0)
    return np.asarray(iou(a, b) - empty)


def nms_per_class(
    boxes: np.ndarray, scores: np.ndarray, labels: np.ndarray, threshold: float, floor: float = 0.0
) -> Int64:
    """`nms` among the boxes of each class alone: (N, 4), (N,), (N,) -> kept row numbers, best score first.

    Rows with a score below `floor` are dropped first.
    """
    rows = np.flatnonzero(scores >= floor)
    kept = [rows[:0]]
    for label in np.unique(labels[rows]):
        own = rows[labels[rows] == label]
        kept.append(own[nms(boxes[own], scores[own], threshold)])
    found = np.sort(np.concatenate(kept))
    return found[np.argsort(-scores[found], kind="stable")]


def soft_nms(boxes: np.ndarray, scores: np.ndarray, sigma: float = 0.5, floor: float = 0.001) -> tuple[Int64, Float64]:
    """Lower a box's score instead of dropping it: (N, 4), (N,) -> row numbers and new scores, best first.

    Each box that is taken multiplies the others' scores by exp(-IoU^2 / sigma); those below `floor` are dropped
    (Bodla et al., 2017).
    """
    left, rows, kept, worth = scores.astype(np.float64), np.arange(len(scores)), [], []
    while len(rows) and (best := left[rows].max()) >= floor:
        row = rows[left[rows].argmax()]
        kept.append(row)
        worth.append(best)
        rows = rows[rows != row]
        left[rows] *= np.exp(-(iou(boxes[row : row + 1], boxes[rows])[0] ** 2) / sigma)
    return np.array(kept, np.int64), np.array(worth, np.float64)


def clip(boxes: np.ndarray, width: int, height: int) -> np.ndarray:
    """Boxes cut to the picture: (N, 4) -> (N, 4); one wholly outside gets area 0."""
    limits = np.array([width, height, width, height], boxes.dtype)
    return np.asarray(np.clip(boxes, 0, limits))


def centre(boxes: np.ndarray) -> np.ndarray:
    """(N, 4) -> (N, 2), x y."""
    return np.asarray((boxes[:, :2] + boxes[:, 2:]) / 2)


def similarity_transform(source: np.ndarray, target: np.ndarray) -> Float64:
    """The turn, scale and shift that bring `source` nearest to `target`: (N, 2), (N, 2) -> (2, 3), N >= 2.

    Least squares, never a reflection: the solution of Umeyama (1991). In the plane it is linear: with points as
    complex numbers about their means, target ~ factor * source, and the best factor is a projection.
    Raises InvalidInput when the source points coincide or a coordinate is not finite.
    """
    points = np.stack([source, target]).astype(np.float64)
    if not np.isfinite(points).all() or not np.ptp(points[0], axis=0).any():
        raise InvalidInput("a transform needs finite points, and source points that do not all coincide")
    means = points.mean(axis=1)
    x, y = np.moveaxis(points - means[:, None], -1, 0)
    z, w = x + 1j * y
    factor = np.vdot(z, w) / np.vdot(z, z).real
    linear = np.array([[factor.real, -factor.imag], [factor.imag, factor.real]])
    return np.column_stack([linear, means[1] - linear @ means[0]])


def invert(matrix: np.ndarray) -> Float64:
    """The transform that goes back: (2, 3) -> (2, 3). Raises InvalidInput when there is none."""
    linear, shift = matrix[:, :2].astype(np.float64), matrix[:, 2].astype(np.float64)
    if not (np.isfinite(matrix).all() and abs(np.linalg.det(linear)) > 0):
        raise InvalidInput("the transform cannot be inverted")
    back = np.linalg.inv(linear)
    return np.column_stack([back, -back @ shift])


def apply(matrix: np.ndarray, points: np.ndarray) -> np.ndarray:
    """Points moved by a transform: (2, 3), (..., 2) -> (..., 2)."""
    return np.asarray(points @ matrix[:, :2].T + matrix[:, 2])


def warp(image: Image, matrix: np.ndarray, size: tuple[int, int]) -> Image:
    """The picture seen through a transform: (H, W, C) uint8 -> (*size, C) uint8; `size` is (height, width).

    Bilinear, black outside the picture. Where the transform shrinks by two or more, whole blocks of pixels are
    averaged first, so that fine detail is not sampled at random (aliasing).
    Raises InvalidInput when the transform cannot be inverted.
    """
    back = invert(matrix)
    rows, columns = np.mgrid[: size[0], : size[1]]
    where = apply(back, np.stack([columns, rows], axis=-1))
    shrink = math.sqrt(abs(np.linalg.det(back[:, :2])))
    block = math.floor(np.clip(shrink + 1e-9, 1, max(image.shape)))  # 6.9999... is 7
    window, corner = _window(image, where, 2 * block, block)
    return _bilinear(_block_means(window, block), (where - corner - (block - 1) / 2) / block)


def _window(image: Image, where: Float64, margin: int, step: int) -> tuple[Image, Int64]:
    """The part of the picture within `margin` pixels of the points `where`, and its corner (x, y).

    The corner is a multiple of `step`, so that the blocks counted from it do not depend on the window.
    """
    sides = np.array([image.shape[1], image.shape[0]])
    low = np.clip(np.floor(where.min(axis=(0, 1))) - margin, 0, sides).astype(np.int64) // step * step
    high = np.clip(np.ceil(where.max(axis=(0, 1))) + margin, low, sides).astype(np.int64)
    return image[low[1] : high[1], low[0] : high[0]], low


def _block_means(image: Image, block: int) -> Float32:
    """Means of block x block pixels: (H, W, C) -> (ceil(H / block), ceil(W / block), C); black past the edge."""
    if block == 1 or not image.size:
        return image.astype(np.float32)
    height, width, _ = image.shape
    sums = np.add.reduceat(image, np.arange(0, height, block), axis=0, dtype=np.float32)
    sums = np.add.reduceat(sums, np.arange(0, width, block), axis=1)
    return (sums / (block * block)).astype(np.float32)


def _bilinear(image: Float32, where: Float64) -> Image:
    """Values between pixels: (H, W, C), (..., 2) x y -> (..., C) uint8, rounded; black outside."""
    framed = np.pad(image, ((1, 2), (1, 2), (0, 0)))
    inside = np.clip(where, -1, [image.shape[1], image.shape[0]]) + 1
    whole = np.floor(inside).astype(np.int64)
    x, y = whole[..., 0], whole[..., 1]
    right, down = np.moveaxis(inside - whole, -1, 0)[..., None].astype(np.float32)
    top = framed[y, x] * (1 - right) + framed[y, x + 1] * right
    bottom = framed[y + 1, x] * (1 - right) + framed[y + 1, x + 1] * right
    return np.asarray(np.rint(top * (1 - down) + bottom * down).astype(np.uint8))
