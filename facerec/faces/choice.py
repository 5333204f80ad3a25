"""Which face of a picture is meant. Each function returns the faces it chose: one, or none of none."""

from __future__ import annotations

import numpy as np

from facerec.errors import ManyFaces, NoFace
from facerec.geometry import area, centre
from facerec.records import Faces


def nearest_centre(faces: Faces, image_shape: tuple[int, ...]) -> Faces:
    """The face whose box's middle is nearest to the picture's; `image_shape` begins with height and width."""
    middle = np.array([image_shape[1], image_shape[0]]) / 2
    return _least(faces, np.linalg.norm(centre(faces.boxes) - middle, axis=1))


def largest(faces: Faces) -> Faces:
    """The face with the largest box."""
    return _least(faces, -area(faces.boxes))


def only(faces: Faces, source: str) -> Faces:
    """The face of a picture that must show exactly one; `source` is what the message calls the picture.

    Raises NoFace or ManyFaces.
    """
    if not len(faces):
        raise NoFace(source)
    if len(faces) > 1:
        raise ManyFaces(source, len(faces))
    return faces


def _least(faces: Faces, values: np.ndarray) -> Faces:
    """The face with the least value (N,); of several, the one with the best score."""
    return faces[np.argsort(values, kind="stable")[:1]]
