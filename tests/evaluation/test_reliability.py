"""Probabilities are judged on the pairs that could be compared."""

import numpy as np
import pytest

from facerec.evaluation.comparisons import Comparisons
from facerec.evaluation.reliability import judge_probability


def test_each_bin_counts_its_pairs_and_lost_ones_are_no_evidence() -> None:
    rng = np.random.default_rng(1)
    pairs = 3000
    chance = rng.random(pairs)
    same = rng.random(pairs) < chance
    first = 2 * np.arange(pairs)
    found = np.ones(2 * pairs, bool)
    found[::40] = False
    shows = np.stack([first, first + ~same], axis=1).ravel()
    compared = Comparisons(
        chance.astype(np.float32), same, first, first + 1, found, np.unique(shows, return_inverse=True)[1]
    )
    honest = judge_probability(compared, lambda scores: scores.astype(np.float64), rng, 300)
    boasting = judge_probability(compared, lambda scores: scores.astype(np.float64) ** 0.3, rng, 300)
    assert honest.error < 0.04 < 0.15 < boasting.error
    made = compared.made
    assert sum(rate.trials for rate in honest.observed) == made.sum() < pairs
    assert honest.genuine == pytest.approx(same[made].mean())
    covered = [stated in rate.interval for stated, rate in zip(honest.predicted, honest.observed, strict=True)]
    assert np.mean(covered) >= 0.8
    assert honest.as_dict()["expected_calibration_error"] == honest.error
