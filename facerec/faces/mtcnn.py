"""MTCNN, the multi-task cascaded detector (Zhang et al., 2016): a picture -> every face with its five landmarks.

P-Net looks for faces of every size in a pyramid of reduced copies of the picture, R-Net rejects most of what it
found, O-Net places the box and the landmarks. Everything here is numpy over three ONNX graphs; no torch.
Agrees with facenet-pytorch's MTCNN(keep_all=True) in boxes, landmarks and scores, but for the rare face with two
boxes whose scores are both 1 up to rounding: either may win.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from facerec.errors import InvalidInput
from facerec.faces.area import Table, crops, resized, running_sums
from facerec.faces.mtcnn_boxes import (
    cell_boxes,
    inside,
    landmarks_in,
    pixels,
    pyramid_scales,
    regressed,
    squared,
    suppressed_by_smaller,
)
from facerec.faces.mtcnn_export import mtcnn_graphs
from facerec.faces.reduced import detect_within
from facerec.geometry import nms
from facerec.records import Faces, Float32, Image
from facerec.runtime import Graph, open_graph

Candidates = tuple[Float32, Float32, Float32]
"""Boxes (N, 4), their scores (N,) and P-Net's offsets (N, 4)."""

NO_CANDIDATES: Candidates = (np.zeros((0, 4), np.float32), np.zeros(0, np.float32), np.zeros((0, 4), np.float32))
OVERLAP_IN_LEVEL = 0.5  # of two boxes of one pyramid level, over their union; the paper's implementation's own
OVERLAP = 0.7  # of two boxes everywhere else
BATCH = 32  # crops at a time: bounds memory, and what R- and O-Net hold stays in the processor's cache


@dataclass(frozen=True, slots=True)
class MtcnnSettings:
    """What MTCNN looks for.

    min_face    side of the smallest window that is looked at, pixels of the (perhaps reduced) picture, >= 12;
                faces down to about two thirds of it are still found
    thresholds  lowest score that passes P-, R- and O-Net, 0..1; the paper's implementation's own
    factor      from one size of the pyramid to the next, 0..1
    long_side   a picture with a longer side is reduced to this before detection, pixels
    """

    min_face: float = 20.0
    thresholds: tuple[float, float, float] = (0.6, 0.7, 0.7)
    factor: float = 0.709
    long_side: int = 1920

    def __post_init__(self) -> None:
        if not (self.min_face >= 12 and 0 < self.factor < 1 and self.long_side >= 12):
            raise InvalidInput(f"MTCNN needs min_face >= 12, 0 < factor < 1 and long_side >= 12, not {self}")


class Mtcnn:
    """The detector, ready: call it with a picture."""

    def __init__(self, settings: MtcnnSettings | None = None, graphs: Mapping[str, Graph] | None = None):
        """With `graphs` "pnet", "rnet" and "onet"; without, with those of facenet-pytorch's weights.

        Raises MissingPart where these cannot be had.
        """
        graphs = graphs or {name: open_graph(graph) for name, graph in mtcnn_graphs().items()}
        self._settings = settings or MtcnnSettings()
        self._pnet, self._rnet, self._onet = graphs["pnet"], graphs["rnet"], graphs["onet"]

    def __call__(self, image: Image) -> Faces:
        """All faces of a picture, best score first: (H, W, 3) uint8 RGB, any size -> Faces."""
        side = self._settings.long_side
        return detect_within((side, side), self._cascade, image)

    def _cascade(self, image: Image) -> Faces:
        table = running_sums(image)
        boxes = self._proposed(table)
        boxes = self._refined(table, boxes[_inside(table, boxes)])
        return self._placed(table, boxes[_inside(table, boxes)])

    def _proposed(self, table: Table) -> Float32:
        """P-Net over the pyramid: squares that may hold a face, (N, 4)."""
        height, width = table.shape[0] - 1, table.shape[1] - 1
        scales = pyramid_scales(height, width, self._settings.min_face, self._settings.factor)
        levels = [self._level(table, int(height * scale + 1), int(width * scale + 1), scale) for scale in scales]
        boxes, scores, offsets = (np.concatenate(parts) for parts in zip(NO_CANDIDATES, *levels, strict=True))
        best = nms(boxes, scores, OVERLAP)
        return squared(regressed(boxes[best], offsets[best], inclusive=False))

    def _level(self, table: Table, height: int, width: int, scale: float) -> Candidates:
        """P-Net on one reduced copy of the picture, `height` by `width` pixels."""
        scores, offsets = self._pnet(resized(table, height, width)[None])
        rows, columns = np.nonzero(scores[0] >= self._settings.thresholds[0])
        found = scores[0, rows, columns]
        boxes = cell_boxes(rows, columns, scale)
        best = nms(boxes, found, OVERLAP_IN_LEVEL)
        return boxes[best], found[best], offsets[0][:, rows[best], columns[best]].T

    def _refined(self, table: Table, boxes: Float32) -> Float32:
        """R-Net: the boxes that it believes, moved and made square: (N, 4) -> (M, 4)."""
        if not len(boxes):
            return boxes
        scores, offsets = _in_batches(self._rnet, table, boxes, side=24)
        passed = np.flatnonzero(scores > self._settings.thresholds[1])
        best = passed[nms(boxes[passed], scores[passed], OVERLAP)]
        return squared(regressed(boxes[best], offsets[best], inclusive=True))

    def _placed(self, table: Table, boxes: Float32) -> Faces:
        """O-Net: the faces among the boxes, (N, 4), with their landmarks."""
        if not len(boxes):
            return Faces.none()
        scores, offsets, shares = _in_batches(self._onet, table, boxes, side=48)
        passed = scores > self._settings.thresholds[2]
        boxes, scores = boxes[passed], scores[passed]
        landmarks = landmarks_in(boxes, shares[passed])
        boxes = regressed(boxes, offsets[passed], inclusive=True)
        best = suppressed_by_smaller(boxes, scores, OVERLAP)
        return Faces(boxes, landmarks, scores)[best]


def _inside(table: Table, boxes: Float32) -> np.ndarray:
    return inside(boxes, table.shape[0] - 1, table.shape[1] - 1)


def _in_batches(net: Graph, table: Table, boxes: Float32, side: int) -> list[np.ndarray]:
    """A net's outputs for the content of each box, resized to `side`: (N, 4), N > 0 -> arrays of length N."""
    whole = pixels(boxes, table.shape[0] - 1, table.shape[1] - 1)
    batches = [net(crops(table, whole[row : row + BATCH], side)) for row in range(0, len(whole), BATCH)]
    return [np.concatenate(outputs) for outputs in zip(*batches, strict=True)]
