"""Where one face is meant and a picture shows several: which one."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from facerec.errors import InvalidInput, NoFace
from facerec.faces.choice import largest, nearest_centre, only
from facerec.geometry import SAME_FACE_IOU, iou
from facerec.records import Faces

Choose = Callable[[Faces, tuple[int, ...], str], Faces]
"""Faces of a picture, the picture's shape, what a message calls it -> the one face that is meant."""

CHOICES: dict[str, Choose] = {
    "only": lambda faces, shape, name: only(faces, name),
    "largest": lambda faces, shape, name: largest(some(faces, name)),
    "centre": lambda faces, shape, name: nearest_centre(some(faces, name), shape),
}


def some(faces: Faces, name: str) -> Faces:
    """The faces as they came. Raises NoFace where there is none."""
    if not len(faces):
        raise NoFace(name)
    return faces


def at_place(faces: Faces, place: tuple[float, float, float, float]) -> Faces:
    """The face whose box is the given one, x1 y1 x2 y2 in pixels, or overlaps it most; none where none is the same."""
    overlap = iou(faces.boxes, np.array([place], np.float32)).max(axis=1, initial=0.0)
    best = np.argsort(-overlap, kind="stable")[:1]
    return faces[best[overlap[best] >= SAME_FACE_IOU]]


def choice_named(face: str) -> Choose:
    """The rule by its name. Raises InvalidInput listing the known ones."""
    if face not in CHOICES:
        raise InvalidInput(f"no choice of face {face!r}; known: {', '.join(CHOICES)}")
    return CHOICES[face]
