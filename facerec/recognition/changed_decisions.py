"""Which decisions another encoder would change: every enrolled face is searched for among all the others, with both.

Each encoder's similarities are compared with each other and with its own threshold, never with the other encoder's.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from facerec.metrics.operating_points import OperatingPoints
from facerec.recognition.deciding import point_for, search_calibration
from facerec.records import Float32, Int64

if TYPE_CHECKING:
    from facerec.gallery.details import EnrolledFaces
    from facerec.gallery.store import Gallery

PROBES = 2000
"""Faces searched for; of more, so many are drawn."""

SCORES_AT_ONCE = 1 << 24


class Side(NamedTuple):
    """An encoder by its digest, and its measured thresholds."""

    digest: str
    points: OperatingPoints


@dataclass(frozen=True, slots=True)
class Answer:
    """The name that a search gives, None for unknown, and the similarity of the best."""

    subject: str | None
    similarity: float


@dataclass(frozen=True, slots=True)
class Change:
    """A face that the two encoders decide differently."""

    subject: str
    source: str
    before: Answer
    after: Answer

    @property
    def kind(self) -> str:
        """gained: named rightly by the new one only; lost: by the old one only; else other."""
        if self.after.subject == self.subject:
            return "gained"
        return "lost" if self.before.subject == self.subject else "other"


@dataclass(frozen=True, slots=True)
class Comparison:
    """What a change of encoder does to the decisions about those enrolled.

    faces       with templates of both encoders, of which `probes` were searched for
    thresholds  of the old and of the new encoder
    """

    faces: int
    probes: int
    thresholds: tuple[float, float]
    changes: tuple[Change, ...]

    def count(self, kind: str) -> int:
        return sum(change.kind == kind for change in self.changes)


def compare_encoders(
    gallery: Gallery, old: Side, new: Side, fpir: float | None = None, probes: int = PROBES
) -> Comparison:
    """Search for each face that has templates of both among the other such faces, with either encoder.

    Thresholds are those of `identify` among so many, for the chance `fpir` that a stranger is named.
    """
    sides = [gallery.faces(side.digest) for side in (old, new)]
    both = np.intersect1d(_face_ids(sides[0]), _face_ids(sides[1]))
    asked = both if len(both) <= probes else np.sort(np.random.default_rng(0).choice(both, probes, replace=False))
    answers, thresholds = [], []
    for side, enrolled in zip((old, new), sides, strict=True):
        used = search_calibration(gallery.calibration(side.digest), side.points)
        point = point_for(used.points, max(1, len(both) - 1), used.target_fpir if fpir is None else fpir)
        thresholds.append(point.threshold)
        answers.append(_answers(enrolled, both, asked, point.threshold))
    rows = _rows_of(sides[0], asked)
    names, faces = sides[0].stored.names, sides[0].faces
    owners = [names[int(sides[0].stored.subject_ids[row])] for row in rows]
    changes = tuple(
        Change(owner, faces[row].source, before, after)
        for owner, row, before, after in zip(owners, rows.tolist(), *answers, strict=True)
        if before.subject != after.subject
    )
    return Comparison(len(both), len(asked), (thresholds[0], thresholds[1]), changes)


def _face_ids(enrolled: EnrolledFaces) -> Int64:
    return np.array([face.id for face in enrolled.faces], np.int64)


def _rows_of(enrolled: EnrolledFaces, faces: Int64) -> Int64:
    """Where the templates of these faces lie."""
    ids = _face_ids(enrolled)
    order = np.argsort(ids)
    return order[np.searchsorted(ids, faces, sorter=order)]


def _answers(enrolled: EnrolledFaces, both: Int64, asked: Int64, threshold: float) -> Sequence[Answer]:
    stored = enrolled.stored
    among, probes = _rows_of(enrolled, both), _rows_of(enrolled, asked)
    rows = np.ascontiguousarray(stored.rows[among])
    own = np.searchsorted(both, asked)
    answers = []
    for start in range(0, len(probes), max(1, SCORES_AT_ONCE // max(1, len(rows)))):
        part = slice(start, start + max(1, SCORES_AT_ONCE // max(1, len(rows))))
        best, similarity = _best_other(rows, stored.rows[probes[part]], own[part])
        owners = stored.subject_ids[among[best]].tolist()
        for owner, alike in zip(owners, similarity.tolist(), strict=True):
            answers.append(Answer(stored.names[owner] if alike >= threshold else None, alike))
    return answers


def _best_other(rows: Float32, probes: Float32, own: Int64) -> tuple[Int64, Float32]:
    """The row most like each probe, its own left out: (P,) and the similarity (P,)."""
    alike = probes @ rows.T
    alike[np.arange(len(probes)), own] = -2
    best = alike.argmax(axis=1)
    return best, np.clip(alike[np.arange(len(probes)), best], -1, 1)
