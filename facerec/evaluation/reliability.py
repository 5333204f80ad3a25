"""Are the probabilities that go with similarities true? Judged on pairs of which the answer is known."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from facerec.evaluation.comparisons import Comparisons
from facerec.metrics import bootstrap
from facerec.metrics.intervals import Rate
from facerec.metrics.reliability import equal_mass_bins, reliability
from facerec.metrics.scores import Float64

Probability = Callable[[np.ndarray], Float64]
"""Similarities (P,) -> the chance that each pair is genuine (P,), 0..1."""


@dataclass(frozen=True, slots=True)
class StatedProbability:
    """A reliability diagram over the comparisons that were made.

    genuine    share of genuine pairs among them: a probability holds for one such share
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
    pairs: Comparisons, probability: Probability, rng: np.random.Generator, resamples: int = bootstrap.RESAMPLES
) -> StatedProbability:
    """What `probability` says of the pairs, in bins of equal mass, against what they are."""
    made = pairs.made
    stated, same = probability(pairs.similarities[made]), pairs.same[made]
    diagram, place = reliability(stated, same), equal_mass_bins(stated)
    owners = pairs.subject[pairs.first[made]], pairs.subject[pairs.second[made]]
    drawn = bootstrap.draws(pairs.subjects, rng, resamples)
    observed = [
        bootstrap.counted_rate(drawn, owners[0][place == row], owners[1][place == row], same[place == row])
        for row in range(len(diagram.counts))
    ]
    return StatedProbability(
        float(same.mean()), diagram.expected_calibration_error, tuple(diagram.predicted.tolist()), tuple(observed)
    )
