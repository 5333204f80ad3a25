"""From all places to a few detections."""

import numpy as np
import pytest

from facerec.detection.choosing import Choice, choose
from facerec.errors import InvalidInput


def test_the_best_of_each_class_stays():
    boxes = np.array([[0, 0, 10, 10], [0, 0, 10, 9], [30, 30, 40, 40]], np.float32)
    scores = np.array([[0.9, 0.1], [0.8, 0.6], [0.0, 0.3]], np.float32)
    found = choose(boxes, scores, Choice(floor=0.25))
    assert found.labels.tolist() == [0, 1, 1] and found.scores == pytest.approx([0.9, 0.6, 0.3])
    assert len(choose(boxes, scores, Choice(floor=0.25, most=2))) == 2
    assert len(choose(boxes, scores * 0, Choice())) == 0
    assert len(choose(boxes[:0], scores[:0], Choice())) == 0


def test_many_candidates_are_cut_before_they_are_compared():
    rng = np.random.default_rng(0)
    corner = rng.uniform(0, 4000, (3000, 2))
    found = choose(np.concatenate([corner, corner + 3], axis=1), rng.uniform(0.5, 1, (3000, 1)), Choice(0.3, 0.5, 50))
    assert len(found) == 50 and found.scores[-1] > 0.9


@pytest.mark.parametrize("wrong", [{"floor": 2}, {"overlap": -1}, {"most": 0}])
def test_an_impossible_choice(wrong):
    with pytest.raises(InvalidInput):
        Choice(**wrong)
