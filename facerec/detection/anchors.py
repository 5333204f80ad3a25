"""Typical sizes of a data set's boxes, to predict sizes from: k-means on 1 - IoU (Redmon and Farhadi, 2017)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from facerec.errors import InvalidInput

Float64 = NDArray[np.float64]


def shape_iou(a: np.ndarray, b: np.ndarray) -> Float64:
    """IoU of every pair of sizes, laid on the same centre: (N, 2), (M, 2) width height -> (N, M), 0..1.

    >>> shape_iou(np.array([[2, 4]]), np.array([[4, 2], [2, 4]])).round(3).tolist()
    [[0.333, 1.0]]
    """
    shared = np.minimum(a[:, None], b[None]).prod(axis=2).astype(np.float64)
    union = a.prod(axis=1)[:, None] + b.prod(axis=1)[None] - shared
    return np.asarray(shared / union)


def anchors_of(sizes: np.ndarray, count: int, rng: np.random.Generator, rounds: int = 100) -> Float64:
    """The `count` sizes that boxes are nearest to, smallest area first: (N, 2) width height -> (count, 2).

    Each box belongs to the anchor of largest IoU; an anchor is the median of its boxes, or stays where it has none.
    Raises InvalidInput where there are fewer different sizes than anchors, or one is not above 0.
    """
    if not (np.isfinite(sizes).all() and (sizes > 0).all()):
        raise InvalidInput("anchors come from boxes of a width and a height above 0")
    different = np.unique(sizes, axis=0)
    if len(different) < count:
        raise InvalidInput(f"{count} anchors need as many different boxes; there are {len(different)}")
    centres = first_centres(different, count, rng)
    for _ in range(rounds):
        nearest = shape_iou(sizes, centres).argmax(axis=1)
        moved = np.stack([middle(sizes[nearest == k], centre) for k, centre in enumerate(centres)])
        if np.array_equal(moved, centres):
            break
        centres = moved
    return np.asarray(centres[centres.prod(axis=1).argsort(kind="stable")])


def first_centres(sizes: np.ndarray, count: int, rng: np.random.Generator) -> Float64:
    """A start far apart: each further size is drawn by its squared distance from those drawn (k-means++)."""
    chosen = [int(rng.integers(len(sizes)))]
    while len(chosen) < count:
        distance = np.square(1 - shape_iou(sizes, sizes[chosen]).max(axis=1))
        distance[chosen] = 0
        chosen.append(int(rng.choice(len(sizes), p=distance / distance.sum())))
    return np.asarray(sizes[chosen], np.float64)


def middle(sizes: np.ndarray, otherwise: np.ndarray) -> Float64:
    """The median width and height of some boxes."""
    return np.asarray(np.median(sizes, axis=0) if len(sizes) else otherwise)


def mean_shape_iou(sizes: np.ndarray, anchors: np.ndarray) -> float:
    """How well anchors fit: the mean IoU of each box with its best anchor, the figure of YOLOv2's Table 1."""
    return float(shape_iou(sizes, anchors).max(axis=1).mean())
