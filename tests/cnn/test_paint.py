"""Numbers as pictures, by hand."""

import numpy as np
import pytest

from facerec.cnn.paint import enlarged, framed, heat, levels, sheet, signed
from facerec.errors import InvalidInput


def channel(image: np.ndarray) -> list[list[int]]:
    assert image.dtype == np.uint8
    return image[..., 0].tolist()


def test_levels_reach_from_black_to_white() -> None:
    assert channel(levels(np.array([[-1.0, 0.0, 1.0]]))) == [[0, 128, 255]]
    assert channel(levels(np.array([[3.0, 3.0]]))) == [[0, 0]]


def test_zero_stays_mid_grey() -> None:
    assert channel(signed(np.array([[-4.0, 0.0, 1.0]]))) == [[0, 128, 159]]
    assert channel(signed(np.zeros((1, 2)))) == [[128, 128]]


def test_colours_pass_through() -> None:
    assert signed(np.array([[[1.0, 0.0, -1.0]]])).tolist() == [[[255, 128, 0]]]


def test_heat() -> None:
    assert heat(np.array([[0, 1 / 3, 2 / 3, 1]])).tolist() == [[[0, 0, 0], [255, 0, 0], [255, 255, 0], [255] * 3]]


def test_pictures_side_by_side_with_frames() -> None:
    tile = enlarged(np.zeros((1, 2, 3), np.uint8), 3)
    assert tile.shape == (3, 6, 3)
    assert framed(tile, 1).shape == (5, 8, 3)
    assert sheet([tile] * 3, columns=2).shape == (2 * 7, 2 * 10, 3)
    with pytest.raises(InvalidInput):
        sheet([], columns=2)
