"""Galleries of made-up people in which every fault was planted by hand."""

from __future__ import annotations

from datetime import UTC, datetime

import numpy as np

from facerec.curation.health.case import Enrolled, Thresholds
from facerec.curation.health.findings import Finding, Shell, SubjectFace
from facerec.curation.health.quality_limits import QualityLimit
from facerec.curation.health.report import examine
from facerec.gallery.results import FaceDetail
from facerec.records import OperatingPoint
from tests.people import clusters

LIMIT = QualityLimit("sharpness", 50, "a fake", "a fake")


def point(threshold: float) -> OperatingPoint:
    return OperatingPoint(threshold, 1e-3, 1000, 100, "e" * 64, "a fake")


THRESHOLDS = Thresholds(point(0.6), point(0.5), point(0.3), (LIMIT,))


def enrolled(whose: str, said: str | None = None, spread: float = 0.05, seed: int = 0) -> Enrolled:
    """A letter per picture: whom it shows, and under which name it is enrolled (the same, unless said)."""
    said, letters = said or whose, sorted(set(whose))
    rows, _ = clusters(np.random.default_rng(seed), [whose.count(letter) for letter in letters], spread)
    place = {letter: iter(np.flatnonzero(np.array(list("".join(sorted(whose)))) == letter)) for letter in letters}
    order = [next(place[letter]) for letter in whose]
    faces = [SubjectFace(name, face(number)) for number, name in enumerate(said)]
    return Enrolled(
        rows[order], np.array([ord(name) for name in said]), {ord(name): name for name in said}, tuple(faces)
    )


def face(number: int, picture: int | None = None, **quality: float) -> FaceDetail:
    """Face `number`, of a picture of its own unless another one is named."""
    name = number if picture is None else picture
    return FaceDetail(number, f"{name}.jpg", f"{name:064d}", (0, 0, 10, 10), quality, (), datetime.now(UTC))


def found(gallery: Enrolled, thresholds: Thresholds = THRESHOLDS) -> list[tuple[str, tuple[str, ...], list[int]]]:
    """Kind, subjects and face numbers of everything that is found."""
    return [(one.kind, one.subjects, numbers(one)) for one in examine(gallery, thresholds, Shell())]


def numbers(finding: Finding) -> list[int]:
    return [one.face.id for one in finding.faces]
