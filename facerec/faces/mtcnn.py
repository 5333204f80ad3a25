"""MTCNN, the multi-task cascaded detector (Zhang et al., 2016): a picture -> every face with its five landmarks.

P-Net looks for faces of every size in a pyramid of reduced copies of the picture, R-Net rejects most of what it
found, O-Net places the box and the landmarks. Everything here is numpy over three ONNX graphs; no torch.
Agrees with facenet-pytorch's MTCNN(keep_all=True) in boxes, landmarks and scores, but for the rare face with two
boxes whose scores are both 1 up to rounding: either may win.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise
from typing import NamedTuple

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
from facerec.faces.together import Place, Size, by_size, in_parts, portion
from facerec.geometry import nms
from facerec.records import Faces, Float32, Image, Int64
from facerec.runtime import Graph, open_graph

Candidates = tuple[Float32, Float32, Float32]
"""Boxes (N, 4), their scores (N,) and P-Net's offsets (N, 4)."""

Seen = tuple[np.ndarray, ...]
"""Boxes (N, 4), and what a net says of each."""

NO_CANDIDATES: Candidates = (np.zeros((0, 4), np.float32), np.zeros(0, np.float32), np.zeros((0, 4), np.float32))
OVERLAP_IN_LEVEL = 0.5  # of two boxes of one pyramid level, over their union; the paper's implementation's own
OVERLAP = 0.7  # of two boxes everywhere else


class Level(NamedTuple):
    """One reduced copy of a picture: its height and width, and how much smaller it is."""

    size: Size
    scale: float


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
    """The detector, ready: call it with a picture, or give it several."""

    def __init__(self, settings: MtcnnSettings | None = None, graphs: Mapping[str, Graph] | None = None):
        """With `graphs` "pnet", "rnet" and "onet"; without, with those of facenet-pytorch's weights.

        Raises MissingPart where these cannot be had.
        """
        graphs = graphs or {name: open_graph(graph) for name, graph in mtcnn_graphs().items()}
        self._settings, self._at_once = settings or MtcnnSettings(), portion().call
        self._pnet, self._rnet, self._onet = graphs["pnet"], graphs["rnet"], graphs["onet"]

    def __call__(self, image: Image) -> Faces:
        """All faces of a picture, best score first: (H, W, 3) uint8 RGB, any size -> Faces."""
        return self.detect_all([image])[0]

    def detect_all(self, images: Sequence[Image]) -> list[Faces]:
        """The same of each picture, of any sizes, in fewer calls of the nets."""
        side = self._settings.long_side
        return detect_within((side, side), self._cascade, images)

    def _cascade(self, images: Sequence[Image]) -> list[Faces]:
        tables = [running_sums(image) for image in images]
        boxes = self._refined(tables, self._proposed(tables))
        return self._placed(tables, boxes)

    def _proposed(self, tables: Sequence[Table]) -> list[Float32]:
        """P-Net over the pyramids: squares that may hold a face, (N, 4) of each picture."""
        pyramids = [self._pyramid(table) for table in tables]
        found: dict[Place, Candidates] = {}
        for size, places in by_size([[level.size for level in pyramid] for pyramid in pyramids]).items():
            for part in in_parts(places, self._at_once // (size[0] * size[1])):
                outputs = self._pnet(_stacked([resized(tables[picture], *size) for picture, _ in part]))
                for place, scores, offsets in zip(part, *outputs, strict=True):
                    found[place] = self._candidates(scores, offsets, pyramids[place[0]][place[1]].scale)
        return [
            _squares([found[picture, number] for number in range(len(pyramid))])
            for picture, pyramid in enumerate(pyramids)
        ]

    def _pyramid(self, table: Table) -> list[Level]:
        height, width = _size(table)
        scales = pyramid_scales(height, width, self._settings.min_face, self._settings.factor)
        return [Level((int(height * scale + 1), int(width * scale + 1)), scale) for scale in scales]

    def _candidates(self, scores: Float32, offsets: Float32, scale: float) -> Candidates:
        """What P-Net saw in one copy of one picture: scores (h, w), offsets (4, h, w)."""
        rows, columns = np.nonzero(scores >= self._settings.thresholds[0])
        found = scores[rows, columns]
        boxes = cell_boxes(rows, columns, scale)
        best = nms(boxes, found, OVERLAP_IN_LEVEL)
        return boxes[best], found[best], offsets[:, rows[best], columns[best]].T

    def _refined(self, tables: Sequence[Table], proposed: Sequence[Float32]) -> list[Float32]:
        """R-Net: the boxes that it believes, moved and made square: (N, 4) -> (M, 4) of each picture."""
        looked_at = self._looked_at(self._rnet, tables, proposed, side=24)
        return [self._believed(*seen) if len(seen[0]) else seen[0] for seen in looked_at]

    def _believed(self, boxes: Float32, scores: Float32, offsets: Float32) -> Float32:
        passed = np.flatnonzero(scores > self._settings.thresholds[1])
        best = passed[nms(boxes[passed], scores[passed], OVERLAP)]
        return squared(regressed(boxes[best], offsets[best], inclusive=True))

    def _placed(self, tables: Sequence[Table], refined: Sequence[Float32]) -> list[Faces]:
        """O-Net: the faces among each picture's boxes, with their landmarks."""
        looked_at = self._looked_at(self._onet, tables, refined, side=48)
        return [self._faces(*seen) if len(seen[0]) else Faces.none() for seen in looked_at]

    def _faces(self, boxes: Float32, scores: Float32, offsets: Float32, shares: Float32) -> Faces:
        passed = scores > self._settings.thresholds[2]
        boxes, scores = boxes[passed], scores[passed]
        landmarks = landmarks_in(boxes, shares[passed])
        boxes = regressed(boxes, offsets[passed], inclusive=True)
        best = suppressed_by_smaller(boxes, scores, OVERLAP)
        return Faces(boxes, landmarks, scores)[best]

    def _looked_at(self, net: Graph, tables: Sequence[Table], boxes: Sequence[Float32], side: int) -> list[Seen]:
        """What a net says of the content of each box, cut out and made square: (N, 4) of each picture.

        Boxes that hold no pixel of their picture are left out.
        """
        within = [own[inside(own, *_size(table))] for own, table in zip(boxes, tables, strict=True)]
        ends = [0, *accumulate(len(own) for own in within)]
        if not ends[-1]:
            return [(own,) for own in within]
        whole = np.concatenate([pixels(own, *_size(table)) for own, table in zip(within, tables, strict=True)])
        step = max(self._at_once // side**2, 1)
        answers = [net(_cut(tables, whole, ends, at, at + step, side)) for at in range(0, len(whole), step)]
        outputs = [np.concatenate(parts) for parts in zip(*answers, strict=True)]
        return [
            (own, *(output[start:end] for output in outputs))
            for own, (start, end) in zip(within, pairwise(ends), strict=True)
        ]


def _size(table: Table) -> Size:
    """Height and width of the picture that a table was made of."""
    return table.shape[0] - 1, table.shape[1] - 1


def _squares(levels: Sequence[Candidates]) -> Float32:
    """What P-Net found in all copies of one picture: squares, (N, 4)."""
    boxes, scores, offsets = (np.concatenate(parts) for parts in zip(NO_CANDIDATES, *levels, strict=True))
    best = nms(boxes, scores, OVERLAP)
    return squared(regressed(boxes[best], offsets[best], inclusive=False))


def _cut(tables: Sequence[Table], whole: Int64, ends: Sequence[int], first: int, past: int, side: int) -> Float32:
    """The content of some rows of the boxes of all pictures, (N, 4) whole pixels, which end at `ends` for each."""
    own = [(max(start, first), min(end, past)) for start, end in pairwise(ends)]
    parts = [
        crops(table, whole[start:end], side) for table, (start, end) in zip(tables, own, strict=True) if start < end
    ]
    return parts[0] if len(parts) == 1 else np.concatenate(parts)


def _stacked(copies: Sequence[Float32]) -> Float32:
    """Arrays of one shape as one; a single one is not copied."""
    return copies[0][None] if len(copies) == 1 else np.stack(copies)
