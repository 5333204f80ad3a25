"""Photographs of one's own become crops to train on: one face of each, aligned, with a margin for augmentation."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

from facerec import images
from facerec.errors import BadImage, InvalidInput, NoFace
from facerec.faces import align
from facerec.faces.choice import largest
from facerec.faces.detector import Detector
from facerec.geometry import similarity_transform, warp
from facerec.learning.datasets import SIDE
from facerec.learning.shards import Sample
from facerec.records import Faces, Image

MARGIN = (SIDE - align.SIDE) // 2

Refuse = Callable[[Path, str], None]


def pack(
    photos: Path, detect: Detector, refuse: Refuse, validation: float = 0.2, rng: np.random.Generator | None = None
) -> Iterator[Sample]:
    """The largest face of every photograph in a folder with one folder per subject.

    A share `validation` of the subjects, drawn by `rng`, is the split `val`, the others `train`: nobody is in both.
    `refuse` hears of every photograph that is left out, and why. Raises InvalidInput where there is no such folder.
    """
    people = sorted(path for path in photos.iterdir() if path.is_dir()) if photos.is_dir() else []
    if not people:
        raise InvalidInput(f"{photos} must hold one folder of photographs per person")
    order = (rng or np.random.default_rng(0)).permutation(len(people))
    measured = {people[place] for place in order[: round(validation * len(people))]}
    for person in people:
        for photo in images.find(person):
            try:
                crop = crop_of(photo, detect)
            except (BadImage, NoFace) as error:
                refuse(photo, str(error))
                continue
            yield Sample(crop, person.name, "val" if person in measured else "train", photo.name)


def crop_of(photo: Path, detect: Detector) -> Image:
    """The largest face of a photograph: (128, 128, 3). Raises BadImage, or NoFace where there is none."""
    image = images.load(photo)
    faces = detect(image)
    if not len(faces):
        raise NoFace(str(photo))
    return with_margin(image, largest(faces))


def with_margin(image: Image, face: Faces) -> Image:
    """One face as `align` gives it, with 8 more pixels on each side: (128, 128, 3)."""
    template = align.TEMPLATE + np.float32(MARGIN)
    return warp(image, similarity_transform(face.landmarks[0], template), (SIDE, SIDE))
