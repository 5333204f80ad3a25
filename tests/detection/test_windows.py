"""Sliding windows: one crop after the other and all at once give the same numbers."""

import numpy as np
import pytest
import torch

from facerec.cnn.dense_to_conv import fully_convolutional
from facerec.cnn.networks.lenet import LeNet5Modern
from facerec.detection.windows import best_windows, slide_at_once, slide_plainly, window_boxes
from facerec.errors import InvalidInput


@pytest.mark.parametrize("size", [(32, 32), (48, 61), (90, 33)])
def test_both_ways_agree_to_one_in_a_hundred_thousand(size: tuple[int, int]) -> None:
    torch.manual_seed(0)
    net, picture = LeNet5Modern().eval(), torch.randn(1, *size)
    plain = slide_plainly(net, picture, side=32, stride=4, batch=7)
    at_once = slide_at_once(fully_convolutional(net, 16, 5, 5), picture)
    assert plain.shape == at_once.shape
    assert (plain - at_once).abs().max() < 1e-5
    assert plain[0].numel() == len(window_boxes(*size, side=32, stride=4))


def test_a_picture_smaller_than_a_window_holds_none() -> None:
    assert window_boxes(10, 40, side=16, stride=4).shape == (0, 4)
    with pytest.raises(InvalidInput, match="16x16"):
        slide_plainly(torch.nn.Identity(), torch.zeros(1, 10, 40), side=16, stride=4)


def test_the_best_windows_stand_where_the_map_says() -> None:
    logits = torch.zeros(3, 2, 4)  # two classes and the background
    logits[2] = 5
    logits[1, 1, 2] = 20
    boxes, scores, labels = best_windows(logits, side=8, stride=4, floor=0.5)
    np.testing.assert_array_equal(boxes, [[8, 4, 16, 12]])
    assert labels.tolist() == [1] and scores[0] > 0.99
    assert len(best_windows(logits[:, :1], side=8, stride=4, floor=0.5)[0]) == 0
