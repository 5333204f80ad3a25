"""The learning rate over a run."""

from __future__ import annotations

import math

import numpy as np
import pytest

from facerec.learning.schedules import warm_cosine


@pytest.mark.parametrize("progress, expected", [
    (0, 0),
    (0.05, 0.5),  # half way up
    (0.1, 1),
    (0.325, (1 + math.sqrt(0.5)) / 2),  # a quarter of the way down the cosine
    (0.55, 0.5),
    (1, 0),
])  # fmt: skip
def test_warm_cosine_at_points_computed_by_hand(progress: float, expected: float) -> None:
    assert warm_cosine(progress, warmup=0.1) == pytest.approx(expected, abs=1e-12)


def test_it_rises_to_one_and_then_only_falls() -> None:
    factors = np.array([warm_cosine(p, 0.03) for p in np.linspace(0, 1, 1001)])
    peak = factors.argmax()
    assert factors.max() == pytest.approx(1) and peak == 30
    assert (np.diff(factors[: peak + 1]) > 0).all() and (np.diff(factors[peak:]) < 0).all()


def test_without_warmup_it_starts_at_one() -> None:
    assert warm_cosine(0, warmup=0) == 1
