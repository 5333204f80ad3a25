"""Inequity by hand."""

import pytest

from facerec.errors import InvalidInput
from facerec.metrics.inequity import inequity


@pytest.mark.parametrize(
    "rates, expected",
    [
        ([0.02, 0.02, 0.02], 1.0),
        ([0.01, 0.02, 0.04], 2.0),  # geometric mean 0.02
        ([0.001, 1.0], 1000**0.5),
    ],
)
def test_the_largest_over_the_geometric_mean(rates: list[float], expected: float) -> None:
    assert inequity(rates) == pytest.approx(expected)
    assert inequity([rate / 7 for rate in rates]) == pytest.approx(expected)  # the unit does not matter


@pytest.mark.parametrize("rates", [[], [0.1], [0.1, 0.0]])
def test_nothing_to_compare_is_refused(rates: list[float]) -> None:
    with pytest.raises(InvalidInput):
        inequity(rates)
