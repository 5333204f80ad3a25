"""1:1 error rates: by hand, and against scikit-learn."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import det_curve, roc_auc_score, roc_curve

from facerec.errors import InvalidInput
from facerec.metrics import verification as v

GENUINE = np.array([0.9, 0.8, 0.8, 0.3], np.float32)
IMPOSTOR = np.array([0.8, 0.4, 0.2, 0.1, -0.5], np.float32)

scores = st.lists(st.integers(-20, 20), min_size=1, max_size=60).map(lambda ints: np.array(ints, np.float64) / 20)


@pytest.mark.parametrize(
    "threshold, fmr, fnmr, right",
    [
        (-1.0, 1.0, 0.0, 4),  # everything is accepted
        (0.8, 0.2, 0.25, 7),  # a tie with the threshold is a match
        (0.81, 0.0, 0.75, 6),
        (1.0, 0.0, 1.0, 5),  # nothing is
    ],
)
def test_rates_at_a_threshold(threshold: float, fmr: float, fnmr: float, right: int) -> None:
    threshold = float(np.float32(threshold))
    assert v.fmr(IMPOSTOR, threshold) == fmr
    assert v.fnmr(GENUINE, threshold) == fnmr
    assert v.accuracy(GENUINE, IMPOSTOR, threshold) == right / 9


def test_a_threshold_between_two_float32_values_is_not_rounded_to_one() -> None:
    score = np.float32(0.1)
    just_above = math.nextafter(float(score), 1)
    assert score >= just_above  # numpy compares in float32, and is wrong by that
    assert v.fmr(np.array([score]), just_above) == 0
    assert v.fnmr(np.array([score]), just_above) == 1


def random_scores(rng: np.random.Generator, ties: bool) -> tuple[np.ndarray, np.ndarray]:
    genuine, impostor = rng.normal(1, 1, 400), rng.normal(-1, 1, 700)
    return (genuine.round(1), impostor.round(1)) if ties else (genuine, impostor)


@pytest.mark.parametrize("ties", [False, True])
def test_det_auc_and_tar_agree_with_scikit_learn(ties: bool) -> None:
    genuine, impostor = random_scores(np.random.default_rng(1), ties)
    labels = np.repeat([1, 0], [len(genuine), len(impostor)])
    far, tar, thresholds = roc_curve(labels, np.concatenate([genuine, impostor]), drop_intermediate=False)
    curve = v.det(genuine, impostor)
    assert np.array_equal(curve.thresholds, thresholds[::-1])
    assert np.allclose(curve.fmr, far[::-1], atol=1e-12)
    assert np.allclose(1 - curve.fnmr, tar[::-1], atol=1e-12)
    assert v.auc(genuine, impostor) == pytest.approx(
        roc_auc_score(labels, np.concatenate([genuine, impostor])), abs=1e-12
    )
    for target in (0.005, 0.01, 0.1, 0.5):
        assert v.tar_at_fmr(genuine, impostor, target) == pytest.approx(tar[far <= target].max(), abs=1e-12)


@pytest.mark.parametrize("ties", [False, True])
def test_det_agrees_with_scikit_learns_own(ties: bool) -> None:
    """Which leaves out the ends of the curve where only one of the two rates changes."""
    genuine, impostor = random_scores(np.random.default_rng(3), ties)
    labels = np.repeat([1, 0], [len(genuine), len(impostor)])
    fmrs, fnmrs, thresholds = det_curve(labels, np.concatenate([genuine, impostor]))
    finite = np.isfinite(thresholds)
    curve = v.det(genuine, impostor)
    rows = np.searchsorted(curve.thresholds, thresholds[finite])
    assert finite.sum() > 20
    assert np.array_equal(curve.thresholds[rows], thresholds[finite])
    assert np.allclose(curve.fmr[rows], fmrs[finite], atol=1e-12)
    assert np.allclose(curve.fnmr[rows], fnmrs[finite], atol=1e-12)


@pytest.mark.parametrize("ties", [False, True])
def test_eer_is_where_the_straight_lines_of_scikit_learns_roc_cross_the_diagonal(ties: bool) -> None:
    from scipy.optimize import brentq

    genuine, impostor = random_scores(np.random.default_rng(2), ties)
    labels = np.repeat([1, 0], [len(genuine), len(impostor)])
    far, tar, _ = roc_curve(labels, np.concatenate([genuine, impostor]))
    expected = brentq(lambda x: 1 - x - np.interp(x, far, tar), 0, 1)
    assert v.eer(genuine, impostor) == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize(
    "genuine, impostor, expected",
    [
        ([1.0, 2.0], [-1.0, 0.0], 0.0),  # apart
        ([-1.0, 0.0], [1.0, 2.0], 1.0),  # the wrong way round
        ([0.5], [0.5], 0.5),  # one tie
        ([0.0, 1.0], [0.0, 1.0], 0.5),  # the same scores
    ],
)
def test_eer_of_cases_one_can_see(genuine: list[float], impostor: list[float], expected: float) -> None:
    assert v.eer(np.array(genuine), np.array(impostor)) == pytest.approx(expected)


@given(genuine=scores, impostor=scores)
def test_turning_all_scores_round_mirrors_the_auc_and_keeps_the_eer(genuine: np.ndarray, impostor: np.ndarray) -> None:
    assert v.auc(-genuine, -impostor) == pytest.approx(1 - v.auc(genuine, impostor))
    assert v.eer(-impostor, -genuine) == pytest.approx(v.eer(genuine, impostor))


@given(impostor=scores, target=st.floats(0.001, 0.999))
def test_threshold_at_fmr_is_the_lowest_that_keeps_it(impostor: np.ndarray, target: float) -> None:
    for dtype in (np.float32, np.float64):
        typed = impostor.astype(dtype)
        threshold = v.threshold_at_fmr(typed, target, even_unsupported=True)
        lower = float(np.nextafter(dtype(threshold), dtype(-np.inf)))
        assert v.fmr(typed, threshold) <= target < v.fmr(typed, lower)
        assert (typed >= dtype(threshold)).mean() == v.fmr(typed, threshold)  # also compared in their own dtype


@given(genuine=scores, impostor=scores)
def test_no_threshold_is_more_accurate_than_the_best(genuine: np.ndarray, impostor: np.ndarray) -> None:
    best = v.accuracy(genuine, impostor, v.best_threshold(genuine, impostor))
    tried = [*genuine, *impostor, 2.0]
    assert best == pytest.approx(max(v.accuracy(genuine, impostor, t) for t in tried))


def test_best_threshold_lies_half_way_between_the_scores() -> None:
    assert v.best_threshold(np.array([0.8, 0.6]), np.array([0.2, 0.1])) == pytest.approx(0.4)


@pytest.mark.parametrize(
    "rate, trials, allowed",
    [
        (0.29, 100, 29),
        (0.1, 30, 3),
        (0.7, 10, 7),
        (0.001, 3000, 3),
        (0.001, 2999, 2),
        (0.5, 1, 0),
    ],
)
def test_allowed_errors_do_not_lose_one_to_rounding(rate: float, trials: int, allowed: int) -> None:
    assert v.allowed_errors(rate, trials) == allowed
    assert allowed / trials <= rate < (allowed + 1) / trials


def test_a_rate_that_the_scores_cannot_show_is_refused_with_what_it_would_take() -> None:
    with pytest.raises(InvalidInput, match=r"2999 .* that takes 3000 of them, .* 78 subjects"):
        v.threshold_at_fmr(np.linspace(-1, 1, 2999), 1e-3)
    assert v.threshold_at_fmr(np.linspace(-1, 1, 3000), 1e-3) < 1


def test_asked_for_all_the_same_it_lies_just_above_the_highest_score() -> None:
    impostor = np.array([0.1, 0.7], np.float32)
    threshold = v.threshold_at_fmr(impostor, 1e-6, even_unsupported=True)
    assert threshold == float(np.nextafter(np.float32(0.7), np.float32(1)))


def test_comparisons_that_were_not_made_are_never_accepted() -> None:
    genuine = np.array([0.9, -np.inf])
    assert v.fnmr(genuine, -1.0) == 0.5
    assert v.tar_at_fmr(genuine, np.linspace(-1, 0, 30), 0.1) == 0.5
    assert v.auc(genuine, np.array([0.0])) == 0.5


@pytest.mark.parametrize("bad", [[], [np.nan], [np.inf], [[0.1, 0.2]]])
def test_scores_that_are_none_are_refused(bad: list[float]) -> None:
    for measure in (v.auc, v.eer, v.det, v.best_threshold):
        with pytest.raises(InvalidInput):
            measure(np.array(bad), IMPOSTOR)
        with pytest.raises(InvalidInput):
            measure(GENUINE, np.array(bad))


@pytest.mark.parametrize("rate", [0.0, 1.0, -0.1, 1.5, math.nan])
def test_a_target_outside_0_to_1_is_refused(rate: float) -> None:
    with pytest.raises(InvalidInput):
        v.threshold_at_fmr(IMPOSTOR, rate, even_unsupported=True)
