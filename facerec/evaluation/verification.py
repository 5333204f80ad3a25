"""1:1 verification on a list of pairs: error rates, with intervals over subjects and failures to detect counted.

A genuine pair with a picture in which no face was found scores -inf: it is refused at every threshold, and pulls
every figure down. An impostor pair with such a picture makes no comparison, and supports no claim about false
matches.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from facerec.errors import InvalidInput
from facerec.evaluation.embedding import Embedded, PictureEmbedder, Progress, embed_pictures, numbered, silent
from facerec.evaluation.pairs import PicturePairs
from facerec.metrics import bootstrap
from facerec.metrics.intervals import Interval, Rate, clopper_pearson, rule_of_three
from facerec.metrics.scores import Bools, Float64
from facerec.metrics.verification import auc, det, eer, tar_at_fmr
from facerec.records import Float32, Int64, OperatingPoint

TARGETS = (1e-2, 1e-3)
ROC_POINTS_PER_DECADE = 10


@dataclass(frozen=True, slots=True, eq=False)
class Comparisons:
    """All pairs of a list, compared. P >= 1, with genuine and impostor pairs.

    similarities   (P,) float32  where made
    made           (P,) bool     a face was found in both pictures
    same           (P,) bool     genuine
    first, second  (P,) int64    subjects, numbered from 0
    subjects       how many there are
    pictures       how many there are
    failures       pictures without a usable face
    """

    similarities: Float32
    made: Bools
    same: Bools
    first: Int64
    second: Int64
    subjects: int
    pictures: int
    failures: int

    def __post_init__(self) -> None:
        if not self.same.any() or not (self.made & ~self.same).any():
            raise InvalidInput("error rates need genuine pairs, and impostor pairs with a face in both pictures")

    @property
    def genuine(self) -> Float32:
        """All genuine pairs, -inf where no comparison was made."""
        return np.where(self.made, self.similarities, np.float32(-np.inf))[self.same]

    @property
    def genuine_subject(self) -> Int64:
        return self.first[self.same]

    @property
    def impostor(self) -> Float32:
        """The impostor comparisons that were made."""
        return self.similarities[self.made & ~self.same]

    @property
    def impostor_subjects(self) -> tuple[Int64, Int64]:
        impostor = self.made & ~self.same
        return self.first[impostor], self.second[impostor]


@dataclass(frozen=True, slots=True)
class TarAtFmr:
    """The share of genuine pairs accepted at a target FMR.

    supported  False where the rule of three says that so few impostor comparisons cannot show that FMR
    """

    fmr: float
    tar: float
    interval: Interval
    supported: bool

    def as_dict(self) -> dict[str, Any]:
        return {
            "fmr": self.fmr,
            "tar": self.tar,
            "interval": self.interval.as_list(),
            "interval_level": self.interval.level,
            "supported": self.supported,
        }


@dataclass(frozen=True, slots=True)
class PairsAtPoint:
    """What an operating point that was set elsewhere does on these pairs."""

    point: OperatingPoint
    fmr: Rate
    fnmr: Rate

    def as_dict(self) -> dict[str, Any]:
        return {
            "threshold": self.point.threshold,
            "stated_fmr": self.point.fmr,
            "fmr": self.fmr.as_dict(),
            "fnmr": self.fnmr.as_dict(),
        }


@dataclass(frozen=True, slots=True, eq=False)
class VerificationResult:
    """Error rates over a list of pairs. `roc` holds (FMR, TAR) at FMRs a tenth of a decade apart."""

    comparisons: Comparisons
    auc: float
    eer: float
    tars: tuple[TarAtFmr, ...]
    points: tuple[PairsAtPoint, ...]
    roc: tuple[tuple[float, float], ...]

    def as_dict(self) -> dict[str, Any]:
        pairs = self.comparisons
        return {
            "pairs": len(pairs.same),
            "genuine": int(pairs.same.sum()),
            "impostors": int((~pairs.same).sum()),
            "pairs_not_compared": int((~pairs.made).sum()),
            "subjects": pairs.subjects,
            "pictures": pairs.pictures,
            "failures_to_detect": pairs.failures,
            "auc": self.auc,
            "eer": self.eer,
            "tar_at_fmr": [tar.as_dict() for tar in self.tars],
            "operating_points": [point.as_dict() for point in self.points],
            "roc": [list(point) for point in self.roc],
        }


def evaluate_verification(
    folder: Path,
    pairs: PicturePairs,
    embed: PictureEmbedder,
    *,
    rng: np.random.Generator,
    points: Sequence[OperatingPoint] = (),
    progress: Progress = silent,
) -> VerificationResult:
    """Embed every picture of `pairs`, which lie in `folder`, and measure. Raises what its parts raise."""
    return measure(compare(folder, pairs, embed, progress), rng=rng, points=points)


def compare(folder: Path, pairs: PicturePairs, embed: PictureEmbedder, progress: Progress = silent) -> Comparisons:
    """Embed every picture once and compare the pairs."""
    pictures = pairs.pictures
    embedded = embed_pictures([folder / name for name in pictures], embed, progress)
    row = {name: number for number, name in enumerate(pictures)}
    first, second = (np.array([row[name] for name in names]) for names in (pairs.first, pairs.second))
    return _comparisons(pairs, embedded, first, second)


def _comparisons(pairs: PicturePairs, embedded: Embedded, first: Int64, second: Int64) -> Comparisons:
    subjects, codes = numbered(pairs.first_subject + pairs.second_subject)
    return Comparisons(
        similarities=np.clip(np.einsum("pd,pd->p", embedded.rows[first], embedded.rows[second]), -1, 1),
        made=embedded.found[first] & embedded.found[second],
        same=pairs.same,
        first=codes[: len(pairs)],
        second=codes[len(pairs) :],
        subjects=len(subjects),
        pictures=len(embedded.found),
        failures=embedded.failures,
    )


def measure(
    comparisons: Comparisons,
    *,
    rng: np.random.Generator,
    points: Sequence[OperatingPoint] = (),
    targets: Sequence[float] = TARGETS,
    resamples: int = bootstrap.RESAMPLES,
) -> VerificationResult:
    """All rates of a list of pairs, with intervals by `resamples` draws of its subjects."""
    drawn = bootstrap.draws(comparisons.subjects, rng, resamples)
    return VerificationResult(
        comparisons=comparisons,
        auc=auc(comparisons.genuine, comparisons.impostor),
        eer=eer(comparisons.genuine, comparisons.impostor),
        tars=tuple(_tar(comparisons, drawn, target) for target in targets),
        points=tuple(_at_point(comparisons, drawn, point) for point in points),
        roc=_roc(comparisons),
    )


def _tar(pairs: Comparisons, drawn: Float64, target: float) -> TarAtFmr:
    tar = tar_at_fmr(pairs.genuine, pairs.impostor, target, even_unsupported=True)
    resampled = bootstrap.tars_at_fmr(
        drawn, pairs.genuine, pairs.genuine_subject, pairs.impostor, pairs.impostor_subjects, target
    )
    naive = clopper_pearson(round(tar * len(pairs.genuine)), len(pairs.genuine))
    supported = rule_of_three(len(pairs.impostor)) <= target
    return TarAtFmr(target, tar, bootstrap.percentiles(resampled).covering(naive), supported)


def _at_point(pairs: Comparisons, drawn: Float64, point: OperatingPoint) -> PairsAtPoint:
    false = pairs.impostor.astype(np.float64) >= point.threshold
    miss = pairs.genuine.astype(np.float64) < point.threshold
    return PairsAtPoint(
        point,
        fmr=bootstrap.counted_rate(drawn, *pairs.impostor_subjects, false),
        fnmr=bootstrap.counted_rate(drawn, pairs.genuine_subject, pairs.genuine_subject, miss),
    )


def _roc(pairs: Comparisons) -> tuple[tuple[float, float], ...]:
    """(FMR, best TAR at that FMR or less), from one error up to everything accepted."""
    curve = det(pairs.genuine, pairs.impostor)
    decades = np.log10(len(pairs.impostor))
    targets = np.logspace(-decades, 0, int(decades * ROC_POINTS_PER_DECADE) + 2)
    at = np.searchsorted(-curve.fmr, -targets, side="left")  # FMR falls along the curve
    return tuple((float(curve.fmr[row]), float(1 - curve.fnmr[row])) for row in at)
