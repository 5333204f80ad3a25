"""Aligned faces: where the landmarks come to lie, and that detail is averaged, not sampled."""

from __future__ import annotations

import numpy as np
import pytest

from facerec.errors import InvalidInput
from facerec.faces.align import SIDE, TEMPLATE, align
from facerec.geometry import apply
from facerec.records import Faces


def faces_at(*landmarks: np.ndarray) -> Faces:
    points = np.stack(landmarks).astype(np.float32)
    n = len(points)
    return Faces(np.zeros((n, 4), np.float32), points, np.ones(n, np.float32))


def test_a_face_already_in_place_is_cut_out_as_it_is():
    image = np.random.default_rng(0).integers(0, 256, (150, 160, 3), dtype=np.uint8)
    crops = align(image, faces_at(TEMPLATE + np.array([30, 20])))
    np.testing.assert_array_equal(crops[0], image[20 : 20 + SIDE, 30 : 30 + SIDE])


@pytest.mark.parametrize("degrees", [0, 37, 180, -90])
@pytest.mark.parametrize("scale", [0.7, 1.9, 6.3])
def test_landmarks_come_to_lie_on_the_template(degrees, scale):
    """White dots on black at the landmarks of a turned and scaled face end on the template's points."""
    turn = scale * np.exp(1j * np.deg2rad(degrees))
    matrix = np.array([[turn.real, -turn.imag, 0], [turn.imag, turn.real, 0]])
    points = apply(matrix, TEMPLATE - 56) + 500
    image = np.zeros((1000, 1000, 3), np.uint8)
    radius = max(3 * scale, 3)
    rows, columns = np.mgrid[:1000, :1000]
    for x, y in points:
        image[(columns - x) ** 2 + (rows - y) ** 2 <= radius**2] = 255
    crop = align(image, faces_at(points))[0].astype(float)[..., 0]
    for x, y in TEMPLATE:
        window = np.s_[round(y) - 7 : round(y) + 8, round(x) - 7 : round(x) + 8]
        weights, (v, u) = crop[window], np.mgrid[window]
        assert (weights * u).sum() / weights.sum() == pytest.approx(x, abs=0.35)
        assert (weights * v).sum() / weights.sum() == pytest.approx(y, abs=0.35)


def test_a_much_larger_face_is_averaged():
    stripes = np.zeros((1400, 1400, 3), np.uint8)
    stripes[:, ::2] = 255
    crop = align(stripes, faces_at((TEMPLATE + 10) * 10))[0]
    assert crop.min() > 110 and crop.max() < 145  # sampling single pixels would give 0 and 255


def test_beyond_the_picture_is_black():
    crop = align(np.full((60, 60, 3), 200, np.uint8), faces_at(TEMPLATE))[0]
    assert (crop[:59, :59] == 200).all() and not crop[61:].any() and not crop[:, 61:].any()


def test_no_face_no_crop():
    crops = align(np.zeros((9, 9, 3), np.uint8), Faces.none())
    assert crops.shape == (0, SIDE, SIDE, 3) and crops.dtype == np.uint8


def test_a_dot_is_no_face():
    with pytest.raises(InvalidInput, match="coincide"):
        align(np.zeros((9, 9, 3), np.uint8), faces_at(np.full((5, 2), 3.0)))


def test_a_detected_face_is_aligned(mtcnn, portrait):
    """Aligning again what has been aligned changes little."""
    crop = align(portrait, mtcnn(portrait))[0]
    framed = np.pad(crop, ((60, 60), (60, 60), (0, 0)))
    found = mtcnn(framed)
    np.testing.assert_allclose(found.landmarks[0] - 60, TEMPLATE, atol=6)
