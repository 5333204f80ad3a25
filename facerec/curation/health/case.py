"""A gallery that is looked over, and what decides."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from facerec.curation.health.belonging import Likeness, Parts, alike_cores, take_apart
from facerec.curation.health.findings import Shell, SubjectFace
from facerec.curation.health.quality_limits import QualityLimit
from facerec.gallery.details import EnrolledFaces
from facerec.records import Float32, Int64, OperatingPoint


@dataclass(frozen=True, slots=True)
class Thresholds:
    """What decides, each with the measurement that it comes from.

    same     what a search among as many subjects decides by: at or above it two subjects, or a picture and another
             subject, are taken for one person
    doubt    pictures whose mean similarity to their subject's core is below it are compared with the other subjects
    apart    below it they are unlike their subject's others even where they are like nobody else's
    quality  the least qualities
    """

    same: OperatingPoint
    doubt: OperatingPoint
    apart: OperatingPoint
    quality: tuple[QualityLimit, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Enrolled:
    """Templates of one encoder, and row for row the face that each was made of.

    rows      (N, 128) float32, unit rows
    subjects  (N,) int64, numbers of subjects
    names     subject -> name
    """

    rows: Float32
    subjects: Int64
    names: dict[int, str]
    faces: tuple[SubjectFace, ...]

    @classmethod
    def of(cls, found: EnrolledFaces) -> Enrolled:
        """From what a gallery answers."""
        stored = found.stored
        owners = stored.subject_ids.tolist()
        faces = [SubjectFace(stored.names[owner], face) for owner, face in zip(owners, found.faces, strict=True)]
        return cls(stored.rows, stored.subject_ids, stored.names, tuple(faces))

    def faces_at(self, rows: Int64) -> tuple[SubjectFace, ...]:
        """The faces of some rows."""
        return tuple(self.faces[row] for row in rows.tolist())


@dataclass(frozen=True, slots=True, eq=False)
class Case:
    """A gallery with what is found out once and used for several kinds of finding.

    parts  every subject's templates taken apart
    alike  the subjects whose cores are alike
    """

    enrolled: Enrolled
    thresholds: Thresholds
    shell: Shell
    parts: Parts
    alike: tuple[Likeness, ...]

    @classmethod
    def of(cls, enrolled: Enrolled, thresholds: Thresholds, shell: Shell) -> Case:
        """Take the gallery apart and compare the parts."""
        parts = take_apart(enrolled.rows, enrolled.subjects, thresholds.doubt.threshold)
        alike = tuple(alike_cores(enrolled.rows, parts, thresholds.same.threshold))
        return cls(enrolled, thresholds, shell, parts, alike)

    def name(self, subject: int) -> str:
        return self.enrolled.names[subject]

    def core(self, subject: int) -> tuple[SubjectFace, ...]:
        """The faces of a subject's core."""
        return self.enrolled.faces_at(self.parts.cores[subject])

    def rest(self, subject: int, part: Int64) -> Int64:
        """The rows of a subject that are not in a part of it."""
        return np.setdiff1d(np.flatnonzero(self.enrolled.subjects == subject), part)
