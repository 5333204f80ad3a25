"""Pictures, a detector and an encoder so simple that a test can foretell every answer.

A picture is a row of cells of 120x120 grey pixels; a cell with a coloured square in it shows one face, and its colour
is the person. `look` finds the squares, `embed` turns a colour into an embedding of its own.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from facerec import images
from facerec.faces.align import TEMPLATE
from facerec.faces.pipeline import FacePipeline
from facerec.faces.quality import quality
from facerec.metrics.intervals import Interval
from facerec.metrics.operating_points import MeasuredPoint, OperatingPoints
from facerec.metrics.scores import Float64
from facerec.records import DIM, Faces, Float32, Image, OperatingPoint, Quality, unit

CELL, GREY = 120, 90
ANNA, BERT, CARL = (200, 40, 40), (40, 200, 40), (40, 40, 200)
ENCODER = "e" * 64
Colour = tuple[int, int, int]


def picture(*people: Colour | None) -> Image:
    """One cell per person; None leaves a cell without a face."""
    image = np.full((CELL, CELL * max(1, len(people)), 3), GREY, np.uint8)
    for place, colour in enumerate(people):
        if colour is not None:
            image[10:110, CELL * place + 10 : CELL * place + 110] = colour
    return image


def save_picture(path: Path, *people: Colour | None) -> Path:
    """The same as a PNG file, with its folder made."""
    path.parent.mkdir(parents=True, exist_ok=True)
    images.save(picture(*people), path)
    return path


class Look:
    """A face in every cell whose middle is not grey, left to right."""

    def __call__(self, image: Image) -> Faces:
        cells = [x for x in range(0, image.shape[1], CELL) if not (image[60, x + 60] == GREY).all()]
        boxes = np.array([(x + 10, 10, x + 110, 110) for x in cells], np.float32).reshape(-1, 4)
        landmarks = np.stack([TEMPLATE + np.array([x + 4, 4]) for x in cells]) if cells else np.zeros((0, 5, 2))
        return Faces(boxes, landmarks.astype(np.float32), np.full(len(cells), 0.9, np.float32))

    def detect_all(self, images: Sequence[Image]) -> list[Faces]:
        return [self(image) for image in images]


look = Look()


def cut(image: Image, faces: Faces) -> np.ndarray:
    """The 112x112 pixels around each face."""
    return np.array([image[4:116, int(x) - 6 : int(x) + 106] for x in faces.boxes[:, 0]], np.uint8).reshape(
        -1, 112, 112, 3
    )


class Embed:
    """A colour becomes a direction; the same colour the same one. Counts how many crops it saw.

    `alike` moves a colour's direction towards another's: colour -> (that other, how similar the two become).
    """

    def __init__(self, digest: str = ENCODER, alike: dict[Colour, tuple[Colour, float]] | None = None):
        self.digest, self.seen, self.alike = digest, 0, alike or {}

    def __call__(self, crops: np.ndarray) -> Float32:
        self.seen += len(crops)
        rows = [self.direction(tuple(crop[56, 56].astype(int).tolist())) for crop in crops]
        return unit(np.array(rows).reshape(-1, DIM))

    def direction(self, colour: Colour) -> Float64:
        own: Float64 = np.random.default_rng(colour).standard_normal(DIM)
        if colour not in self.alike:
            return own / np.linalg.norm(own)
        other, similarity = self.alike[colour]
        near = self.direction(other)
        across = own - own @ near * near
        return similarity * near + np.sqrt(1 - similarity**2) * across / np.linalg.norm(across)


def judge(faces: Faces, crops: np.ndarray) -> Quality:
    """The quality of the faces, which are of one colour and yet sharp."""
    return replace(quality(faces, crops), sharpness=np.full(len(faces), 100, np.float32))


def pipeline(embed: Embed | None = None) -> FacePipeline:
    """The fake parts, joined."""
    return FacePipeline(look, cut, judge, embed or Embed())


def points(*pairs: tuple[float, float], encoder: str = ENCODER) -> OperatingPoints:
    """A table of (FMR, threshold)."""
    rows = [
        MeasuredPoint(fmr, OperatingPoint(threshold, fmr, 10**6, 300, encoder, "a fake"), 0.1, 1000, 100, 100.0,
                      Interval(fmr / 2, fmr * 2, 0.95), Interval(0.05, 0.2, 0.95))
        for fmr, threshold in pairs or ((0.01, 0.4), (1e-3, 0.5), (1e-4, 0.6))
    ]  # fmt: skip
    return OperatingPoints(tuple(rows), ())


def folder_of(root: Path, people: Sequence[tuple[str, Colour]]) -> Path:
    """One folder per subject with one picture in each."""
    for name, colour in people:
        save_picture(root / name / "1.png", colour)
    return root
