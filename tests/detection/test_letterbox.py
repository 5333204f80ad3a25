"""Pictures in frames, and boxes there and back."""

import numpy as np
import pytest

from facerec.detection.letterbox import GREY, Letterbox


@pytest.mark.parametrize("picture", [(480, 640), (640, 480), (1, 1), (3, 1000), (100, 100)])
def test_boxes_there_and_back(picture):
    letter = Letterbox(picture, (96, 128))
    height, width = picture
    boxes = np.array([[0, 0, width, height], [width * 0.25, 0, width * 0.5, height * 0.75]], np.float32)
    assert letter.back(letter.into(boxes)) == pytest.approx(boxes, abs=1e-2)
    (top, left), (high, wide) = letter.corner, letter.inner
    assert letter.into(boxes)[0] == pytest.approx([left, top, left + wide, top + high])
    assert high <= 96 and wide <= 128 and (high == 96 or wide == 128)


def test_the_picture_lies_in_the_middle_and_the_rest_is_grey():
    framed = Letterbox((10, 20), (40, 40)).image(np.full((10, 20, 3), 250, np.uint8))
    assert framed.shape == (40, 40, 3)
    assert (framed[10:30] == 250).all() and (framed[:10] == GREY).all() and (framed[30:] == GREY).all()


def test_a_box_that_reaches_out_is_cut_to_the_picture():
    letter = Letterbox((10, 20), (40, 40))
    assert letter.back(np.array([[-5, 0, 45, 40]])).tolist() == [[0, 0, 20, 10]]
