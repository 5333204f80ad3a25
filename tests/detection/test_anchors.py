"""Anchors by k-means on 1 - IoU."""

import numpy as np
import pytest

from facerec.detection.anchors import anchors_of, mean_shape_iou, shape_iou
from facerec.errors import InvalidInput
from facerec.geometry import iou


def test_shape_iou_is_the_iou_of_boxes_on_one_centre():
    rng = np.random.default_rng(0)
    a, b = rng.uniform(1, 9, (5, 2)), rng.uniform(1, 9, (4, 2))
    centred = [np.concatenate([-each / 2, each / 2], axis=1) for each in (a, b)]
    assert shape_iou(a, b) == pytest.approx(iou(*centred))


def test_groups_that_lie_apart_are_found():
    rng = np.random.default_rng(1)
    middles = np.array([(10, 10), (40, 12), (30, 60)])
    sizes = np.concatenate([middle * rng.uniform(0.95, 1.05, (30, 2)) for middle in middles])
    found = anchors_of(sizes, 3, rng)
    assert found[np.array([0, 1, 2])] == pytest.approx(middles, rel=0.05)
    assert mean_shape_iou(sizes, found) > 0.93 > mean_shape_iou(sizes, anchors_of(sizes, 1, rng))


def test_each_box_is_its_own_anchor_where_there_are_as_many():
    sizes = np.array([(5, 9), (2, 2), (8, 8)])
    assert anchors_of(sizes, 3, np.random.default_rng(0)).tolist() == [[2, 2], [5, 9], [8, 8]]


@pytest.mark.parametrize("sizes, words", [([(1, 1), (1, 1)], "there are 1"), ([(0, 1), (1, 1)], "above 0")])
def test_what_gives_no_anchors(sizes, words):
    with pytest.raises(InvalidInput, match=words):
        anchors_of(np.array(sizes), 2, np.random.default_rng(0))
