"""Where one face is meant and a picture shows several: which one."""

from __future__ import annotations

from collections.abc import Callable

from facerec.errors import InvalidInput, NoFace
from facerec.faces.choice import largest, nearest_centre, only
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


def choice_named(face: str) -> Choose:
    """The rule by its name. Raises InvalidInput listing the known ones."""
    if face not in CHOICES:
        raise InvalidInput(f"no choice of face {face!r}; known: {', '.join(CHOICES)}")
    return CHOICES[face]
