"""Measures of labelled pixels, equal to scikit-learn's."""

from __future__ import annotations

import numpy as np
import pytest

from facerec.errors import InvalidInput
from facerec.metrics.segmentation import PixelAgreement, confusion, median_frequency

rng = np.random.default_rng(0)
TRUTH = rng.integers(0, 5, (3, 20, 30))
GUESS = np.where(rng.random(TRUTH.shape) < 0.6, TRUTH, rng.integers(0, 5, TRUTH.shape))
HOLED = np.where(rng.random(TRUTH.shape) < 0.1, 255, TRUTH)
COUNTED = HOLED != 255


def agreement() -> PixelAgreement:
    return PixelAgreement.of(zip(HOLED, GUESS, strict=True), 5)


def test_equal_to_scikit_learn() -> None:
    from sklearn import metrics

    truth, guess = TRUTH[COUNTED], GUESS[COUNTED]
    found = agreement()
    assert (found.confusion == metrics.confusion_matrix(truth, guess)).all()
    assert found.accuracy == pytest.approx(metrics.accuracy_score(truth, guess))
    assert found.mean_accuracy == pytest.approx(metrics.balanced_accuracy_score(truth, guess))
    np.testing.assert_allclose(found.ious, metrics.jaccard_score(truth, guess, average=None))
    assert found.mean_iou == pytest.approx(metrics.jaccard_score(truth, guess, average="macro"))
    np.testing.assert_allclose(found.dices, metrics.f1_score(truth, guess, average=None))


def test_by_hand() -> None:
    found = PixelAgreement(np.array([[3, 1, 0], [0, 2, 0], [0, 0, 0]]))
    assert found.pixels == 6 and found.accuracy == 5 / 6
    assert found.ious.tolist()[:2] == [3 / 4, 2 / 3] and np.isnan(found.ious[2])
    assert found.mean_iou == pytest.approx((3 / 4 + 2 / 3) / 2)
    assert found.mean_accuracy == pytest.approx((3 / 4 + 1) / 2)


def test_nothing_counted_is_no_number() -> None:
    found = PixelAgreement.of([(np.full((2, 2), 255), np.zeros((2, 2), int))], 2)
    assert found.pixels == 0 and np.isnan(found.accuracy) and np.isnan(found.mean_iou)


def test_sums_over_pictures_are_not_means_of_pictures() -> None:
    pairs = [(np.array([0, 0, 0, 1]), np.array([0, 0, 0, 1])), (np.array([1]), np.array([0]))]
    assert PixelAgreement.of(pairs, 2).ious.tolist() == [3 / 4, 1 / 2]


def test_a_label_of_no_class_is_an_error() -> None:
    with pytest.raises(InvalidInput, match="0 to 1"):
        confusion(np.array([0, 2]), np.array([0, 1]), 2)
    with pytest.raises(InvalidInput, match="cannot be compared"):
        confusion(np.zeros(2), np.zeros(3), 2)


def test_median_frequency_counts_only_masks_in_which_a_class_occurs() -> None:
    masks = [np.array([0, 0, 0, 1]), np.array([0, 0, 2, 2]), np.array([0, 255, 255, 0])]
    frequencies = [(3 + 2 + 2) / 10, 1 / 4, 2 / 4]
    np.testing.assert_allclose(median_frequency(masks, 4), [0.5 / frequencies[0], 2.0, 1.0, 0.0])
