"""A gallery looked over: everything that was found, and what decided."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from facerec.curation.health.case import Case, Enrolled, Thresholds
from facerec.curation.health.findings import KINDS, Finding, Kind, Shell
from facerec.curation.health.pictures import poor, strays
from facerec.curation.health.quality_limits import gate_limits
from facerec.curation.health.two_names import duplicates, look_alikes, same_pictures
from facerec.faces.gate import Gate
from facerec.gallery.searcher import require_templates
from facerec.gallery.store import Gallery
from facerec.metrics.identification import expected_fpir
from facerec.metrics.operating_points import OperatingPoints
from facerec.recognition.deciding import point_for, search_calibration
from facerec.records import OperatingPoint

DOUBT_FMR, APART_FMR = 0.01, 0.1
"""So many pairs of different people are above `doubt` and above `apart`. Chosen of the rates that are measured, by what
was found in galleries with planted faults (docs/results/gallery-health.md)."""


@dataclass(frozen=True, slots=True)
class Health:
    """What was found in a gallery of so many subjects and faces.

    damaged  templates whose bytes are no embedding
    lacking  faces without a template of this encoder, which could not be looked at
    """

    subjects: int
    faces: int
    damaged: int
    lacking: int
    thresholds: Thresholds
    findings: tuple[Finding, ...]

    @property
    def expected_fpir(self) -> float:
        """The chance that a search for somebody who is nobody else's points at somebody, at the threshold `same`."""
        return expected_fpir(self.thresholds.same.fmr, self.subjects) if self.subjects else 0.0

    @property
    def expected_wrong(self) -> float:
        """How many of the duplicates to expect where nobody has two names: the pairs of subjects, times the FMR."""
        return self.subjects * (self.subjects - 1) / 2 * self.thresholds.same.fmr

    @property
    def counts(self) -> dict[Kind, int]:
        """How many findings there are of each kind."""
        return {kind: sum(one.kind == kind for one in self.findings) for kind in KINDS}

    def as_dict(self) -> dict[str, Any]:
        return {
            "subjects": self.subjects, "faces": self.faces, "damaged": self.damaged, "lacking": self.lacking,
            "counts": self.counts, "expected_fpir": self.expected_fpir, "expected_wrong": self.expected_wrong,
            "thresholds": asdict(self.thresholds),
            "findings": [finding.as_dict() for finding in self.findings],
        }  # fmt: skip


def examine(enrolled: Enrolled, thresholds: Thresholds, shell: Shell) -> tuple[Finding, ...]:
    """Everything that somebody should look at, by kind, the most alike first."""
    case = Case.of(enrolled, thresholds, shell)
    found = [*same_pictures(case), *duplicates(case), *strays(case), *poor(case), *look_alikes(case)]
    kinds = list(KINDS)
    return tuple(sorted(found, key=lambda one: (kinds.index(one.kind), -(one.similarity or 0))))


def check_gallery(
    gallery: Gallery, encoder: str, points: OperatingPoints, shell: Shell, fpir: float | None = None
) -> Health:
    """Look over the templates of one encoder in a gallery, which is not changed.

    encoder  sha256 of the encoder, hex; points are its measured thresholds
    fpir     the chance that a search for somebody who is nobody else's may point at somebody; None: as `identify`
    Raises EncoderMismatch or GalleryUnusable where there are faces and none that can be looked at.
    """
    found = gallery.faces(encoder)
    require_templates(found.stored, encoder)
    subjects, search = len(found.stored.names), search_calibration(gallery.calibration(encoder), points.extended())
    thresholds = Thresholds(
        same=point_for(search.points, subjects, search.target_fpir if fpir is None else fpir),
        doubt=most_permissive(points, DOUBT_FMR),
        apart=most_permissive(points, APART_FMR),
        quality=gate_limits(Gate()),
    )
    findings = examine(Enrolled.of(found), thresholds, shell)
    return Health(subjects, len(found.faces), found.stored.quarantined, found.stored.missing, thresholds, findings)


def most_permissive(points: OperatingPoints, fmr: float) -> OperatingPoint:
    """The measured point with the highest FMR up to `fmr`; the strictest where none is so strict."""
    measured = [row.point for row in points.rows if row.point.fmr <= fmr]
    return max(measured, key=lambda point: point.fmr, default=points.strictest)
