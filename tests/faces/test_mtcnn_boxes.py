"""The cascade's box arithmetic, by hand."""

import numpy as np
import pytest

from facerec.faces.mtcnn_boxes import (
    cell_boxes,
    inside,
    landmarks_in,
    pixels,
    pyramid_scales,
    regressed,
    squared,
    suppressed_by_smaller,
)


def boxes(*rows: tuple[float, ...]) -> np.ndarray:
    return np.array(rows, np.float32).reshape(-1, 4)


@pytest.mark.parametrize(
    "height, width, expected",
    [
        (20, 20, [0.6]),  # one face of 20 pixels just fits
        (19, 500, []),  # none does
        (40, 40, [0.6, 0.3]),
        (500, 39, [0.6]),
    ],
)
def test_the_pyramid_ends_where_a_face_would_fill_the_picture(height, width, expected):
    assert pyramid_scales(height, width, min_face=20, factor=0.5) == pytest.approx(expected)


def test_a_cell_lies_where_the_network_saw_it():
    found = cell_boxes(np.array([0, 3]), np.array([0, 5]), scale=0.5)
    assert found.tolist() == [[2, 2, 24, 24], [22, 14, 44, 36]]


def test_offsets_are_in_units_of_the_box():
    box, offsets = boxes((10, 20, 29, 59)), boxes((0.1, -0.1, 0, 0.5))
    assert regressed(box, offsets, inclusive=True).tolist() == [[12, 16, 29, 79]]
    np.testing.assert_allclose(regressed(box, offsets, inclusive=False), [[11.9, 16.1, 29, 78.5]], rtol=1e-6)


def test_a_square_keeps_its_middle():
    assert squared(boxes((0, 0, 10, 30), (5, 5, 9, 7))).tolist() == [[-10, 0, 20, 30], [5, 4, 9, 8]]


def test_pixels_count_from_one_and_stop_at_the_edge():
    whole = pixels(boxes((-5.9, 1.9, 8.5, 99), (3, 4, 5, 6)), height=20, width=10)
    assert whole.tolist() == [[0, 0, 8, 20], [2, 3, 5, 6]]


def test_a_box_outside_holds_nothing():
    assert inside(boxes((1, 1, 4, 4), (11, 1, 15, 4), (1, -9, 4, -2)), 10, 10).tolist() == [True, False, False]


def test_landmarks_come_as_five_x_then_five_y():
    shares = np.array([[0, 0.25, 0.5, 0.75, 1, 1, 0.75, 0.5, 0.25, 0]], np.float32)
    points = landmarks_in(boxes((11, 21, 50, 60)), shares)
    assert points.tolist() == [[[10, 60], [20, 50], [30, 40], [40, 30], [50, 20]]]


def test_a_box_within_a_better_one_goes_though_their_union_is_large():
    nested = boxes((0, 0, 99, 99), (10, 10, 29, 29), (200, 0, 219, 19))
    assert suppressed_by_smaller(nested, np.array([0.8, 0.7, 0.9], np.float32), 0.7).tolist() == [2, 0]


def test_of_equal_scores_the_later_row_wins():
    twins = boxes((0, 0, 99, 99), (1, 1, 99, 99))
    assert suppressed_by_smaller(twins, np.ones(2, np.float32), 0.7).tolist() == [1]


def test_nothing_in_nothing_out():
    none = boxes()
    assert squared(none).shape == regressed(none, none, True).shape == pixels(none, 9, 9).shape == (0, 4)
    assert landmarks_in(none, np.zeros((0, 10), np.float32)).shape == (0, 5, 2)
    assert suppressed_by_smaller(none, np.zeros(0, np.float32), 0.7).shape == (0,)
