"""A detector by name: faces, or what somebody trained."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from facerec.detection.choosing import USUAL, Choice
from facerec.detection.detector import open_detector
from facerec.faces.detector import create_detector
from facerec.records import Detections, Image

FACES = "faces"


@dataclass(frozen=True, slots=True)
class Finder:
    """What finds, and the names of what it finds."""

    find: Callable[[Image], Detections]
    names: tuple[str, ...]

    def __call__(self, image: Image) -> Detections:
        return self.find(image)


def open_finder(model: str = FACES, choice: Choice = USUAL) -> Finder:
    """`faces`, `faces:DETECTOR` (as --detector of other commands has it), or a folder that was trained.

    A face detector has limits of its own; of the choice only the least score holds for it.
    Raises what opening a detector raises.
    """
    name, _, source = model.partition(":")
    if name == FACES:
        return Finder(face_finder(source or "mtcnn", choice.floor), ("face",))
    detector = open_detector(Path(model), choice)
    return Finder(detector, detector.names)


def face_finder(spec: str, floor: float) -> Callable[[Image], Detections]:
    """A face detector as one of things."""
    detector = create_detector(spec)

    def find(image: Image) -> Detections:
        faces = detector(image)
        faces = faces[faces.scores >= floor]
        return Detections(faces.boxes, faces.scores, np.zeros(len(faces), np.int64))

    return find
