"""Rates of whole attempts: counted on a list of attempts, and by the formula."""

import pytest

from facerec.metrics.transactions import far, frr, gfar, gfrr


def test_rates_of_attempts_agree_with_counting_them() -> None:
    """Genuine: 10 of 100 have no face, 9 of the rest are refused. Impostors: 20 of 200 have no face, 18 pass."""
    assert frr(fnmr=9 / 90, fta=10 / 100) == pytest.approx(19 / 100)
    assert far(fmr=18 / 180, fta=20 / 200) == pytest.approx(18 / 200)


def test_failed_enrollments_are_refusals_too() -> None:
    """5 of 100 cannot enroll; of the other 95 a fifth shows no face, and a quarter of the rest is refused."""
    assert gfrr(fnmr=0.25, fta=0.2, fte=0.05) == pytest.approx((5 + 95 * (0.2 + 0.8 * 0.25)) / 100)
    assert gfar(fmr=0.1, fta=0.2, fte=0.05) == pytest.approx(0.1 * 0.8 * 0.95)


def test_without_failures_they_are_the_rates_of_comparisons() -> None:
    assert far(0.01, 0) == gfar(0.01, 0, 0) == 0.01
    assert frr(0.02, 0) == gfrr(0.02, 0, 0) == 0.02
