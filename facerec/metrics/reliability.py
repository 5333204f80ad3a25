"""Does what is said to be 90 % probable happen in 90 of 100 cases?"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from facerec.errors import InvalidInput
from facerec.metrics.scores import Bools, Float64, require_rate, require_scores
from facerec.records import Int64

BINS = 15


class Reliability(NamedTuple):
    """A reliability diagram; B bins, in order of probability, none empty.

    predicted  (B,)  mean of the stated probabilities
    observed   (B,)  share of the cases in which it happened
    counts     (B,)  how many cases there are
    """

    predicted: Float64
    observed: Float64
    counts: Int64

    @property
    def expected_calibration_error(self) -> float:
        """Mean gap between stated and observed, each case counting once (ECE: Naeini et al., 2015)."""
        return float(np.average(np.abs(self.predicted - self.observed), weights=self.counts))


def equal_mass_bins(probabilities: np.ndarray, bins: int = BINS) -> Int64:
    """Which of at most `bins` bins of about as many cases each case falls into: (N,) -> (N,) int64, from 0, no gaps.

    Equal probabilities share a bin. Raises InvalidInput for no case, for fewer than one bin, or for a value outside
    0 to 1.
    """
    wide = require_scores("probability", probabilities)
    if bins < 1 or wide.min() < 0 or wide.max() > 1:
        raise InvalidInput("a reliability diagram needs a bin and probabilities from 0 to 1")
    edges = np.quantile(wide, np.arange(1, bins) / bins)
    _, number = np.unique(np.searchsorted(edges, wide, side="left"), return_inverse=True)
    return np.asarray(number, np.int64)


def with_prior(chances: np.ndarray, prior: float) -> Float64:
    """Chances (N,) stated for even odds beforehand, where the prior is another (Bayes): the odds are multiplied.

    >>> with_prior(np.array([0.5, 0.99]), 0.001).round(3).tolist()
    [0.001, 0.09]
    """
    require_rate("a prior", prior)
    genuine, impostor = np.asarray(chances, np.float64) * prior, (1 - np.asarray(chances, np.float64)) * (1 - prior)
    return genuine / (genuine + impostor)


def reliability(probabilities: np.ndarray, happened: Bools, bins: int = BINS) -> Reliability:
    """The diagram of N stated probabilities (N,) and of whether each case came true (N,) bool, in bins of equal mass.

    >>> reliability(np.array([0.1, 0.1, 0.9, 0.9]), np.array([False, False, True, True]), bins=2).predicted.tolist()
    [0.1, 0.9]
    """
    if len(probabilities) != len(happened):
        raise InvalidInput(f"{len(probabilities)} probabilities need as many outcomes, got {len(happened)}")
    place = equal_mass_bins(probabilities, bins)
    counts = np.bincount(place)
    predicted = np.bincount(place, weights=np.asarray(probabilities, np.float64)) / counts
    return Reliability(predicted, np.bincount(place, weights=happened) / counts, counts.astype(np.int64))
