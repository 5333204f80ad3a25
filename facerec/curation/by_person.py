"""A folder of photos, person by person, where nobody has said who is on them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from facerec import images
from facerec.curation.linkage import average_linkage
from facerec.curation.photos import photos_in
from facerec.curation.progress import Progress, silent
from facerec.errors import BadImage
from facerec.faces.pipeline import FacePipeline
from facerec.records import DIM, Float32, Int64, OperatingPoint


@dataclass(frozen=True, slots=True)
class SeenFace:
    """One face of one photo.

    box         x1 y1 x2 y2, pixels
    similarity  mean similarity to the other faces of the same person; None where there is no other
    """

    file: Path
    box: tuple[float, float, float, float]
    similarity: float | None


@dataclass(frozen=True, slots=True)
class Person:
    """Faces that seem to be one person's, the most typical first. Persons are numbered from 1, most faces first."""

    number: int
    faces: tuple[SeenFace, ...]

    @property
    def files(self) -> tuple[Path, ...]:
        """The photos with this person on, each once."""
        return tuple(dict.fromkeys(face.file for face in self.faces))


@dataclass(frozen=True, slots=True)
class PhotosByPerson:
    """What a folder shows.

    faceless  photos in which no face was found
    refused   (photo, reason) of those that cannot be read
    point     the operating point whose threshold joined the groups
    """

    people: tuple[Person, ...]
    faceless: tuple[Path, ...]
    refused: tuple[tuple[Path, str], ...]
    point: OperatingPoint


@dataclass(frozen=True, slots=True, eq=False)
class Looked:
    """All faces of all photos: a file, a box and an embedding each, (F, 128)."""

    files: list[Path]
    boxes: list[tuple[float, float, float, float]]
    rows: Float32
    faceless: list[Path]
    refused: list[tuple[Path, str]]


def photos_by_person(
    folder: Path, pipeline: FacePipeline, point: OperatingPoint, progress: Progress = silent
) -> PhotosByPerson:
    """Find every face in the photos of a folder and the folders below it, and group the faces by person.

    Groups are joined by average linkage while the mean similarity of their pairs is at or above the point's
    threshold. Raises InvalidInput where there is no photo.
    """
    looked = look(photos_in(folder), pipeline, progress)
    groups = average_linkage(looked.rows, point.threshold)
    return PhotosByPerson(tuple(people(looked, groups)), tuple(looked.faceless), tuple(looked.refused), point)


def look(files: list[Path], pipeline: FacePipeline, progress: Progress) -> Looked:
    """Find and embed the faces of photo after photo."""
    seen = Looked([], [], np.zeros((0, DIM), np.float32), [], [])
    rows = [seen.rows]
    for done, file in enumerate(files, start=1):
        try:
            pixels = images.load(file)
        except BadImage as error:
            seen.refused.append((file, str(error)))
        else:
            (portraits,) = pipeline.describe([(pixels, pipeline.detect(pixels))])
            seen.files.extend([file] * len(portraits))
            seen.boxes.extend(tuple(box) for box in portraits.faces.boxes.tolist())
            seen.faceless.extend([] if len(portraits) else [file])
            rows.append(portraits.embeddings)
        progress(done, len(files))
    return Looked(seen.files, seen.boxes, np.concatenate(rows), seen.faceless, seen.refused)


def people(looked: Looked, groups: Int64) -> Iterator[Person]:
    """The groups as people, each with its most typical face first; groups (F,) are numbered from 0."""
    for group in range(int(groups.max(initial=-1)) + 1):
        members = np.flatnonzero(groups == group)
        likeness = typical(looked.rows[members])
        order = np.argsort(-likeness, kind="stable")
        alone = len(members) == 1
        yield Person(
            group + 1,
            tuple(
                SeenFace(looked.files[members[at]], looked.boxes[members[at]], None if alone else float(likeness[at]))
                for at in order
            ),
        )


def typical(rows: Float32) -> Float32:
    """Each row's mean similarity to the others: (N, 128) -> (N,); 0 where there is no other."""
    return np.asarray((rows @ rows.sum(axis=0) - 1) / max(1, len(rows) - 1), np.float32)
