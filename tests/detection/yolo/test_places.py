"""Where a network with anchors predicts from."""

import numpy as np
import pytest
import torch

from facerec.detection.yolo.places import assign, places, rows_of
from facerec.errors import InvalidInput

ANCHORS = (((10, 10), (20, 20)), ((40, 40), (80, 60)))


def test_the_rows_of_maps_are_the_places():
    where = places((64, 96), (16, 32), ANCHORS)
    assert len(where) == (4 * 6 + 2 * 3) * 2
    maps = []
    for (_, columns, rows, stride), own in zip(where.maps, where.anchors, strict=True):
        column, row = np.meshgrid(np.arange(columns), np.arange(rows))
        told = [np.stack([column, row, np.full_like(row, stride), np.full_like(row, a[0])]) for a in own]
        maps.append(torch.from_numpy(np.concatenate(told)[None].astype(np.float32)))
    rows = rows_of(maps, 2)[0].numpy()
    assert rows == pytest.approx(np.concatenate([where.cell, where.stride, where.anchor[:, :1]], axis=1))


def test_an_object_goes_to_its_cell_and_its_anchor_and_a_second_to_the_next_best():
    where = places((64, 96), (16, 32), ANCHORS)
    boxes = np.array([[40, 20, 49, 30], [40, 20, 50, 31], [0, 0, 96, 64], [95.5, 63.5, 96, 64]], np.float32)
    found = assign(boxes, where)
    assert where.anchor[found].tolist() == [[10, 10], [20, 20], [80, 60], [10, 10]]
    assert where.cell[found].tolist() == [[2, 1], [2, 1], [1, 1], [5, 3]]
    crowd = assign(np.repeat(boxes[:1], 5, axis=0), where)
    assert (crowd[:4] >= 0).all() and len(set(crowd[:4].tolist())) == 4 and crowd[4] == -1


def test_an_input_that_the_strides_do_not_divide():
    with pytest.raises(InvalidInput, match="divide"):
        places((60, 96), (16, 32), ANCHORS)
