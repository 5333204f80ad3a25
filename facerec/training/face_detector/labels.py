"""Where the box and the landmarks of every crop lie, as two detectors agree."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from facerec.errors import DamagedFile
from facerec.faces import align
from facerec.faces.detector import Detector
from facerec.learning.datasets import SIDE
from facerec.records import Faces, Float32
from facerec.replacing import replacing

CELL, ACROSS = 160, 4
"""Crops are shown to a detector in sheets of 4x4, each in a black cell of 160x160 pixels."""
TEMPLATE: Float32 = align.TEMPLATE + np.float32((SIDE - align.SIDE) / 2)
AGREEING = 0.12
"""Two detectors mean the same face when their landmarks are apart by less than this share of the eyes' distance."""
NEAR = 0.5
"""So far from where alignment put them may landmarks be, in the eyes' distance, to be this crop's and not another's."""


@dataclass(frozen=True, slots=True, eq=False)
class Labels:
    """What is known of each crop, pixels of the 128x128 crop.

    boxes      (N, 4)     float32
    landmarks  (N, 5, 2)  float32
    sure       (N,)       bool     both detectors found the face, and agree
    """

    boxes: Float32
    landmarks: Float32
    sure: NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.boxes)

    def __getitem__(self, rows: np.ndarray) -> Labels:
        return Labels(self.boxes[rows], self.landmarks[rows], self.sure[rows])

    def save(self, path: Path) -> None:
        with replacing(path) as fresh, fresh.open("wb") as handle:
            np.savez(handle, boxes=self.boxes, landmarks=self.landmarks, sure=self.sure)

    @classmethod
    def load(cls, path: Path) -> Labels:
        """Raises DamagedFile where the file is no such labels."""
        try:
            with np.load(path, allow_pickle=False) as kept:
                return cls(kept["boxes"], kept["landmarks"], kept["sure"])
        except (OSError, ValueError, KeyError, EOFError) as error:
            raise DamagedFile(f"{path} holds no labels of crops ({error}): delete it, and it is made again") from error


def label(
    crops: np.ndarray, detectors: tuple[Detector, Detector], progress: Callable[[int, int], None] | None = None
) -> Labels:
    """Label crops (N, 128, 128, 3): the mean of two detectors' boxes, and the first one's landmarks.

    A crop is `sure` where the two agree.
    """
    found = [_found(crops, detector, (place, len(detectors)), progress) for place, detector in enumerate(detectors)]
    (boxes, landmarks), (others, points) = found
    return Labels((boxes + others) * np.float32(0.5), landmarks, agree(landmarks, points))


def agree(first: Float32, second: Float32) -> NDArray[np.bool_]:
    """Which landmarks (N, 5, 2) two detectors put at the same places; none where one of them is NaN."""
    apart = np.linalg.norm(first - second, axis=2).mean(axis=1)
    return np.asarray(apart < AGREEING * eye_distance(first))


def eye_distance(landmarks: np.ndarray) -> np.ndarray:
    """(N, 5, 2) -> (N,) pixels."""
    return np.asarray(np.linalg.norm(landmarks[:, 1] - landmarks[:, 0], axis=1))


def _found(
    crops: np.ndarray, detector: Detector, stage: tuple[int, int], progress: Callable[[int, int], None] | None
) -> tuple[Float32, Float32]:
    """Boxes (N, 4) and landmarks (N, 5, 2) that one detector gives the crops; NaN where it finds no face."""
    boxes = np.full((len(crops), 4), np.nan, np.float32)
    landmarks = np.full((len(crops), 5, 2), np.nan, np.float32)
    for start in range(0, len(crops), ACROSS**2):
        some = crops[start : start + ACROSS**2]
        faces = detector(sheet(some))
        for place in range(len(some)):
            mine = _of_cell(faces, corner(place))
            if mine is not None:
                boxes[start + place], landmarks[start + place] = mine
        if progress:
            progress(stage[0] * len(crops) + start + len(some), stage[1] * len(crops))
    return boxes, landmarks


def corner(place: int) -> Float32:
    """Where the crop of a place begins in its sheet, x y."""
    row, column = divmod(place, ACROSS)
    return np.array([column, row], np.float32) * CELL + (CELL - SIDE) // 2


def sheet(crops: np.ndarray) -> NDArray[np.uint8]:
    """Up to 16 crops in one picture, (640, 640, 3)."""
    picture = np.zeros((ACROSS * CELL, ACROSS * CELL, 3), np.uint8)
    for place, crop in enumerate(crops):
        x, y = corner(place).astype(int)
        picture[y : y + SIDE, x : x + SIDE] = crop
    return picture


def _of_cell(faces: Faces, origin: Float32) -> tuple[Float32, Float32] | None:
    """Box and landmarks of the best face that lies where alignment put the crop's own; None where there is none."""
    landmarks = faces.landmarks - origin
    apart = np.linalg.norm(landmarks - TEMPLATE, axis=2).mean(axis=1)
    near = np.flatnonzero(apart < NEAR * eye_distance(TEMPLATE[None])[0])
    if not len(near):
        return None
    best = near[0]
    return faces.boxes[best] - np.tile(origin, 2), landmarks[best]
