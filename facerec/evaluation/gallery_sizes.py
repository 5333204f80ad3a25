"""How errors grow with the gallery: galleries of N people drawn again and again from those at hand.

A gallery of N is N subjects drawn without replacement; probes of everybody else are strangers to it. One whose
pictures all failed to enroll takes a place and is found by nobody; a gallery of nobody else is not searched.

A rate is over all searches of all galleries drawn. Its interval is by bootstrap over the galleries and over the
probes' subjects at once, by products of how often each was drawn (Owen, 2007); the people whom galleries are drawn
from stay as they are.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from facerec.errors import InvalidInput
from facerec.evaluation.embedding import Progress, numbered, silent
from facerec.evaluation.searches import GalleryAndProbes, Searches, search
from facerec.metrics import bootstrap
from facerec.metrics.identification import expected_fpir, missed
from facerec.metrics.intervals import FEW_ERRORS, Interval, clopper_pearson, rule_of_three
from facerec.metrics.scores import Bools, Float64
from facerec.metrics.verification import threshold_at_fmr
from facerec.records import Float32, Int64, OperatingPoint

SIZES = (10, 30, 100, 300, 1000, 3000, 10_000)
GALLERIES = 20


@dataclass(frozen=True, slots=True)
class MeanRate:
    """A share of the searches of several galleries, and what it rests on.

    probes    different probes that were searched for
    in_error  those of them that failed in at least one gallery
    """

    share: float
    probes: int
    in_error: int
    interval: Interval

    def as_dict(self) -> dict[str, Any]:
        return {
            "share": self.share,
            "probes": self.probes,
            "probes_in_error": self.in_error,
            "interval": self.interval.as_list(),
            "interval_level": self.interval.level,
            "few_errors": self.in_error < FEW_ERRORS,
            "at_most": None if self.in_error else min(1.0, rule_of_three(self.probes)),
        }


@dataclass(frozen=True, slots=True)
class SizeAtPoint:
    """What an operating point does in galleries of this size; `expected` is 1 - (1 - FMR)^N with its stated FMR."""

    point: OperatingPoint
    fpir: MeanRate | None
    fnir: MeanRate | None
    expected: float

    def as_dict(self) -> dict[str, Any]:
        return {
            "threshold": self.point.threshold,
            "stated_fmr": self.point.fmr,
            "extrapolated": self.point.extrapolated,
            "fpir": self.fpir and self.fpir.as_dict(),
            "fnir": self.fnir and self.fnir.as_dict(),
            "expected_fpir": self.expected,
        }


@dataclass(frozen=True, slots=True)
class SizeAtFpir:
    """FNIR where each gallery's threshold lets at most the share `fpir` of its strangers in.

    threshold  the middle one of the galleries'
    supported  False where the rule of three says that so few strangers cannot show that FPIR
    """

    fpir: float
    threshold: float
    fnir: MeanRate
    supported: bool

    def as_dict(self) -> dict[str, Any]:
        return {
            "fpir": self.fpir,
            "threshold": self.threshold,
            "fnir": self.fnir.as_dict(),
            "supported": self.supported,
        }


@dataclass(frozen=True, slots=True)
class GallerySize:
    """Errors among `size` people; rates of searches that there were none of are None."""

    size: int
    galleries: int
    rank_1_missed: MeanRate | None
    points: tuple[SizeAtPoint, ...]
    fnir_at_fpir: tuple[SizeAtFpir, ...]

    def as_dict(self) -> dict[str, Any]:
        return {
            "gallery_size": self.size,
            "galleries": self.galleries,
            "rank_1_missed": self.rank_1_missed and self.rank_1_missed.as_dict(),
            "operating_points": [point.as_dict() for point in self.points],
            "fnir_at_fpir": [row.as_dict() for row in self.fnir_at_fpir],
        }


def measure_gallery_sizes(
    shown: GalleryAndProbes,
    sizes: Sequence[int],
    *,
    rng: np.random.Generator,
    points: Sequence[OperatingPoint] = (),
    fpir_targets: Sequence[float] = (),
    galleries: int = GALLERIES,
    progress: Progress = silent,
) -> tuple[GallerySize, ...]:
    """Errors at each size that there are people for, and at the size of everybody, smallest first."""
    people = np.array(sorted(set(shown.gallery_subjects)))
    allowed = sorted({size for size in sizes if size < len(people)} | {len(people)})
    _, owner = numbered(shown.probe_subjects)
    counts = [galleries] * (len(allowed) - 1) + [1]
    measured = []
    for done, (size, count) in enumerate(zip(allowed, counts, strict=True)):
        drawn = [shown.enrolling(people[rng.permutation(len(people))[:size]].tolist()) for _ in range(count)]
        searches = [search(one) for one in drawn if one.gallery.found.any()]
        if searches:
            measured.append(_measure(_Looked.of(searches, owner, rng), size, points, fpir_targets))
        progress(done + 1, len(allowed))
    return tuple(measured)


@dataclass(frozen=True, slots=True, eq=False)
class _Looked:
    """The searches of G galleries, and how often each of R resamples draws each probe's subject and each gallery.

    owner     (Q,)    int64    subject of each probe
    subjects  (R, S)  float64
    repeats   (R, G)  float64
    """

    searches: Sequence[Searches]
    owner: Int64
    subjects: Float64
    repeats: Float64

    @classmethod
    def of(cls, searches: Sequence[Searches], owner: Int64, rng: np.random.Generator) -> _Looked:
        subjects = bootstrap.draws(int(owner.max()) + 1, rng)
        return cls(searches, owner, subjects, bootstrap.draws(len(searches), rng))

    @property
    def kinds(self) -> tuple[Bools, Bools]:
        """Which searches are mated and which are strangers', both (G, Q)."""
        return np.stack([one.mated for one in self.searches]), np.stack([one.non_mated for one in self.searches])

    def rate(self, among: Bools, failed: Bools) -> MeanRate | None:
        """The share that `failed` (G, Q) has of the searches `among` (G, Q); None where there are none."""
        if not among.any():
            return None
        failed = failed & among
        resampled = bootstrap.rates(self._sums(failed), self._sums(among))
        share, probes = float(failed.sum() / among.sum()), int(among.any(axis=0).sum())
        naive = clopper_pearson(round(share * probes), probes)
        return MeanRate(share, probes, int(failed.any(axis=0).sum()), bootstrap.percentiles(resampled).covering(naive))

    def _sums(self, counted: Bools) -> Float64:
        """How much of (G, Q) each resample holds: -> (R,)."""
        by_subject = np.stack([np.bincount(self.owner[row], minlength=self.subjects.shape[1]) for row in counted])
        sums: Float64 = ((self.repeats @ by_subject) * self.subjects).sum(axis=1)
        return sums


def _measure(
    looked: _Looked, size: int, points: Sequence[OperatingPoint], fpir_targets: Sequence[float]
) -> GallerySize:
    mated, _ = looked.kinds
    behind = np.stack([one.ranks > 1 for one in looked.searches])
    return GallerySize(
        size=size,
        galleries=len(looked.searches),
        rank_1_missed=looked.rate(mated, behind),
        points=tuple(_at_point(looked, size, point) for point in points),
        fnir_at_fpir=_at_fpirs(looked, fpir_targets),
    )


def _at_point(looked: _Looked, size: int, point: OperatingPoint) -> SizeAtPoint:
    mated, non_mated = looked.kinds
    named = np.stack([one.best.astype(np.float64) >= point.threshold for one in looked.searches])
    lost = np.stack([missed(one.ranks, one.own, point.threshold) for one in looked.searches])
    return SizeAtPoint(
        point,
        fpir=looked.rate(non_mated, named),
        fnir=looked.rate(mated, lost),
        expected=expected_fpir(point.fmr, size),
    )


def _at_fpirs(looked: _Looked, targets: Sequence[float]) -> tuple[SizeAtFpir, ...]:
    """One row for each target; none where a gallery lacks mated probes or strangers."""
    if not targets or not all(one.mated.any() and one.non_mated.any() for one in looked.searches):
        return ()
    resampled = np.stack([_fnirs(looked, one, targets) for one in looked.searches])
    return tuple(_at_fpir(looked, target, resampled[:, :, column].T) for column, target in enumerate(targets))


def _at_fpir(looked: _Looked, target: float, resampled: Float64) -> SizeAtFpir:
    """`resampled` (R, G) holds the FNIR of each gallery in each resample of the probes' subjects."""
    strangers = [_strangers(one) for one in looked.searches]
    thresholds = [threshold_at_fmr(best, target, even_unsupported=True) for best in strangers]
    lost = [missed(one.ranks, one.own, at) for one, at in zip(looked.searches, thresholds, strict=True)]
    fnir = looked.rate(looked.kinds[0], np.stack(lost))
    if fnir is None:
        raise InvalidInput("an FNIR needs at least one mated search")
    weights = np.where(np.isnan(resampled), 0, looked.repeats)
    means = bootstrap.rates((np.nan_to_num(resampled) * weights).sum(axis=1), weights.sum(axis=1))
    interval = bootstrap.percentiles(means).covering(fnir.interval)
    supported = rule_of_three(min(map(len, strangers))) <= target
    return SizeAtFpir(target, float(np.median(thresholds)), replace(fnir, interval=interval), supported)


def _strangers(searches: Searches) -> Float32:
    return searches.best[searches.non_mated]


def _fnirs(looked: _Looked, searches: Searches, targets: Sequence[float]) -> Float64:
    """FNIR of one gallery in each resample of the probes' subjects, the threshold chosen anew in each: (R, K)."""
    found = np.where(searches.ranks == 1, searches.own, np.float32(-np.inf))
    strangers = looked.owner[searches.non_mated]
    return 1 - bootstrap.tars_of_resamples(
        looked.subjects, found[searches.mated], looked.owner[searches.mated], _strangers(searches),
        (strangers, strangers), targets,
    )  # fmt: skip
