"""How well objects are found: average precision as PASCAL VOC and as COCO count it.

Detections of all pictures are gone through from the best score down; each is right where it overlaps an object of its
class enough that no better one has taken. Precision is then a curve over recall, and average precision (AP) the mean
of that curve, made falling: each precision counts as the best that is reached at that recall or a higher one.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from facerec.errors import InvalidInput
from facerec.geometry import area, intersection, iou
from facerec.records import Detections, Int64, Objects

Form = Literal["voc", "voc11", "coco"]
"""Mean of the curve over all recalls (VOC 2010), at 0, 0.1 ... 1 (VOC 2007), or at 0, 0.01 ... 1 (COCO)."""

Float64 = NDArray[np.float64]
COCO_THRESHOLDS = np.linspace(0.5, 0.95, 10)
COCO_MOST = 100
"""Detections of a picture and a class that COCO looks at."""


@dataclass(frozen=True, slots=True, eq=False)
class Judged:
    """The detections of one class on all pictures, best score first.

    scores   (D,) float32
    right    (D,) bool  found an object
    objects  how many there were to find
    """

    scores: NDArray[np.float32]
    right: NDArray[np.bool_]
    objects: int

    def curve(self) -> tuple[Float64, Float64]:
        """Precision and recall after each detection: (D,), (D,)."""
        right = np.cumsum(self.right)
        return right / np.arange(1, len(right) + 1), right / max(self.objects, 1)


def average_precision(precision: np.ndarray, recall: np.ndarray, form: Form = "voc") -> float:
    """Mean of the falling curve: (D,), (D,) in the order of falling scores -> 0..1.

    >>> round(average_precision(np.array([1.0, 0.5, 2 / 3]), np.array([0.5, 0.5, 1.0])), 4)
    0.8333
    """
    falling = np.append(np.maximum.accumulate(precision[::-1])[::-1], 0.0)
    if form == "voc":
        return float(np.sum(np.diff(recall, prepend=0.0) * falling[:-1]))
    levels = np.arange(11) / 10 if form == "voc11" else np.linspace(0, 1, 101)
    return float(falling[np.searchsorted(recall, levels)].mean())


def ap_of(judged: Judged, form: Form = "voc") -> float:
    """AP of one class; NaN where there is nothing to find."""
    return average_precision(*judged.curve(), form) if judged.objects else float("nan")


Matcher = Callable[[Detections, Objects, float], tuple[NDArray[np.bool_], NDArray[np.bool_]]]
"""Detections and objects of one picture and one class, and the least IoU -> which are right, which count at all."""


def match_voc(found: Detections, truth: Objects, least: float) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Each detection belongs to the object that it overlaps most: (D,) right, (D,) counted.

    It is wrong where that one is taken, even where another is free; where that one is hard it does not count.
    """
    right, counted = np.zeros(len(found), np.bool_), np.ones(len(found), np.bool_)
    if not len(found) or not len(truth):
        return right, counted
    overlap = iou(found.boxes, truth.boxes)
    taken = np.zeros(len(truth), np.bool_)
    for row, nearest in enumerate(overlap.argmax(axis=1)):
        if overlap[row, nearest] < least:
            continue
        counted[row] = not truth.hard[nearest]
        right[row] = counted[row] and not taken[nearest]
        taken[nearest] = True
    return right, counted


def match_coco(found: Detections, truth: Objects, least: float) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Each detection takes the free object that it overlaps most: (D,) right, (D,) counted.

    Only where there is none it may lie in a crowd (how much of it does is then its overlap), and does not count.
    """
    found = found[:COCO_MOST]
    right, counted = np.zeros(len(found), np.bool_), np.ones(len(found), np.bool_)
    crowds, ours = truth[truth.hard], truth[~truth.hard]
    overlap = iou(found.boxes, ours.boxes)
    inside = intersection(found.boxes, crowds.boxes) / np.maximum(area(found.boxes), 1e-9)[:, None]
    for row in range(len(found)):
        if len(ours) and (best := overlap[row].max()) >= min(least, 1 - 1e-10):
            right[row] = True
            overlap[:, np.flatnonzero(overlap[row] == best)[-1]] = -1  # of equals the last, as pycocotools has it
        else:
            counted[row] = not (inside[row] >= min(least, 1 - 1e-10)).any()
    return right, counted


def judge(
    found: Sequence[Detections], truth: Sequence[Objects], label: int, least: float = 0.5, match: Matcher = match_voc
) -> Judged:
    """Match the detections of one class on all pictures. Raises InvalidInput where the pictures are not as many."""
    if len(found) != len(truth):
        raise InvalidInput(f"detections of {len(found)} pictures and objects of {len(truth)}: give as many of each")
    scores, rights = [np.zeros(0, np.float32)], [np.zeros(0, np.bool_)]
    objects = 0
    for theirs, real in zip(found, truth, strict=True):
        own, there = theirs[theirs.labels == label], real[real.labels == label]
        right, counted = match(own, there, least)
        objects += int((~there.hard).sum())
        scores.append(own.scores[: len(right)][counted])
        rights.append(right[counted])
    all_scores = np.concatenate(scores)
    order = np.argsort(-all_scores, kind="stable")
    return Judged(all_scores[order], np.concatenate(rights)[order], objects)


def average_precisions(
    found: Sequence[Detections], truth: Sequence[Objects], classes: int, least: float = 0.5, form: Form = "voc"
) -> Float64:
    """AP of each class at one IoU: (classes,), NaN for a class of which there is nothing to find."""
    match = match_coco if form == "coco" else match_voc
    return np.array([ap_of(judge(found, truth, label, least, match), form) for label in range(classes)])


def mean_ap(
    found: Sequence[Detections], truth: Sequence[Objects], classes: int, least: float = 0.5, form: Form = "voc"
) -> float:
    """mAP: the mean over the classes that there is something to find of. Raises InvalidInput where there is none."""
    each = average_precisions(found, truth, classes, least, form)
    if np.isnan(each).all():
        raise InvalidInput("there is no object to find on these pictures: average precision needs one at least")
    return float(np.nanmean(each))


def coco_ap(found: Sequence[Detections], truth: Sequence[Objects], classes: int) -> float:
    """COCO's own figure: mAP averaged over the IoUs 0.50, 0.55 ... 0.95, all sizes of objects, 100 detections."""
    return float(np.mean([mean_ap(found, truth, classes, least, "coco") for least in COCO_THRESHOLDS]))


def confused(found: Sequence[Detections], truth: Sequence[Objects], floor: float, least: float = 0.5) -> Int64:
    """Found, wrong and missed objects where only scores from `floor` on count, each class by itself: (C, 3)."""
    labels = np.concatenate([np.zeros(0, np.int64), *(each.labels for each in found), *(each.labels for each in truth)])
    classes = int(labels.max(initial=-1)) + 1
    rows = np.zeros((classes, 3), np.int64)
    sure = [each[each.scores >= floor] for each in found]
    for label in range(classes):
        judged = judge(sure, truth, label, least)
        right = int(judged.right.sum())
        rows[label] = right, len(judged.right) - right, judged.objects - right
    return rows
