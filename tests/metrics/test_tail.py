"""The fitted tail against distributions whose tail is known, and against scipy-free formulas written out."""

import math

import numpy as np
import pytest

from facerec.errors import InvalidInput
from facerec.metrics.tail import Tail, fit_tail, refitted_rates


def pareto(rng: np.random.Generator, scale: float, shape: float, count: int) -> np.ndarray:
    """Excesses of a generalised Pareto distribution, by inversion."""
    return scale * np.expm1(-shape * np.log(rng.uniform(size=count))) / shape


@pytest.mark.parametrize("shape", [-0.3, -0.1, 0.1])
def test_a_known_tail_is_found_again(shape: float) -> None:
    above = 0.5 + pareto(np.random.default_rng(0), 0.05, shape, 20_000)
    tail = fit_tail(0.5, 1e-3, above)
    assert tail.shape == pytest.approx(shape, abs=0.03) and tail.scale == pytest.approx(0.05, rel=0.03)


def test_a_resample_is_fitted_as_its_scores_written_out_are() -> None:
    rng = np.random.default_rng(1)
    above, times = 0.5 + pareto(rng, 0.05, -0.1, 500), rng.integers(0, 4, (3, 500))
    trials = np.full(3, 1e5)
    rates = refitted_rates(0.5, above, times.astype(float), trials, 0.65)
    for rate, own in zip(rates, times, strict=True):
        slow = fit_tail(0.5, own.sum() / 1e5, np.repeat(above, own)).fmr(0.65)
        assert rate == pytest.approx(slow, rel=0.05)


def test_a_resample_without_scores_says_nothing() -> None:
    above = np.linspace(0.51, 0.6, 20)
    weights = np.stack([np.ones(20), np.zeros(20)])
    assert len(refitted_rates(0.5, above, weights, np.full(2, 100.0), 0.6)) == 1


@pytest.mark.parametrize("shape", [-0.2, 0.0, 0.2])
def test_threshold_and_rate_are_inverses(shape: float) -> None:
    tail = Tail(0.5, 1e-3, 0.05, shape)
    assert tail.fmr(0.5) == pytest.approx(1e-3) and tail.threshold(1e-3) == pytest.approx(0.5)
    for rate in (5e-4, 1e-5, 1e-7):
        assert tail.fmr(tail.threshold(rate)) == pytest.approx(rate, rel=1e-9)
    assert tail.threshold(1e-6) > tail.threshold(1e-5)


def test_a_shape_of_almost_nothing_is_the_exponential() -> None:
    assert Tail(0.5, 1e-3, 0.05, 1e-8).threshold(1e-5) == pytest.approx(0.5 + 0.05 * math.log(100), rel=1e-6)


def test_a_normal_tail_is_foretold_two_decades_further() -> None:
    """Scores of a normal distribution: from the share 1e-3 on, the 1e-5 point comes out right within its spread."""
    scores = np.sort(np.random.default_rng(2).normal(size=1_000_000))
    start = scores[-1000]
    tail = fit_tail(start, 1e-3, scores[-1000:])
    assert tail.threshold(1e-5) == pytest.approx(4.265, abs=0.15)


def test_a_bounded_tail_ends() -> None:
    tail = Tail(0.5, 1e-3, 0.05, -0.5)
    assert tail.fmr(0.6) == pytest.approx(0, abs=1e-12) and tail.fmr(0.9) == 0


@pytest.mark.parametrize("above", [np.full(9, 0.6), np.full(20, 0.5)])
def test_too_little_to_fit_is_refused(above: np.ndarray) -> None:
    with pytest.raises(InvalidInput):
        fit_tail(0.5, 1e-3, above)


def test_a_tail_says_nothing_of_what_lies_before_it() -> None:
    tail = Tail(0.5, 1e-3, 0.05, -0.1)
    for ask in (lambda: tail.fmr(0.4), lambda: tail.threshold(1e-2), lambda: tail.threshold(0.0)):
        with pytest.raises(InvalidInput):
            ask()
