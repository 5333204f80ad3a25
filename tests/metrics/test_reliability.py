"""Reliability against scikit-learn, and against a loop over sorted cases."""

import numpy as np
import pytest
from sklearn.calibration import calibration_curve

from facerec.errors import InvalidInput
from facerec.metrics.reliability import equal_mass_bins, reliability, with_prior


def cases(seed: int, ties: bool) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    stated = rng.beta(0.4, 0.6, 1500)
    stated = stated.round(1) if ties else stated
    return stated, rng.random(1500) < stated**1.5


@pytest.mark.parametrize("ties", [False, True])
@pytest.mark.parametrize("bins", [1, 2, 10, 15])
def test_the_bins_agree_with_scikit_learn(bins: int, ties: bool) -> None:
    stated, happened = cases(bins, ties)
    observed, predicted = calibration_curve(happened, stated, n_bins=bins, strategy="quantile")
    ours = reliability(stated, happened, bins)
    assert ours.predicted == pytest.approx(predicted)
    assert ours.observed == pytest.approx(observed)
    assert ours.counts.sum() == len(stated)


def test_the_error_agrees_with_a_loop_over_sorted_cases() -> None:
    stated, happened = cases(0, False)
    order = np.argsort(stated)
    slow = 0.0
    for start in range(0, 1500, 100):
        rows = order[start : start + 100]
        slow += abs(sum(stated[rows]) / 100 - sum(happened[rows]) / 100) * 100 / 1500
    assert reliability(stated, happened, 15).counts.tolist() == [100] * 15
    assert reliability(stated, happened, 15).expected_calibration_error == pytest.approx(slow)
    assert slow > 0.03  # these were made unreliable


def test_what_comes_true_as_often_as_it_says_has_a_small_error() -> None:
    rng = np.random.default_rng(1)
    stated = rng.random(100_000)
    assert reliability(stated, rng.random(100_000) < stated).expected_calibration_error < 0.01


def test_equal_probabilities_share_a_bin() -> None:
    assert equal_mass_bins(np.array([0.5] * 9 + [0.9]), 5).tolist() == [0] * 9 + [1]


@pytest.mark.parametrize("stated", [[], [1.2], [-0.1], [np.nan]])
def test_what_is_no_probability_is_refused(stated: list[float]) -> None:
    with pytest.raises(InvalidInput):
        reliability(np.array(stated), np.zeros(len(stated), bool))
    with pytest.raises(InvalidInput):
        reliability(np.array([0.5]), np.zeros(2, bool))


def test_even_odds_are_multiplied_by_the_odds_beforehand() -> None:
    """A calibrated even-odds chance stays calibrated on a list in which impostors are nine times as many."""
    rng = np.random.default_rng(2)
    same = rng.random(100_000) < 0.1
    score = rng.normal(np.where(same, 1.0, -1.0))
    even = 1 / (1 + np.exp(-2 * score))  # two normals of deviation 1, two apart: exact
    assert reliability(with_prior(even, 0.1), same).expected_calibration_error < 0.01
    assert reliability(even, same).expected_calibration_error > 0.1
    assert with_prior(even, 0.5) == pytest.approx(even)
