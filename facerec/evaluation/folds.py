"""LFW's accuracy: each fold is judged with the threshold that suits the other folds best (Huang et al., 2007)."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from facerec.errors import InvalidInput
from facerec.metrics.bootstrap import require_same_length
from facerec.metrics.scores import Bools
from facerec.metrics.verification import best_threshold
from facerec.records import Int64


@dataclass(frozen=True, slots=True, eq=False)
class FoldAccuracy:
    """Accuracy over folds.

    accuracies  share of each fold's pairs that were judged rightly
    thresholds  of each fold, chosen on the other folds
    right       (P,) bool, pair by pair
    """

    accuracies: tuple[float, ...]
    thresholds: tuple[float, ...]
    right: Bools

    @property
    def mean(self) -> float:
        return float(np.mean(self.accuracies))

    @property
    def std(self) -> float:
        """Standard deviation between folds (n - 1)."""
        return float(np.std(self.accuracies, ddof=1))

    @property
    def standard_error(self) -> float:
        """Of the mean: what LFW's own tables print behind the +-."""
        return self.std / math.sqrt(len(self.accuracies))


def lfw_accuracy(scores: np.ndarray, same: Bools, folds: Int64, made: Bools | None = None) -> FoldAccuracy:
    """Accuracy per fold with the threshold chosen on all other folds; all arguments are (P,).

    A pair that is not `made` (a picture without a face) is wrong whatever it is, and its score is not looked at.
    Raises InvalidInput for fewer than two folds, or where the other folds lack genuine or impostor pairs.
    """
    made = np.ones(len(scores), np.bool_) if made is None else made
    require_same_length(scores, same, folds, made)
    names = np.unique(folds)
    if len(names) < 2:
        raise InvalidInput("choosing a threshold on the other folds needs at least two folds")
    right = np.zeros(len(scores), np.bool_)
    thresholds = []
    for fold in names:
        inside, others = folds == fold, (folds != fold) & made
        thresholds.append(best_threshold(scores[others & same], scores[others & ~same]))
        right[inside] = (scores[inside] >= thresholds[-1]) == same[inside]
    right &= made
    return FoldAccuracy(tuple(float(right[folds == fold].mean()) for fold in names), tuple(thresholds), right)
