"""Error rates of 1:N searches, from embeddings: who is found, who is missed, how many strangers are named."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from facerec.evaluation.embedding import Embedded, numbered
from facerec.evaluation.findings import NOTHING, Findings
from facerec.evaluation.gallery_sizes import GallerySize
from facerec.evaluation.histogram import histograms
from facerec.evaluation.searches import GalleryAndProbes, Searches, search
from facerec.metrics import bootstrap
from facerec.metrics.identification import cmc, expected_fpir, missed
from facerec.metrics.intervals import Rate, rule_of_three
from facerec.metrics.scores import Bools, Float64
from facerec.metrics.verification import threshold_at_fmr
from facerec.records import Int64, OperatingPoint

FPIR_TARGETS = (1e-2, 3e-3)
CMC_RANKS = 20


@dataclass(frozen=True, slots=True)
class SearchesAtPoint:
    """What an operating point does in a gallery of this size.

    fnir           mated searches whose subject is not on top, or below the threshold
    fpir           searches of strangers who get a name; None where no stranger was searched for
    named_wrongly  mated searches that give somebody else's name
    expected_fpir  1 - (1 - FMR)^N with the FMR that the point states
    """

    point: OperatingPoint
    fnir: Rate | None
    fpir: Rate | None
    named_wrongly: int
    expected_fpir: float

    def as_dict(self) -> dict[str, Any]:
        return {
            "threshold": self.point.threshold,
            "stated_fmr": self.point.fmr,
            "extrapolated": self.point.extrapolated,
            "fnir": self.fnir and self.fnir.as_dict(),
            "fpir": self.fpir and self.fpir.as_dict(),
            "named_wrongly": self.named_wrongly,
            "expected_fpir": self.expected_fpir,
        }


@dataclass(frozen=True, slots=True)
class FnirAtFpir:
    """The share of mated searches missed when the threshold lets at most the share `fpir` of these strangers in.

    supported  False where the rule of three says that so few strangers cannot show that FPIR
    """

    fpir: float
    threshold: float
    fnir: Rate
    supported: bool

    def as_dict(self) -> dict[str, Any]:
        return {
            "fpir": self.fpir,
            "threshold": self.threshold,
            "fnir": self.fnir.as_dict(),
            "supported": self.supported,
        }


@dataclass(frozen=True, slots=True, eq=False)
class IdentificationResult:
    """Error rates of an identification test; rates of mated searches are None where there was none.

    gallery_size         N, subjects enrolled
    not_enrolled         subjects without a single usable picture to enroll: every search for them is a miss
    templates            pictures enrolled
    failures_to_enroll   pictures to enroll without a usable face; their share is `fte`
    failures_to_acquire  probe pictures without one: a mated one is a miss, a stranger's is no search; share: `fta`
    histograms           of the similarity to the own subject, and of each stranger's highest similarity
    sizes                the same test in smaller galleries
    """

    gallery_size: int
    not_enrolled: int
    templates: int
    failures_to_enroll: int
    fte: Rate
    failures_to_acquire: int
    fta: Rate
    mated: int
    non_mated: int
    rank_1: Rate | None
    cmc: tuple[float, ...]
    points: tuple[SearchesAtPoint, ...]
    fnir_at_fpir: tuple[FnirAtFpir, ...]
    histograms: dict[str, Any]
    sizes: tuple[GallerySize, ...] = ()
    findings: Findings = NOTHING

    def as_dict(self) -> dict[str, Any]:
        return {
            "gallery_size": self.gallery_size,
            "subjects_not_enrolled": self.not_enrolled,
            "templates": self.templates,
            "failures_to_enroll": self.failures_to_enroll,
            "fte": self.fte.as_dict(),
            "failures_to_acquire": self.failures_to_acquire,
            "fta": self.fta.as_dict(),
            "mated_searches": self.mated,
            "non_mated_searches": self.non_mated,
            "rank_1": self.rank_1 and self.rank_1.as_dict(),
            "cmc": list(self.cmc),
            "operating_points": [point.as_dict() for point in self.points],
            "fnir_at_fpir": [row.as_dict() for row in self.fnir_at_fpir],
            "histograms": self.histograms,
            "sizes": [size.as_dict() for size in self.sizes],
        } | self.findings.as_dict()


def measure_identification(
    shown: GalleryAndProbes,
    *,
    rng: np.random.Generator,
    points: Sequence[OperatingPoint] = (),
    fpir_targets: Sequence[float] = FPIR_TARGETS,
) -> IdentificationResult:
    """All rates in one gallery. Raises InvalidInput where nobody could be enrolled."""
    searches = search(shown)
    whose = _Drawn.of(shown.probe_subjects, rng)
    return IdentificationResult(
        gallery_size=searches.gallery_size,
        not_enrolled=len(set(shown.gallery_subjects)) - searches.gallery_size,
        templates=int(shown.gallery.found.sum()),
        failures_to_enroll=shown.gallery.failures,
        fte=_failures(shown.gallery, shown.gallery_subjects, rng.spawn(1)[0]),
        failures_to_acquire=shown.probes.failures,
        fta=whose.counted(np.ones(len(shown.probes.found), np.bool_), ~shown.probes.found),
        mated=int(searches.mated.sum()),
        non_mated=int(searches.non_mated.sum()),
        rank_1=whose.rate(searches.mated, searches.ranks == 1),
        cmc=_cmc(searches),
        points=tuple(_at_point(searches, whose, point) for point in points),
        fnir_at_fpir=tuple(_fnir_at_fpir(searches, whose, target) for target in fpir_targets if _is_open(searches)),
        histograms=_histograms(searches),
    )


@dataclass(frozen=True, slots=True, eq=False)
class _Drawn:
    """The subjects of the probes, drawn again and again: the gallery stays as it is."""

    subject: Int64
    draws: Float64

    @classmethod
    def of(cls, subjects: Sequence[str], rng: np.random.Generator) -> _Drawn:
        names, subject = numbered(subjects)
        return cls(subject, bootstrap.draws(len(names), rng))

    def rate(self, among: Bools, event: Bools) -> Rate | None:
        """The share of the probes `among` (Q,) with an `event` (Q,); None where there is no such probe."""
        return self.counted(among, event) if among.any() else None

    def counted(self, among: Bools, event: Bools) -> Rate:
        """The same where there is such a probe."""
        return bootstrap.counted_rate(self.draws, self.subject[among], self.subject[among], event[among])

    def fnirs(self, searches: Searches, target: float) -> Float64:
        """FNIR at an FPIR of at most `target` in each draw that allows it, the threshold chosen anew: (at most R,)."""
        found = np.where(searches.ranks == 1, searches.own, np.float32(-np.inf))
        mated, strangers = self.subject[searches.mated], self.subject[searches.non_mated]
        best = searches.best[searches.non_mated]
        tars = bootstrap.tars_at_fmr(self.draws, found[searches.mated], mated, best, (strangers, strangers), target)
        return 1 - tars


def _is_open(searches: Searches) -> bool:
    return bool(searches.mated.any() and searches.non_mated.any())


def _cmc(searches: Searches) -> tuple[float, ...]:
    if not searches.mated.any():
        return ()
    curve = cmc(searches.ranks[searches.mated], searches.gallery_size)
    return tuple(curve[:CMC_RANKS].tolist())


def _at_point(searches: Searches, whose: _Drawn, point: OperatingPoint) -> SearchesAtPoint:
    named = searches.best.astype(np.float64) >= point.threshold
    return SearchesAtPoint(
        point,
        fnir=whose.rate(searches.mated, missed(searches.ranks, searches.own, point.threshold)),
        fpir=whose.rate(searches.non_mated, named),
        named_wrongly=int((searches.mated & named & (searches.ranks > 1)).sum()),
        expected_fpir=expected_fpir(point.fmr, searches.gallery_size),
    )


def _fnir_at_fpir(searches: Searches, whose: _Drawn, target: float) -> FnirAtFpir:
    strangers = searches.best[searches.non_mated]
    threshold = threshold_at_fmr(strangers, target, even_unsupported=True)
    fnir = whose.counted(searches.mated, missed(searches.ranks, searches.own, threshold))
    interval = bootstrap.percentiles(whose.fnirs(searches, target)).covering(fnir.interval)
    return FnirAtFpir(target, threshold, replace(fnir, interval=interval), rule_of_three(len(strangers)) <= target)


def _failures(pictures: Embedded, subjects: Sequence[str], rng: np.random.Generator) -> Rate:
    """The share of the pictures without a usable face."""
    return _Drawn.of(subjects, rng).counted(np.ones(len(subjects), np.bool_), ~pictures.found)


def _histograms(searches: Searches) -> dict[str, Any]:
    own, best = searches.own[searches.mated], searches.best[searches.non_mated]
    return histograms(**{name: scores for name, scores in (("own", own), ("stranger", best)) if len(scores)})
