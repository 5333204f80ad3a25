"""1:1 error rates from similarity scores, as ISO/IEC 19795-1 defines them.

A higher score is more alike, and a comparison is accepted iff score >= threshold: a tie is a match. `genuine` are
the scores (N,) of two pictures of one subject, `impostor` those (M,) of two subjects; -inf stands for a
comparison that could not be made. Every function raises InvalidInput for no scores, NaN or +inf.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from facerec.errors import InvalidInput
from facerec.metrics.intervals import RULE_OF_THREE, rule_of_three, subjects_needed
from facerec.metrics.scores import Float64, require_rate, require_scores


class Det(NamedTuple):
    """Both error rates at every threshold that changes one of them, each (T,) float64, thresholds rising.

    The first row accepts everything (FMR 1, FNMR 0), the last, at +inf, nothing (FMR 0, FNMR 1).
    """

    thresholds: Float64
    fmr: Float64
    fnmr: Float64


def fmr(impostor: np.ndarray, threshold: float) -> float:
    """False match rate: the share of impostor comparisons at or above the threshold."""
    return float(np.mean(require_scores("impostor", impostor) >= threshold))


def fnmr(genuine: np.ndarray, threshold: float) -> float:
    """False non-match rate: the share of genuine comparisons below the threshold."""
    return float(np.mean(require_scores("genuine", genuine) < threshold))


def accuracy(genuine: np.ndarray, impostor: np.ndarray, threshold: float) -> float:
    """The share of all comparisons that are decided rightly at the threshold."""
    right = np.sum(require_scores("genuine", genuine) >= threshold)
    right += np.sum(require_scores("impostor", impostor) < threshold)
    return float(right / (len(genuine) + len(impostor)))


def det(genuine: np.ndarray, impostor: np.ndarray) -> Det:
    """The detection error trade-off: FMR and FNMR at every distinct score, and at +inf."""
    genuine = np.sort(require_scores("genuine", genuine))
    impostor = np.sort(require_scores("impostor", impostor))
    thresholds = np.append(np.unique(np.concatenate([genuine, impostor])), np.inf)
    refused = np.searchsorted(impostor, thresholds, side="left")
    missed = np.searchsorted(genuine, thresholds, side="left")
    return Det(thresholds, 1 - refused / len(impostor), missed / len(genuine))


def eer(genuine: np.ndarray, impostor: np.ndarray) -> float:
    """Equal error rate: where FMR = FNMR, on straight lines between the points of the DET curve."""
    curve = det(genuine, impostor)
    gap = curve.fmr - curve.fnmr  # falls from 1 to -1
    after = int(np.argmax(gap <= 0))
    part = gap[after - 1] / (gap[after - 1] - gap[after])
    return float(curve.fmr[after - 1] + part * (curve.fmr[after] - curve.fmr[after - 1]))


def auc(genuine: np.ndarray, impostor: np.ndarray) -> float:
    """Area under the ROC: the chance that a genuine score beats an impostor one, a tie counting half."""
    genuine = require_scores("genuine", genuine)
    impostor = np.sort(require_scores("impostor", impostor))
    beaten = np.searchsorted(impostor, genuine, side="left") + np.searchsorted(impostor, genuine, side="right")
    return float(beaten.mean() / 2 / len(impostor))


def allowed_errors(rate: float, trials: int) -> int:
    """The most errors in `trials` whose share is still at most `rate`.

    Not simply floor(rate * trials): 0.29 * 100 is 28.999999999999996.

    >>> allowed_errors(0.29, 100)
    29
    """
    errors = math.floor(rate * trials)
    return errors + 1 if (errors + 1) / trials <= rate else errors


def threshold_at_fmr(impostor: np.ndarray, target: float, *, even_unsupported: bool = False) -> float:
    """The lowest threshold whose FMR on these impostor scores is at most `target`.

    Tied scores are refused together where accepting them all would go over it. The threshold lies one step of the
    scores' own dtype above the best refused score, so float32 scores can be compared with it in float32.
    Raises InvalidInput where the rule of three says that so few scores cannot show that rate (3 / M > target),
    unless `even_unsupported`: then the threshold may lie just above the highest impostor score, and proves little.
    """
    require_rate("a target FMR", target)
    if not even_unsupported:
        require_support(target, len(require_scores("impostor", impostor)))
    return threshold_accepting(impostor, allowed_errors(target, len(impostor)))


def threshold_accepting(scores: np.ndarray, most: int) -> float:
    """The lowest threshold that accepts at most `most` of the scores (M,), 0 <= most < M."""
    require_scores("impostor", scores)
    if not 0 <= most < len(scores):
        raise InvalidInput(f"cannot accept {most} of {len(scores)} scores and refuse another")
    scores = np.asarray(scores)
    scores = scores if scores.dtype == np.float32 else scores.astype(np.float64)
    place = len(scores) - 1 - most
    best_refused = np.partition(scores, place)[place]
    return float(np.nextafter(best_refused, scores.dtype.type(np.inf)))


def require_support(target: float, impostors: int) -> None:
    """Raise InvalidInput where so few impostor comparisons cannot show a rate as low as `target`."""
    least = rule_of_three(impostors)
    if least > target:
        raise InvalidInput(
            f"{impostors} impostor comparisons can show a false match rate of {least:.1e} at the lowest, not "
            f"{target:.1e}: that takes {math.ceil(RULE_OF_THREE / target)} of them, which is all pairs of "
            f"{subjects_needed(target)} subjects"
        )


def tar_at_fmr(genuine: np.ndarray, impostor: np.ndarray, target: float, *, even_unsupported: bool = False) -> float:
    """True accept rate, 1 - FNMR, at the threshold that `threshold_at_fmr` gives; raises what that raises."""
    return 1 - fnmr(genuine, threshold_at_fmr(impostor, target, even_unsupported=even_unsupported))


def best_threshold(genuine: np.ndarray, impostor: np.ndarray) -> float:
    """The threshold with the most right decisions, each comparison counting once.

    It lies half-way between two neighbouring scores; of several equally good ones it is the middle one.
    """
    curve = det(genuine, impostor)
    wrong = np.rint(curve.fmr * len(impostor)) + np.rint(curve.fnmr * len(genuine))
    best = np.flatnonzero(wrong == wrong.min())
    return _between_scores(curve.thresholds, int(best[(len(best) - 1) // 2]))


def _between_scores(thresholds: Float64, row: int) -> float:
    """A threshold that decides as `thresholds[row]` does, but away from any score where there is room."""
    if row == len(thresholds) - 1:  # +inf: nothing is accepted
        return float(np.nextafter(thresholds[-2], np.inf))
    if row == 0 or np.isinf(thresholds[row - 1]):
        return float(thresholds[row])
    middle = float((thresholds[row - 1] + thresholds[row]) / 2)
    return middle if middle > thresholds[row - 1] else float(thresholds[row])
