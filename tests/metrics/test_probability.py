"""The chance that goes with a similarity, against scikit-learn and against what happens.

The made-up scores are normal with one spread: the log odds are then a straight line, as the fitted curve has it.
"""

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from facerec.errors import InvalidInput
from facerec.metrics.probability import Probability, fit_logistic

GENUINE, IMPOSTOR = (np.random.default_rng(seed).normal(mean, spread, 4000) for seed, mean, spread in
                     ((0, 0.5, 0.18), (1, 0.05, 0.18)))  # fmt: skip


def fitted(genuine: np.ndarray, impostor: np.ndarray) -> tuple[float, float]:
    scores = np.concatenate([genuine, impostor])
    is_genuine = np.arange(len(scores)) < len(genuine)
    return fit_logistic(scores, is_genuine.astype(float), (~is_genuine).astype(float))


def test_agrees_with_scikit_learn() -> None:
    genuine = GENUINE[:500]  # unequal numbers: both kinds must count the same in sum
    slope, intercept = fitted(genuine, IMPOSTOR)
    scores = np.concatenate([genuine, IMPOSTOR])[:, None]
    reference = LogisticRegression(C=1e9, class_weight="balanced", tol=1e-10, max_iter=1000)
    reference.fit(scores, np.arange(len(scores)) < len(genuine))
    assert slope == pytest.approx(reference.coef_[0, 0], rel=1e-3)
    assert intercept == pytest.approx(reference.intercept_[0], rel=1e-3)


def test_what_is_said_to_be_probable_happens_as_often() -> None:
    chance = Probability(*fitted(GENUINE[::2], IMPOSTOR[::2]), most=0.999, missed=0.0, subjects=100)
    stated = chance(np.concatenate([GENUINE[1::2], IMPOSTOR[1::2]]))
    happened = np.arange(len(stated)) < len(GENUINE[1::2])
    for low, high in ((0.1, 0.3), (0.3, 0.7), (0.7, 0.9)):
        inside = (stated >= low) & (stated < high)
        assert inside.sum() > 20 and happened[inside].mean() == pytest.approx(stated[inside].mean(), abs=0.07)


def test_it_is_even_where_it_says_so_rises_and_stays_within_what_the_data_show() -> None:
    chance = Probability(20.0, -6.0, most=0.99, missed=0.02, subjects=100)
    assert chance.even == pytest.approx(0.3) and float(chance(0.3)) == pytest.approx(0.5)
    values = chance(np.linspace(-1, 1, 201))
    assert (np.diff(values) >= 0).all()
    assert values[0] == pytest.approx(0.01) and values[-1] == 0.99


def test_it_survives_its_card() -> None:
    chance = Probability(20.0, -6.0, most=0.99, missed=0.02, subjects=100)
    assert Probability.of(chance.as_dict()) == chance
    for broken in ({}, {"schema": 1}, chance.as_dict() | {"schema": 2}, chance.as_dict() | {"slope": -1.0}):
        with pytest.raises(InvalidInput):
            Probability.of(broken)


def test_people_who_never_overlap_give_no_probability() -> None:
    with pytest.raises(InvalidInput, match="overlap"):
        fitted(np.array([0.8, 0.9]), np.array([0.1, 0.2]))
    with pytest.raises(InvalidInput, match="genuine"):
        fit_logistic(np.array([0.1]), np.array([0.0]), np.array([1.0]))
