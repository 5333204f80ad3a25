"""Are the probabilities that go with similarities true? Judged on pairs of which the answer is known."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from facerec.evaluation.comparisons import Comparisons
from facerec.metrics import bootstrap
from facerec.metrics.intervals import Rate
from facerec.metrics.reliability import equal_mass_bins, reliability, with_prior
from facerec.metrics.scores import Float64

Chance = Callable[[np.ndarray], Float64]
"""Similarities (P,) -> the chance that each pair is genuine (P,), 0..1, where that was an even bet beforehand."""


@dataclass(frozen=True, slots=True)
class StatedProbability:
    """A reliability diagram over the comparisons that were made.

    genuine    share of genuine pairs among them, which is the prior that the chances are stated for here
    error      expected calibration error, 0..1
    predicted  mean stated probability of each bin
    observed   how often it was a genuine pair, with an interval over people
    """

    genuine: float
    error: float
    predicted: tuple[float, ...]
    observed: tuple[Rate, ...]

    def as_dict(self) -> dict[str, Any]:
        bins = zip(self.predicted, self.observed, strict=True)
        return {
            "genuine_share": self.genuine,
            "expected_calibration_error": self.error,
            "bins": [{"predicted": stated, "observed": rate.as_dict()} for stated, rate in bins],
        }


def judge_probability(
    pairs: Comparisons, chance: Chance, rng: np.random.Generator, resamples: int = bootstrap.RESAMPLES
) -> StatedProbability:
    """What `chance` says of the pairs, with their own share of genuine ones as prior, against what they are."""
    same = pairs.same[pairs.made]
    stated = with_prior(chance(pairs.similarities[pairs.made]), float(same.mean()))
    diagram, place = reliability(stated, same), equal_mass_bins(stated)
    owners = pairs.subject[pairs.first[pairs.made]], pairs.subject[pairs.second[pairs.made]]
    drawn = bootstrap.draws(pairs.subjects, rng, resamples)
    observed = [
        bootstrap.counted_rate(drawn, owners[0][place == row], owners[1][place == row], same[place == row])
        for row in range(len(diagram.counts))
    ]
    return StatedProbability(
        float(same.mean()), diagram.expected_calibration_error, tuple(diagram.predicted.tolist()), tuple(observed)
    )
