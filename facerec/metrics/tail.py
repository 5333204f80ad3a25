"""Rates lower than the comparisons at hand can show, read off a curve that is fitted to the highest similarities.

What exceeds a high threshold follows a generalised Pareto distribution, whatever the scores themselves follow
(Pickands, 1975; Balkema and de Haan, 1974). It is fitted by probability-weighted moments (Hosking and Wallis, 1987),
which are closed formulas and need no good start. A curve is no measurement: what comes from here is marked as such.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from facerec.errors import InvalidInput
from facerec.metrics.scores import Float64, require_rate

FEWEST = 10
"""Scores above the start of a tail, at the least."""
ALMOST_NONE = 1e-9
"""A shape nearer to 0 than this is 0: the formulas divide by it."""


@dataclass(frozen=True, slots=True)
class Tail:
    """Beyond `start`, the FMR at t is share * (1 + shape (t - start) / scale)^(-1 / shape).

    start  a similarity
    share  FMR at the start
    scale  above 0, a similarity
    shape  below 0 where similarities have an end, as cosines do
    """

    start: float
    share: float
    scale: float
    shape: float

    def fmr(self, threshold: float) -> float:
        """The rate at a threshold, at or above the start."""
        if threshold < self.start:
            raise InvalidInput(f"this tail begins at {self.start:.3f}, and says nothing of {threshold:.3f}")
        excess = (threshold - self.start) / self.scale
        if abs(self.shape) < ALMOST_NONE:
            return self.share * math.exp(-excess)
        return float(self.share * max(0.0, 1 + self.shape * excess) ** (-1 / self.shape))

    def threshold(self, fmr: float) -> float:
        """The threshold at a rate, at or below the share."""
        require_rate("an FMR", fmr)
        if fmr > self.share:
            raise InvalidInput(f"this tail begins at an FMR of {self.share:.1e}, and says nothing of {fmr:.1e}")
        ratio = math.log(self.share / fmr)
        if abs(self.shape) < ALMOST_NONE:
            return self.start + self.scale * ratio
        return self.start + self.scale * math.expm1(self.shape * ratio) / self.shape


def fit_tail(start: float, share: float, above: np.ndarray) -> Tail:
    """The tail whose scores above `start` are `above` (K,).

    Raises InvalidInput for fewer than ten scores, or where all lie at one place.
    """
    if len(above) < FEWEST:
        raise InvalidInput(f"a tail needs {FEWEST} scores beyond its start, got {len(above)}")
    scale, shape = _moments(np.sort(np.asarray(above, np.float64)) - start, np.ones((1, len(above))))
    if not np.isfinite(scale[0]):
        raise InvalidInput("the scores beyond the start of a tail do not differ")
    return Tail(start, share, float(scale[0]), float(shape[0]))


def refitted_rates(start: float, above: np.ndarray, weights: Float64, trials: Float64, threshold: float) -> Float64:
    """The rate at a threshold by tails fitted to R selections of the scores: (R,), or fewer where some have no fit.

    above    (K,) scores beyond the start, and how often each selection holds each: weights (R, K)
    trials   (R,) comparisons that each selection is from
    """
    order = np.argsort(above, kind="stable")
    excess, weights = np.asarray(above, np.float64)[order] - start, weights[:, order]
    held = weights.sum(axis=1) > 0
    scale, shape = _moments(excess, weights[held])
    share = weights[held].sum(axis=1) / trials[held]
    shape = np.where(np.abs(shape) < ALMOST_NONE, ALMOST_NONE, shape)
    rates = share * np.maximum(0.0, 1 + shape * (threshold - start) / scale) ** (-1 / shape)
    return np.asarray(rates[np.isfinite(scale)], np.float64)


def _moments(excess: Float64, weights: Float64) -> tuple[Float64, Float64]:
    """Scale and shape from the mean of the excesses (K,), rising, and their mean weighted by the share that lies above.

    Once for each row of weights (R, K): two of (R,). NaN where the excesses do not differ.
    """
    weights = weights / weights.sum(axis=1, keepdims=True)
    exceeded = 1 - (np.cumsum(weights, axis=1) - weights / 2)
    mean, high = weights @ excess, (weights * exceeded) @ excess
    gap = mean - 2 * high
    gap = np.where(gap > ALMOST_NONE, gap, np.nan)
    return 2 * mean * high / gap, 2 - mean / gap
