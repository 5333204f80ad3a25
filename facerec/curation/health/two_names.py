"""Findings about two subjects: one picture of both, one person who has two names, two people who look alike."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from itertools import combinations

import numpy as np

from facerec.curation.health.belonging import Likeness, alike_rows
from facerec.curation.health.case import Case
from facerec.curation.health.findings import Finding, SubjectFace
from facerec.geometry import SAME_FACE_IOU, iou


def same_pictures(case: Case) -> Iterator[Finding]:
    """One face of one picture under two names: one of the two is wrong, whatever the encoder says."""
    by_picture = defaultdict(list)
    for face in case.enrolled.faces:
        by_picture[face.face.image_sha256].append(face)
    for faces in by_picture.values():
        for a, b in combinations(faces, 2):
            if a.subject != b.subject and is_one_face(a, b):
                yield Finding(
                    "same_picture", (a.subject, b.subject), (a,), (b,), None, None,
                    f"face {a.face.id} of {a.subject} and face {b.face.id} of {b.subject} are one face of one picture",
                    (case.shell.remove_face(a), case.shell.remove_face(b)),
                )  # fmt: skip


def is_one_face(a: SubjectFace, b: SubjectFace) -> bool:
    """Are the two the same face of the same picture?"""
    if a.face.image_sha256 != b.face.image_sha256:
        return False
    return bool(iou(np.array([a.face.box]), np.array([b.face.box]))[0, 0] >= SAME_FACE_IOU)


def duplicates(case: Case) -> Iterator[Finding]:
    """Two subjects whose cores are alike; what puts it right gives the smaller one's faces to the larger."""
    threshold = case.thresholds.same.threshold
    for one in case.alike:
        small, large = sorted((one.first, one.second), key=lambda subject: len(case.parts.cores[subject]))
        name, into = case.name(small), case.name(large)
        yield Finding(
            "duplicate", (name, into), case.core(small), case.core(large), one.similarity, threshold,
            f"{name} and {into} are one person, or look-alikes whom a search takes for each other: similarity "
            f"{one.similarity:.2f}, threshold {threshold:.2f}",
            (case.shell.merge(name, into),),
        )  # fmt: skip


def look_alikes(case: Case) -> Iterator[Finding]:
    """Subjects who are not alike as a whole, and of whom single pictures are as alike as those of one person."""
    threshold = case.thresholds.same.threshold
    for one in nearest_pairs(case, threshold):
        a, b = case.enrolled.faces[one.first], case.enrolled.faces[one.second]
        yield Finding(
            "look_alike", (a.subject, b.subject), (a,), (b,), one.similarity, threshold,
            f"{a.subject} and {b.subject}: faces {a.face.id} and {b.face.id} are as alike as those of one person, "
            f"similarity {one.similarity:.2f}, threshold {threshold:.2f}",
            (case.shell.show(a.subject), case.shell.show(b.subject)),
        )  # fmt: skip


def nearest_pairs(case: Case, threshold: float) -> Iterator[Likeness]:
    """For each two subjects, their most alike two rows at or above a threshold, of what belongs to their cores."""
    subjects = case.enrolled.subjects
    rows = np.concatenate([np.zeros(0, np.int64), *case.parts.cores.values()])
    known = {frozenset((one.first, one.second)) for one in case.alike}
    faces = case.enrolled.faces
    best: dict[frozenset[int], Likeness] = {}
    for one in alike_rows(case.enrolled.rows[rows], threshold):
        pair = Likeness(int(rows[one.first]), int(rows[one.second]), one.similarity)
        both = frozenset((int(subjects[pair.first]), int(subjects[pair.second])))
        if len(both) < 2 or both in known or is_one_face(faces[pair.first], faces[pair.second]):
            continue
        if pair.similarity > best.get(both, NOT_ALIKE).similarity:
            best[both] = pair
    yield from best.values()


NOT_ALIKE = Likeness(-1, -1, -np.inf)
