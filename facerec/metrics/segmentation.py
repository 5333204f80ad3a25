"""How well labels of pixels agree: pixel accuracy, intersection over union and Dice, all from one table of counts."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from facerec.errors import InvalidInput
from facerec.records import Int64

IGNORE = 255
"""The true label of pixels that are not counted."""


def confusion(truth: np.ndarray, predicted: np.ndarray, classes: int) -> Int64:
    """How many pixels of each class were taken for each: two (...) of whole numbers -> (C, C) int64.

    Rows are the true classes, columns what they were taken for; pixels whose truth is IGNORE are left out.

    >>> confusion(np.array([0, 0, 1, 255]), np.array([0, 1, 1, 0]), 2).tolist()
    [[1, 1], [0, 1]]

    Raises InvalidInput for shapes that differ and for labels that are no class.
    """
    if truth.shape != predicted.shape:
        raise InvalidInput(f"labels of shape {truth.shape} cannot be compared with labels of shape {predicted.shape}")
    counted = truth != IGNORE
    pairs = np.stack([truth[counted], predicted[counted]]).astype(np.int64)
    if pairs.size and not (pairs.min() >= 0 and pairs.max() < classes):
        raise InvalidInput(f"labels must be 0 to {classes - 1}, or {IGNORE} in the truth; got up to {pairs.max()}")
    return np.bincount(pairs[0] * classes + pairs[1], minlength=classes**2).reshape(classes, classes)


@dataclass(frozen=True, slots=True, eq=False)
class PixelAgreement:
    """What a table of counts says.

    confusion  (C, C) int64: rows are the true classes, columns what they were taken for
    """

    confusion: Int64

    @classmethod
    def of(cls, pairs: Iterable[tuple[np.ndarray, np.ndarray]], classes: int) -> PixelAgreement:
        """Over all pairs of (truth, predicted) labels: counts are added before anything is divided."""
        counts = np.zeros((classes, classes), np.int64)
        for truth, predicted in pairs:
            counts += confusion(truth, predicted, classes)
        return cls(counts)

    @property
    def pixels(self) -> int:
        """That were counted."""
        return int(self.confusion.sum())

    @property
    def accuracy(self) -> float:
        """Share of the pixels that are labelled right; also called global accuracy. NaN where none was counted."""
        return float(np.trace(self.confusion) / self.pixels) if self.pixels else float("nan")

    @property
    def recalls(self) -> np.ndarray:
        """Of each class, the share of its pixels that are labelled right: (C,), NaN where it does not occur."""
        return shares(self.confusion.diagonal(), self.confusion.sum(axis=1))

    @property
    def mean_accuracy(self) -> float:
        """The mean of the recalls of all classes that occur; also called class average."""
        return mean(self.recalls)

    @property
    def ious(self) -> np.ndarray:
        """Intersection over union (Jaccard index) of each class: (C,), NaN where it neither occurs nor is guessed."""
        right = self.confusion.diagonal()
        return shares(right, self.confusion.sum(axis=0) + self.confusion.sum(axis=1) - right)

    @property
    def mean_iou(self) -> float:
        """The mean of the IoU of all classes that occur or are guessed."""
        return mean(self.ious)

    @property
    def dices(self) -> np.ndarray:
        """Dice coefficient (F1) of each class: (C,), NaN where it neither occurs nor is guessed."""
        return shares(2 * self.confusion.diagonal(), self.confusion.sum(axis=0) + self.confusion.sum(axis=1))


def shares(part: np.ndarray, whole: np.ndarray) -> np.ndarray:
    """Part of the whole, NaN where that is 0: two (C,) -> (C,) float64."""
    return np.asarray(np.divide(part, whole, out=np.full(len(part), np.nan), where=whole > 0))


def mean(values: np.ndarray) -> float:
    """Of those that are numbers; NaN where none is."""
    known = values[np.isfinite(values)]
    return float(known.mean()) if len(known) else float("nan")


def median_frequency(masks: Iterable[np.ndarray], classes: int) -> np.ndarray:
    """Class weights that make rare classes count: the median frequency of all classes over each one's own.

    A class's frequency is its share of the pixels of those masks in which it occurs (Eigen and Fergus, 2015); a class
    that never occurs weighs 0. (C,) float64.

    >>> median_frequency([np.array([0, 0, 0, 1])], 2).round(3).tolist()
    [0.667, 2.0]
    """
    own, around = np.zeros(classes, np.int64), np.zeros(classes, np.int64)
    for mask in masks:
        counts = np.bincount(mask[mask != IGNORE].ravel(), minlength=classes)
        own += counts
        around += np.where(counts > 0, counts.sum(), 0)
    frequency = shares(own, around)
    known = frequency[np.isfinite(frequency)]
    if not len(known):
        return np.zeros(classes)
    return np.asarray(np.nan_to_num(np.median(known) / frequency, nan=0.0))
