"""1:N error rates, as ISO/IEC 19795-1 and NIST FRTE 1:N define them. Always report the gallery's size N with them.

A *mated* probe shows a subject of the gallery, a *non-mated* one a stranger. Each subject of the gallery counts
once, by its best template. Ranks begin at 1; a tie goes against the subject. A probe in which no face was found
has rank NEVER and similarity -inf.
"""

from __future__ import annotations

import math

import numpy as np

from facerec.errors import InvalidInput
from facerec.metrics.scores import Float64, require_rate, require_scores
from facerec.records import Int64

NEVER = np.iinfo(np.int64).max
"""The rank of a subject that its probe can never find."""


def best_per_subject(similarities: np.ndarray, subjects: Int64) -> np.ndarray:
    """Each subject's best template: (Q, T) and the templates' subjects (T,) -> (Q, N), in order of subject.

    `subjects` hold every number from 0 to N - 1 at least once.

    >>> best_per_subject(np.array([[0.1, 0.9, 0.5]]), np.array([0, 1, 0])).tolist()
    [[0.5, 0.9]]
    """
    order = np.argsort(subjects, kind="stable")
    numbers, starts = np.unique(subjects[order], return_index=True)
    if not len(numbers) or not np.array_equal(numbers, np.arange(len(numbers))):
        raise InvalidInput("subjects must be numbered 0 to N - 1 without a gap")
    return np.maximum.reduceat(similarities[:, order], starts, axis=1)


def ranks(similarities: np.ndarray, own: Int64) -> Int64:
    """The rank of each probe's own subject: (Q, N) and its column (Q,) -> (Q,) int64, 1 best.

    >>> ranks(np.array([[0.2, 0.9], [0.5, 0.5]]), np.array([1, 0])).tolist()
    [1, 2]
    """
    mine = np.take_along_axis(similarities, own[:, None], axis=1)
    return np.asarray((similarities >= mine).sum(axis=1), np.int64)


def cmc(ranks: Int64, gallery_size: int) -> Float64:
    """Cumulative match characteristic: the share of mated probes whose subject is at rank r or better.

    `ranks` (Q,) int64. Returns (gallery_size,) float64: element 0 is the rank-1 rate, the last is 1 unless some
    probe can never find its subject. Raises InvalidInput when there is no probe.

    >>> cmc(np.array([1, 1, 3, 2]), gallery_size=3).tolist()
    [0.5, 0.75, 1.0]
    """
    _require_probes(ranks, "mated")
    counts = np.bincount(ranks[ranks <= gallery_size], minlength=gallery_size + 1)
    return counts[1:].cumsum() / len(ranks)


def rank_1(ranks: Int64) -> float:
    """The share of mated probes with their own subject on top: 1 - FNIR(N, 1, no threshold)."""
    _require_probes(ranks, "mated")
    return float(np.mean(ranks == 1))


def fpir(best: np.ndarray, threshold: float) -> float:
    """False positive identification rate: the share of non-mated searches with any candidate at >= threshold.

    `best` (Q,) holds each stranger's highest similarity to anybody enrolled.
    """
    return float(np.mean(require_scores("non-mated", best) >= threshold))


def missed(ranks: Int64, own: np.ndarray, threshold: float, rank: int = 1) -> np.ndarray:
    """Which mated searches fail: own subject not in the first `rank`, or below the threshold. (Q,) bool."""
    return (ranks > rank) | (require_scores("mated", own) < threshold)


def fnir(ranks: Int64, own: np.ndarray, threshold: float, rank: int = 1) -> float:
    """False negative identification rate: the share of mated searches for which `missed` holds.

    `ranks` (Q,) int64 and `own` (Q,), the rank and the similarity of each probe's own subject.
    """
    _require_probes(ranks, "mated")
    return float(np.mean(missed(ranks, own, threshold, rank)))


def expected_fpir(fmr: float, gallery_size: int) -> float:
    """The FPIR to expect among `gallery_size` subjects at a threshold of that FMR: 1 - (1 - FMR)^N.

    A first guess. It takes the N comparisons of a search as independent, and the FMR as the same in this gallery
    as where it was measured. Where some strangers resemble many people and others nobody, the true rate is lower;
    where the gallery's people resemble each other more than the calibration's (a family, one age and origin), or
    have several templates each, it is higher.

    >>> round(expected_fpir(1e-4, 1000), 3)
    0.095
    """
    _require_gallery(fmr, gallery_size)
    return -math.expm1(gallery_size * math.log1p(-fmr))


def fmr_needed(fpir: float, gallery_size: int) -> float:
    """The FMR at which `gallery_size` subjects give that FPIR: 1 - (1 - FPIR)^(1/N).

    The inverse of `expected_fpir`, and a first guess for the same reasons.

    >>> f"{fmr_needed(0.01, 1000):.2e}"
    '1.01e-05'
    """
    _require_gallery(fpir, gallery_size)
    return -math.expm1(math.log1p(-fpir) / gallery_size)


def _require_gallery(rate: float, gallery_size: int) -> None:
    require_rate("a rate", rate)
    if gallery_size < 1:
        raise InvalidInput(f"a gallery needs at least one subject, got {gallery_size}")


def _require_probes(ranks: Int64, kind: str) -> None:
    if not len(ranks):
        raise InvalidInput(f"this rate needs at least one {kind} probe")
    if ranks.min() < 1:
        raise InvalidInput(f"ranks begin at 1, got {ranks.min()}")
