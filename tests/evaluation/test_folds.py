"""LFW's accuracy: by hand, and against trying every threshold on every fold."""

import numpy as np
import pytest

from facerec.errors import InvalidInput
from facerec.evaluation.folds import lfw_accuracy


def scores_of(rng: np.random.Generator, folds: int, each: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    same = np.tile(np.repeat([True, False], each), folds)
    return rng.normal(0.5 * same, 0.25).astype(np.float32), same, np.repeat(np.arange(folds), 2 * each)


@pytest.mark.parametrize("folds", [2, 5, 10])
def test_accuracy_agrees_with_trying_every_threshold(folds: int) -> None:
    scores, same, fold = scores_of(np.random.default_rng(folds), folds, 40)
    ours = lfw_accuracy(scores, same, fold)
    for number in range(folds):
        inside, others = fold == number, fold != number
        tried = {t: np.mean((scores[others] >= t) == same[others]) for t in scores[others]}
        threshold = ours.thresholds[number]
        assert np.mean((scores[others] >= threshold) == same[others]) == max(tried.values())
        assert ours.accuracies[number] == np.mean((scores[inside] >= threshold) == same[inside])
    assert ours.mean == pytest.approx(ours.right.mean())
    assert ours.std == pytest.approx(np.std(ours.accuracies, ddof=1))
    assert ours.standard_error == pytest.approx(ours.std / folds**0.5)


def test_a_folds_own_scores_do_not_choose_its_threshold() -> None:
    """Fold 0 would be all right at 0.6; the others ask for 0.1, where both its impostors pass."""
    scores = np.array([0.7, 0.8, 0.5, 0.4, 0.2, 0.3, 0.0, -0.1, 0.2, 0.3, 0.0, -0.2])
    same = np.array([True, True, False, False] * 3)
    result = lfw_accuracy(scores, same, np.repeat([0, 1, 2], 4))
    assert result.accuracies[0] == 0.5
    assert result.thresholds[0] == pytest.approx(0.1)


def test_a_pair_without_a_comparison_is_wrong_whatever_it_is() -> None:
    scores, same, fold = scores_of(np.random.default_rng(1), 5, 40)
    scores = scores + 10.0 * same  # all are right, at any threshold chosen
    made = np.ones(len(scores), bool)
    made[[0, 1, 60]] = False  # two genuine pairs and one impostor pair of the first fold
    scores[[0, 60]] = np.nan  # nobody looks
    result = lfw_accuracy(scores, same, fold, made)
    assert result.accuracies == (77 / 80, 1.0, 1.0, 1.0, 1.0)
    assert np.array_equal(result.right, made)


def test_what_has_no_other_fold_is_refused() -> None:
    scores, same, fold = scores_of(np.random.default_rng(2), 2, 5)
    with pytest.raises(InvalidInput, match="two folds"):
        lfw_accuracy(scores[:10], same[:10], fold[:10])
    with pytest.raises(InvalidInput):
        lfw_accuracy(scores, same, fold, made=fold == 0)  # nothing to choose fold 0's threshold on
    with pytest.raises(InvalidInput):
        lfw_accuracy(scores[:-1], same, fold)
