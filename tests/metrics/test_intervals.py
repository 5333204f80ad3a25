"""Exact binomial intervals against scipy, and the rule of three against the table that people know it by."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from facerec.errors import InvalidInput
from facerec.metrics.beta import beta_cdf, beta_quantile, student_quantile
from facerec.metrics.intervals import Interval, Rate, clopper_pearson, rule_of_three, subjects_needed


@pytest.mark.parametrize(
    "events, trials",
    [
        (0, 1),
        (1, 1),
        (0, 3000),
        (3000, 3000),
        (1, 10),
        (37, 1500),
        (1499, 1500),
        (53, 5_287_572),
        (52_875, 5_287_572),
    ],
)
@pytest.mark.parametrize("level", [0.9, 0.95, 0.99])
def test_clopper_pearson_agrees_with_scipy(events: int, trials: int, level: float) -> None:
    ours = clopper_pearson(events, trials, level)
    theirs = stats.binomtest(events, trials).proportion_ci(level, method="exact")
    assert ours.as_list() == pytest.approx([theirs.low, theirs.high], rel=1e-6, abs=1e-15)


@given(x=st.floats(0, 1), a=st.floats(0.1, 500), b=st.floats(0.1, 500))
def test_beta_cdf_agrees_with_scipy(x: float, a: float, b: float) -> None:
    assert beta_cdf(x, a, b) == pytest.approx(stats.beta.cdf(x, a, b), abs=1e-10)


@given(share=st.floats(0.001, 0.999), a=st.floats(0.5, 500), b=st.floats(0.5, 500))
def test_beta_quantile_is_the_inverse_of_its_cdf(share: float, a: float, b: float) -> None:
    x = beta_quantile(share, a, b)  # to 13 digits: near 1 the cdf of a small b is steep, and a digit of x many of it
    below, above = (beta_cdf(min(x * (1 + part), 1.0), a, b) for part in (-2e-13, 2e-13))
    assert below - 1e-9 <= share <= above + 1e-9


@pytest.mark.parametrize("share", [0.9, 0.975, 0.995])
@pytest.mark.parametrize("freedom", [1.0, 2.5, 17.0, 1e4])
def test_student_quantile_agrees_with_scipy(share: float, freedom: float) -> None:
    assert student_quantile(share, freedom) == pytest.approx(stats.t.ppf(share, freedom), rel=1e-6)


def test_student_quantile_is_of_the_upper_half() -> None:
    with pytest.raises(InvalidInput):
        student_quantile(0.3, 5)


def test_the_exact_interval_holds_the_truth_at_least_as_often_as_it_says() -> None:
    draws = np.random.default_rng(0).binomial(200, 0.03, size=2000)
    held = sum(0.03 in clopper_pearson(int(events), 200) for events in draws)
    assert held / 2000 >= 0.95


def test_the_rule_of_three_is_the_one_sided_exact_bound_without_an_error() -> None:
    for trials in (100, 3000, 10**6):
        assert rule_of_three(trials) == pytest.approx(clopper_pearson(0, trials, level=0.90).high, rel=0.02)


@pytest.mark.parametrize("rate, subjects", [(1e-3, 78), (1e-4, 246), (1e-5, 776), (1e-7, 7747)])
def test_subjects_needed_are_the_fewest_whose_pairs_suffice(rate: float, subjects: int) -> None:
    assert subjects_needed(rate) == subjects
    assert rule_of_three(math.comb(subjects, 2)) <= rate < rule_of_three(math.comb(subjects - 1, 2))


@pytest.mark.parametrize("events, trials", [(-1, 5), (6, 5), (0, 0)])
def test_what_is_no_rate_is_refused(events: int, trials: int) -> None:
    with pytest.raises(InvalidInput):
        clopper_pearson(events, trials)


def test_covering_holds_both() -> None:
    assert Interval(0.1, 0.2).covering(Interval(0.15, 0.3)) == Interval(0.1, 0.3)


def test_a_rate_prints_its_counts() -> None:
    assert Rate(1, 4, Interval(0.0, 0.8)).as_dict() == {
        "share": 0.25,
        "events": 1,
        "trials": 4,
        "interval": [0.0, 0.8],
        "interval_level": 0.95,
        "few_errors": True,
        "at_most": None,
    }


def test_few_of_the_rarer_outcome_are_flagged_whichever_it_is() -> None:
    def rate(events: int, trials: int) -> Rate:
        return Rate(events, trials, clopper_pearson(events, trials))

    assert [rate(events, 1000).has_few_errors for events in (0, 29, 30, 970, 971)] == [True, True, False, False, True]
    assert rate(0, 3000).at_most == 1e-3 and rate(1, 3000).at_most is None
    assert rate(0, 2).at_most == 1.0  # two trials exclude nothing
    assert rate(29, 1000).as_dict()["few_errors"]
