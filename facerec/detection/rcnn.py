"""R-CNN as it was: Girshick et al., "Rich feature hierarchies for accurate object detection", 2014.

Proposals of selective search, each warped to a square with some context; the features of a convolutional network
trained on ImageNet; for each class a linear SVM that tells it from everything else, and a ridge regression that moves
its boxes; non-maximum suppression. The network is SqueezeNet, not fine-tuned, and the features are the means of the
four quarters of its last map, for the time's sake: the paper takes AlexNet's, 227 pixels a side, on a GPU.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from facerec.cnn.preparation import CAFFE
from facerec.detection.box_codes import clipped, decode, encode
from facerec.detection.squeeze_trunk import squeeze_layers
from facerec.detection.warping import warp_regions, with_context
from facerec.errors import InvalidInput, MissingPart
from facerec.geometry import iou, nms_per_class
from facerec.records import Detections, Float32, Image, Objects

Propose = Callable[[Image], Float32]
Progress = Callable[[int, int], None]
CHANNELS = 512
"""Of the network's last map."""
MOST = 100
"""Detections of a picture that are kept."""


@dataclass(frozen=True, slots=True)
class RCNNSettings:
    """How regions are seen and learned from; the numbers without a remark are the paper's.

    side, context   of a warped region and of what it shows beside its box, pixels
    near, far       of a picture's proposals, how many that overlap an object from IoU 0.3 on are learned from, and
                    how many others; all would not fit into memory
    negative        a proposal below this IoU with every object of a class does not show it
    regressed       a proposal teaches the regression from this IoU on
    svm_c, ridge    of the SVM and the regression, for features of a mean length of 20
    first, rounds   negatives that the SVM begins with, and how often it gets those that it fails on
    overlap         of non-maximum suppression
    floor           of the SVM's value: below, a region is no detection
    """

    side: int = 83
    context: int = 6
    near: int = 120
    far: int = 200
    negative: float = 0.3
    regressed: float = 0.6
    svm_c: float = 1e-3
    ridge: float = 1000.0
    first: int = 6000
    rounds: int = 2
    overlap: float = 0.3
    floor: float = -1.2


class RegionFeatures:
    """Features of regions by a network's map, the mean of each of its quarters: rows of 4 * 512."""

    def __init__(self, layers: nn.Sequential, side: int, context: int, batch: int = 64):
        self.layers = layers.eval().to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.side, self.context, self.batch = side, context, batch

    @torch.inference_mode()
    def __call__(self, image: Image, boxes: Float32) -> Float32:
        """(H, W, 3), (N, 4) -> (N, F); N may be 0."""
        if not len(boxes):
            return np.zeros((0, 4 * CHANNELS), np.float32)
        picture = CAFFE.normalised(torch.from_numpy(image).permute(2, 0, 1).float())
        wide = with_context(torch.from_numpy(boxes), self.side, self.context)
        rows = [self._of(warp_regions(picture, some, self.side)) for some in torch.split(wide, self.batch)]
        found: Float32 = torch.cat(rows).numpy()
        return found

    def _of(self, regions: Tensor) -> Tensor:
        maps = self.layers(regions.contiguous(memory_format=torch.channels_last))
        return F.adaptive_avg_pool2d(maps, 2).flatten(1)


@dataclass(frozen=True, slots=True, eq=False)
class Lesson:
    """Regions of training pictures, R in all, with what each class learns of them.

    rows      (R, F)     float16  features
    boxes     (R, 4)     float32
    overlaps  (R, C)     float32  largest IoU with an object of each class
    nearest   (R, C, 4)  float32  that object's box
    owner     (R,)       int64    the class whose very object this is, -1 for proposals
    """

    rows: NDArray[np.float16]
    boxes: Float32
    overlaps: Float32
    nearest: Float32
    owner: NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class Linear:
    """What is learned on the features of F numbers for C classes.

    scale          features are multiplied by it first
    svm            (C, F), svm_bias (C,)
    ridge          (C, 4, F), ridge_bias (C, 4): codes of the object's box seen from the proposal
    """

    scale: float
    svm: Float32
    svm_bias: Float32
    ridge: Float32
    ridge_bias: Float32


class RCNN:
    """A picture (H, W, 3) -> what is on it; see the module for how."""

    def __init__(self, features: RegionFeatures, linear: Linear, settings: RCNNSettings, propose: Propose):
        self.features, self.linear, self.settings, self.propose = features, linear, settings, propose

    def __call__(self, image: Image) -> Detections:
        proposals = self.propose(image)
        if not len(proposals):
            return Detections.none()
        return decided(self.linear, self.features(image, proposals), proposals, image.shape[:2], self.settings)


def decided(
    linear: Linear, rows: np.ndarray, proposals: Float32, size: Sequence[int], settings: RCNNSettings
) -> Detections:
    """What the SVMs and the regression make of proposals: (N, F), (N, 4) -> the best of each class, apart."""
    scaled = rows.astype(np.float32) * linear.scale
    values = scaled @ linear.svm.T + linear.svm_bias  # (N, C)
    found, labels = np.nonzero(values >= settings.floor)
    codes = np.einsum("nf,ncf->nc", scaled[found], linear.ridge[labels]) + linear.ridge_bias[labels]
    moved = decode(torch.from_numpy(codes.astype(np.float32)), torch.from_numpy(proposals[found]))
    boxes = clipped(moved, size[1], size[0]).numpy()
    scores = 1 / (1 + np.exp(-values[found, labels]))
    kept = nms_per_class(boxes, scores, labels, settings.overlap)[:MOST]
    return Detections.best_first(boxes[kept], scores[kept], labels[kept])


def lesson_of(
    image: Image,
    objects: Objects,
    classes: int,
    features: RegionFeatures,
    propose: Propose,
    settings: RCNNSettings,
    rng: np.random.Generator,
) -> Lesson:
    """The objects of one picture and some of its proposals, with their features."""
    proposals = propose(image)
    overlap = iou(proposals, objects.boxes).max(axis=1, initial=0.0)
    near, far = (rng.permutation(np.flatnonzero(each)) for each in (overlap >= 0.3, overlap < 0.3))
    some = np.concatenate([near[: settings.near], far[: settings.far]])
    boxes = np.concatenate([objects.boxes, proposals[some]]).astype(np.float32)
    overlaps = np.zeros((len(boxes), classes), np.float32)
    nearest = np.zeros((len(boxes), classes, 4), np.float32)
    for label in range(classes):
        own = objects.boxes[objects.labels == label]
        if len(own):
            each = iou(boxes, own)
            overlaps[:, label], nearest[:, label] = each.max(axis=1), own[each.argmax(axis=1)]
    owner = np.concatenate([objects.labels, np.full(len(some), -1)])
    return Lesson(features(image, boxes).astype(np.float16), boxes, overlaps, nearest, owner)


def together(lessons: Sequence[Lesson]) -> Lesson:
    """The regions of many pictures as one."""
    parts = ("rows", "boxes", "overlaps", "nearest", "owner")
    return Lesson(*(np.concatenate([getattr(lesson, part) for lesson in lessons]) for part in parts))


def fit_linear(lesson: Lesson, settings: RCNNSettings, rng: np.random.Generator, progress: Progress) -> Linear:
    """The SVM and the regression of every class. Raises InvalidInput for a class without an object, MissingPart."""
    classes = lesson.overlaps.shape[1]
    norms = np.linalg.norm(lesson.rows.astype(np.float32), axis=1)
    scale = float(20 / norms.mean())
    svms, ridges = [], []
    for label in range(classes):
        if not (lesson.owner == label).any():
            raise InvalidInput(f"class {label} has no object in the training pictures: leave it out, or add some")
        svms.append(fit_svm(lesson, label, scale, settings, rng))
        ridges.append(fit_ridge(lesson, label, scale, settings))
        progress(label + 1, classes)
    (svm, svm_bias), (ridge, ridge_bias) = (map(np.stack, zip(*each, strict=True)) for each in (svms, ridges))
    parts = (np.asarray(each, np.float32) for each in (svm, svm_bias, ridge, ridge_bias))
    return Linear(scale, *parts)


def fit_svm(
    lesson: Lesson, label: int, scale: float, settings: RCNNSettings, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """A class against all else, with hard negatives: weights (F,) and bias ().

    It begins with the class's own objects and a random part of what does not show it; those of the rest that it does
    not clearly refuse join them, and it learns again.
    """
    positive = np.flatnonzero(lesson.owner == label)
    negative = rng.permutation(np.flatnonzero(lesson.overlaps[:, label] < settings.negative))
    chosen, rest = negative[: settings.first], negative[settings.first :]
    for round_ in range(settings.rounds + 1):
        rows = np.concatenate([positive, chosen])
        svm = _svm(settings.svm_c).fit(lesson.rows[rows].astype(np.float32) * scale, np.isin(rows, positive))
        weight, bias = svm.coef_[0], svm.intercept_[0]
        if round_ < settings.rounds and len(rest):
            hard = _values(lesson.rows, rest, weight * scale, bias) > -1.0
            chosen, rest = np.concatenate([chosen, rest[hard]]), rest[~hard]
    return weight, bias


def _values(rows: np.ndarray, chosen: np.ndarray, weight: np.ndarray, bias: float) -> np.ndarray:
    """An SVM's value for some rows, piece by piece: half-precision rows are widened for it."""
    pieces = np.array_split(chosen, max(1, len(chosen) // 4096))
    return np.concatenate([rows[piece].astype(np.float32) @ weight.astype(np.float32) + bias for piece in pieces])


def fit_ridge(lesson: Lesson, label: int, scale: float, settings: RCNNSettings) -> tuple[np.ndarray, np.ndarray]:
    """From features to the code of the nearest object of the class: weights (4, F) and bias (4,)."""
    from sklearn.linear_model import Ridge

    near = np.flatnonzero(lesson.overlaps[:, label] >= settings.regressed)
    objects, boxes = (torch.from_numpy(each[near]) for each in (lesson.nearest[:, label], lesson.boxes))
    fitted = Ridge(alpha=settings.ridge).fit(lesson.rows[near].astype(np.float32) * scale, encode(objects, boxes))
    return fitted.coef_, fitted.intercept_


def _svm(c: float) -> Any:
    """scikit-learn's linear SVM."""
    try:
        from sklearn.svm import LinearSVC
    except ImportError as error:
        raise MissingPart("R-CNN needs scikit-learn: pip install 'facerec[rcnn]'") from error
    return LinearSVC(C=c, loss="hinge", intercept_scaling=10.0, max_iter=20_000, random_state=0)


def region_features(weights: Path | None, settings: RCNNSettings) -> RegionFeatures:
    """SqueezeNet's features of regions, with weights from a file. Raises what `open_classifier` raises."""
    return RegionFeatures(squeeze_layers(weights), settings.side, settings.context)
