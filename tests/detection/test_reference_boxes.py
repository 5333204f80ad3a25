"""Anchors and default boxes, counted by hand and as the slow loop has them."""

import pytest
import torch

from facerec.detection.reference_boxes import around_cells, default_sizes, octaves, shapes


def test_boxes_stand_around_the_middle_of_their_cell_in_the_order_of_the_map() -> None:
    boxes = around_cells(2, 3, 8, shapes([4, 6], [1]))
    slow = [
        [8 * x + 4 - s / 2, 8 * y + 4 - s / 2, 8 * x + 4 + s / 2, 8 * y + 4 + s / 2]
        for y in range(2)
        for x in range(3)
        for s in (4, 6)
    ]
    assert boxes.tolist() == slow


def test_a_shape_keeps_the_area_and_has_the_ratio() -> None:
    sizes = shapes([32, 64], [0.5, 1, 2])
    torch.testing.assert_close(sizes.prod(dim=1), torch.tensor([32.0**2] * 3 + [64.0**2] * 3))
    torch.testing.assert_close(sizes[:, 1] / sizes[:, 0], torch.tensor([0.5, 1, 2] * 2))
    assert octaves(64)[0] == 64 and octaves(64)[1] == pytest.approx(64 * 2 ** (1 / 3))


def test_ssd_s_sizes_of_one_map() -> None:
    sizes = default_sizes(60, 111, (2, 3))
    assert len(sizes) == 6
    assert sizes[1, 0] == pytest.approx((60 * 111) ** 0.5)
    assert (sizes[2] / sizes[2].flip(0)).tolist() == pytest.approx([2, 0.5])
    assert (sizes[5, 1] / sizes[5, 0]).item() == pytest.approx(3)
