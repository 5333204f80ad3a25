"""Fitting a head to embeddings as they are: which pairs, and that it is the logistic regression it says it is."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score

from facerec.errors import InvalidInput
from facerec.learning import fitting
from facerec.learning.fitting import chosen_stranger, fit_binary, genuine_pairs, impostor_pairs
from facerec.metrics.differences import DIFFERENCES
from facerec.records import Float32, Int64, unit


def people(seed: int, telling: int = 128, spread: float = 0.7) -> tuple[Float32, Int64]:
    """60 subjects with 4 rows each; only the first numbers tell them apart, the others are noise."""
    rng = np.random.default_rng(seed)
    subjects = np.repeat(np.arange(60), 4)
    rows = rng.normal(size=(60, 128))[subjects] + spread * rng.normal(size=(240, 128))
    rows[:, telling:] = 1.2 * rng.normal(size=(240, 128 - telling))
    return unit(rows), subjects


def test_genuine_pairs_are_all_pairs_of_a_subject_up_to_the_most() -> None:
    subjects = np.array([5, 7, 5, 7, 7, 9, 5])
    found = {tuple(pair) for pair in genuine_pairs(subjects, np.random.default_rng(0)).tolist()}
    assert found == {(0, 2), (0, 6), (2, 6), (1, 3), (1, 4), (3, 4)}
    few = genuine_pairs(subjects, np.random.default_rng(0), most=2)
    assert len(few) == 4 and {tuple(pair) for pair in few.tolist()} < found
    assert genuine_pairs(np.arange(4), np.random.default_rng(0)).shape == (0, 2)


def test_a_stranger_is_one_of_the_candidates_each_as_likely_as_the_other() -> None:
    subjects = np.array([0, 0, 1, 2])
    candidates = np.tile([0, 1, 2, 3], (4, 1))
    drawn = np.concatenate([chosen_stranger(candidates, subjects, np.random.default_rng(k)) for k in range(600)])
    assert (subjects[drawn[:, 0]] != subjects[drawn[:, 1]]).all() and len(drawn) == 2400
    assert np.bincount(drawn[drawn[:, 0] == 0][:, 1]).tolist()[2:] == pytest.approx([300, 300], abs=50)
    assert len(chosen_stranger(candidates[:, :2], subjects, np.random.default_rng(0))) == 2  # two see only themselves


def test_impostors_are_near_ones() -> None:
    rows, subjects = people(1)
    found = impostor_pairs(rows, subjects, np.random.default_rng(0), nearest=16)
    assert (subjects[found[:, 0]] != subjects[found[:, 1]]).all() and len(found) > 900
    cosines = rows @ rows.T
    rank = (cosines[found[:, 0]] > cosines[found[:, 0], found[:, 1]][:, None]).sum(axis=1)
    assert rank.max() <= 16 and len({tuple(pair) for pair in found.tolist()}) > 700


@pytest.mark.parametrize("difference", DIFFERENCES)
def test_the_fit_is_scikit_learns_where_nothing_holds_the_weights(difference: str, monkeypatch) -> None:
    rows, subjects = people(2, spread=2.0)  # too noisy to be told apart, or the weights would grow for ever
    monkeypatch.setattr(fitting, "EVEN", 0.0)
    monkeypatch.setattr(fitting, "STEPS", 500)
    fitted = fit_binary(rows, subjects, difference, np.random.default_rng(3))
    rng = np.random.default_rng(3)
    genuine, impostor = genuine_pairs(subjects, rng), impostor_pairs(rows, subjects, rng)
    assert (fitted.genuine, fitted.impostor) == (len(genuine), len(impostor)) == (360, len(impostor))
    first, second = np.concatenate([genuine, impostor]).T
    features = DIFFERENCES[difference](rows[first], rows[second]).astype(np.float64)
    same = np.arange(len(first)) < len(genuine)
    theirs = LogisticRegression(C=1e9, class_weight="balanced", max_iter=5000, tol=1e-8).fit(features * 10, same)
    with torch.no_grad():
        ours = fitted.head(torch.from_numpy(rows[first]), torch.from_numpy(rows[second])).numpy()
    expected = theirs.decision_function(features * 10)

    def loss(scores: np.ndarray) -> float:
        wrong = np.logaddexp(0, np.where(same, -scores, scores))
        return float(wrong[same].mean() + wrong[~same].mean()) / 2

    assert loss(ours) == pytest.approx(loss(expected), abs=2e-3)
    assert np.corrcoef(ours, expected)[0, 1] > 0.99


def test_a_fitted_head_finds_what_tells_people_apart_and_holds_on_others() -> None:
    (rows, subjects), (others, names) = people(4, telling=32), people(5, telling=32)
    head = fit_binary(rows, subjects, "squared_euclidean", np.random.default_rng(0)).head
    first, second = np.triu_indices(len(others), 1)
    with torch.no_grad():
        scores = head(torch.from_numpy(others[first]), torch.from_numpy(others[second])).numpy()
    same = names[first] == names[second]
    cosine = (others @ others.T)[first, second]
    assert roc_auc_score(same, scores) > roc_auc_score(same, cosine) + 0.01


def test_a_head_needs_pairs_of_both_kinds() -> None:
    rows, _ = people(6)
    for subjects in (np.zeros(240, np.int64), np.arange(240)):
        with pytest.raises(InvalidInput, match="two subjects, one of them with two crops"):
            fit_binary(rows, subjects, "manhattan", np.random.default_rng(0))
