"""1:1 verification on a list of pairs: error rates, with intervals over subjects and failures to detect counted.

A genuine pair with a picture in which no face was found scores -inf: it is refused at every threshold, and pulls
every figure down, so that FNMR here is what a user meets (FRR). An impostor pair with such a picture makes no
comparison, and supports no claim about false matches.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from facerec.errors import InvalidInput
from facerec.evaluation.comparisons import Comparisons, compare
from facerec.evaluation.data_digest import digest_pictures
from facerec.evaluation.embedding import PictureEmbedder, Progress, silent
from facerec.evaluation.findings import NO_MORE, NOTHING, Findings, Wanted
from facerec.evaluation.groups import GroupTable, pairs_by_group
from facerec.evaluation.histogram import histograms
from facerec.evaluation.pairs import PicturePairs
from facerec.evaluation.reliability import judge_probability
from facerec.evaluation.worst import worst_pairs
from facerec.metrics import bootstrap
from facerec.metrics.intervals import Interval, Rate, clopper_pearson, rule_of_three
from facerec.metrics.scores import Float64
from facerec.metrics.transactions import far
from facerec.metrics.verification import auc, det, eer, tar_at_fmr
from facerec.records import OperatingPoint

TARGETS = (1e-2, 1e-3)
DET_STEPS = (1.0, 2.0, 5.0)
ROC_POINTS_PER_DECADE = 10


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
    """What an operating point that was set elsewhere does on these pairs.

    far  false matches among all impostor pairs, those included that could not be compared: FMR (1 - FTA)
    """

    point: OperatingPoint
    fmr: Rate
    fnmr: Rate
    far: float

    def as_dict(self) -> dict[str, Any]:
        return {
            "threshold": self.point.threshold,
            "stated_fmr": self.point.fmr,
            "extrapolated": self.point.extrapolated,
            "fmr": self.fmr.as_dict(),
            "fnmr": self.fnmr.as_dict(),
            "far": self.far,
        }


@dataclass(frozen=True, slots=True, eq=False)
class VerificationResult:
    """Error rates over a list of pairs.

    fta   share of the pictures without a usable face
    tars  at the targets that everybody quotes
    det   the same at FMRs from one error up to 0.5, for a curve with its intervals
    roc   (FMR, TAR) at FMRs a tenth of a decade apart
    """

    comparisons: Comparisons
    fta: Rate
    auc: float
    eer: float
    tars: tuple[TarAtFmr, ...]
    points: tuple[PairsAtPoint, ...]
    det: tuple[TarAtFmr, ...]
    roc: tuple[tuple[float, float], ...]
    findings: Findings = NOTHING

    def as_dict(self) -> dict[str, Any]:
        pairs = self.comparisons
        return {
            "pairs": len(pairs.same),
            "genuine": int(pairs.same.sum()),
            "impostors": int((~pairs.same).sum()),
            "pairs_not_compared": int((~pairs.made).sum()),
            "subjects": pairs.subjects,
            "pictures": len(pairs.found),
            "failures_to_detect": pairs.failures,
            "fta": self.fta.as_dict(),
            "auc": self.auc,
            "eer": self.eer,
            "tar_at_fmr": [tar.as_dict() for tar in self.tars],
            "operating_points": [point.as_dict() for point in self.points],
            "det": [tar.as_dict() for tar in self.det],
            "roc": [list(point) for point in self.roc],
            "histograms": histograms(genuine=pairs.genuine, impostor=pairs.impostor),
        } | self.findings.as_dict()


def evaluate_verification(
    folder: Path,
    pairs: PicturePairs,
    embed: PictureEmbedder,
    *,
    rng: np.random.Generator,
    points: Sequence[OperatingPoint] = (),
    wanted: Wanted = NO_MORE,
    progress: Progress = silent,
) -> VerificationResult:
    """Embed every picture of `pairs`, which lie in `folder`, and measure. Raises what its parts raise."""
    require_usable(pairs, wanted)
    comparisons = compare(folder, pairs, embed, progress)
    result = measure(comparisons, rng=rng, points=points)
    return replace(result, findings=look_at(folder, pairs, comparisons, wanted, rng))


def require_usable(pairs: PicturePairs, wanted: Wanted) -> None:
    """Raise InvalidInput for pairs of one kind alone and for labels that do not fit, before minutes of embedding."""
    if pairs.same.all() or not pairs.same.any():
        raise InvalidInput("error rates need genuine and impostor pairs, and all of these are of one kind")
    if wanted.labels is None:
        return
    if wanted.at is None:
        raise InvalidInput("groups are compared at one operating point, and none was given")
    shows = pairs.shows
    wanted.labels.require_names(pairs.pictures, [shows[name] for name in pairs.pictures])


def look_at(
    folder: Path, pairs: PicturePairs, comparisons: Comparisons, wanted: Wanted, rng: np.random.Generator
) -> Findings:
    """What the pairs can tell beside their error rates."""
    return Findings(
        data={"list_sha256": pairs.sha256, "pictures_sha256": digest_pictures(folder, pairs.pictures)},
        groups=_groups(pairs, comparisons, wanted, rng),
        stated=None if wanted.probability is None else judge_probability(comparisons, wanted.probability, rng),
        worst=worst_pairs(folder, pairs, comparisons, wanted.pictures) if wanted.pictures else {},
    )


def _groups(
    pairs: PicturePairs, comparisons: Comparisons, wanted: Wanted, rng: np.random.Generator
) -> tuple[GroupTable, ...]:
    if wanted.labels is None or wanted.at is None:
        return ()
    return pairs_by_group(pairs, comparisons, wanted.labels, wanted.at, rng)


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
    tars = _tars(comparisons, drawn, (*targets, *det_targets(len(comparisons.impostor))))
    owner = comparisons.subject
    return VerificationResult(
        comparisons=comparisons,
        fta=bootstrap.counted_rate(drawn, owner, owner, ~comparisons.found),
        auc=auc(comparisons.genuine, comparisons.impostor),
        eer=eer(comparisons.genuine, comparisons.impostor),
        tars=tars[: len(targets)],
        points=tuple(_at_point(comparisons, drawn, point) for point in points),
        det=tars[len(targets) :],
        roc=_roc(comparisons),
    )


def det_targets(impostors: int) -> list[float]:
    """FMRs for a curve, rising: 1, 2 and 5 in each decade from the first that allows an error up to 0.5.

    >>> det_targets(100)
    [0.01, 0.02, 0.05, 0.1, 0.2, 0.5]
    """
    decades = range(-math.ceil(math.log10(impostors)) - 1, 0)
    steps = [float(f"{step:g}e{decade}") for decade in decades for step in DET_STEPS]
    return [rate for rate in steps if rate * impostors >= 1]


def _tars(pairs: Comparisons, drawn: Float64, targets: Sequence[float]) -> tuple[TarAtFmr, ...]:
    resampled = bootstrap.tars_at_fmrs(
        drawn, pairs.genuine, pairs.genuine_subject, pairs.impostor, pairs.impostor_subjects, targets
    )
    return tuple(_tar(pairs, target, column) for target, column in zip(targets, resampled.T, strict=True))


def _tar(pairs: Comparisons, target: float, resampled: Float64) -> TarAtFmr:
    tar = tar_at_fmr(pairs.genuine, pairs.impostor, target, even_unsupported=True)
    naive = clopper_pearson(round(tar * len(pairs.genuine)), len(pairs.genuine))
    supported = rule_of_three(len(pairs.impostor)) <= target
    return TarAtFmr(target, tar, bootstrap.percentiles(resampled).covering(naive), supported)


def _at_point(pairs: Comparisons, drawn: Float64, point: OperatingPoint) -> PairsAtPoint:
    false = pairs.impostor.astype(np.float64) >= point.threshold
    miss = pairs.genuine.astype(np.float64) < point.threshold
    fmr = bootstrap.counted_rate(drawn, *pairs.impostor_subjects, false)
    fnmr = bootstrap.counted_rate(drawn, pairs.genuine_subject, pairs.genuine_subject, miss)
    return PairsAtPoint(point, fmr, fnmr, far(fmr.share, float(np.mean(~pairs.made[~pairs.same]))))


def _roc(pairs: Comparisons) -> tuple[tuple[float, float], ...]:
    """(FMR, best TAR at that FMR or less), from one error up to everything accepted."""
    curve = det(pairs.genuine, pairs.impostor)
    decades = np.log10(len(pairs.impostor))
    targets = np.logspace(-decades, 0, int(decades * ROC_POINTS_PER_DECADE) + 2)
    at = np.searchsorted(-curve.fmr, -targets, side="left")  # FMR falls along the curve
    return tuple((float(curve.fmr[row]), float(1 - curve.fnmr[row])) for row in at)
