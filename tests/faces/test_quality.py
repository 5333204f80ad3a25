"""Quality of faces made by hand."""

from __future__ import annotations

import numpy as np
import pytest

from facerec.faces.align import TEMPLATE, align
from facerec.faces.quality import eye_distance, pose, quality, sharpness
from facerec.geometry import apply
from facerec.records import Faces


def turned(points: np.ndarray, degrees: float, scale: float = 1) -> np.ndarray:
    turn = scale * np.exp(1j * np.deg2rad(degrees))
    return apply(np.array([[turn.real, -turn.imag, 30], [turn.imag, turn.real, 40]]), points)


def moved_nose(x: float, y: float) -> np.ndarray:
    points = TEMPLATE.copy()
    points[2] += [x, y]
    return points[None]


def noise() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (1, 112, 112, 3), dtype=np.uint8)


def blurred(crops: np.ndarray) -> np.ndarray:
    mean = sum(np.roll(crops.astype(float), (dy, dx), (1, 2)) for dy in (-1, 0, 1) for dx in (-1, 0, 1)) / 9
    return mean.astype(np.uint8)


def test_the_template_is_frontal():
    yaw, pitch, roll = pose(TEMPLATE[None])
    assert abs(yaw[0]) < 0.01 and pitch[0] == 0 and abs(roll[0]) < 0.5


@pytest.mark.parametrize("degrees", [0, 15, -40, 90, 170])
@pytest.mark.parametrize("scale", [0.5, 3])
def test_turning_the_picture_changes_only_the_roll(degrees, scale):
    _, _, upright = pose(TEMPLATE[None])
    yaw, pitch, roll = pose(turned(TEMPLATE, degrees, scale)[None])
    assert roll[0] - upright[0] == pytest.approx(degrees, abs=1e-3)
    np.testing.assert_allclose([yaw, pitch], pose(TEMPLATE[None])[:2], atol=1e-4)


def test_the_nose_says_where_the_face_looks():
    (left, _, _), (right, _, _) = pose(moved_nose(-10, 0)), pose(moved_nose(10, 0))
    (_, up, _), (_, down, _) = pose(moved_nose(0, -8)), pose(moved_nose(0, 8))
    assert left[0] < -0.4 < 0.4 < right[0]
    assert up[0] < -0.3 < 0.3 < down[0]


def test_a_nose_beyond_the_eye_is_a_full_profile():
    assert pose(moved_nose(40, 0))[0][0] == 1 and pose(moved_nose(-40, 0))[0][0] == -1


def test_mirroring_turns_yaw_and_roll_round():
    points = turned(moved_nose(6, 3)[0], 12)
    mirrored = (points * [-1, 1] + [200, 0])[[1, 0, 2, 4, 3]]
    (yaw, pitch, roll), (yaw2, pitch2, roll2) = pose(points[None]), pose(mirrored[None])
    np.testing.assert_allclose([yaw2, pitch2, roll2], [-yaw, pitch, -roll], atol=1e-4)


def test_points_that_coincide_give_numbers_all_the_same():
    assert np.isfinite(pose(np.zeros((1, 5, 2), np.float32))).all()


def test_eye_distance_is_in_pixels_of_the_picture():
    assert eye_distance(np.array([[[10, 20], [40, 60], [0, 0], [0, 0], [0, 0]]], np.float32)).tolist() == [50]


def test_blur_lowers_sharpness_and_a_plain_face_has_none():
    crops = noise()
    once, twice = blurred(crops), blurred(blurred(crops))
    assert sharpness(crops)[0] > 5 * sharpness(once)[0] > 10 * sharpness(twice)[0] > 0
    assert sharpness(np.full((1, 112, 112, 3), 77, np.uint8))[0] == pytest.approx(0, abs=1e-6)


def test_sharpness_by_hand():
    """One bright pixel of 100 in an empty face: the Laplacian is -400 there and 100 on its four sides."""
    crop = np.zeros((1, 112, 112, 3), np.uint8)
    crop[0, 60, 60] = 100
    assert sharpness(crop)[0] == pytest.approx((400**2 + 4 * 100**2) / (71 * 62), rel=1e-5)


def test_the_edge_of_the_picture_is_not_sharpness():
    crop = np.full((1, 112, 112, 3), 180, np.uint8)
    crop[:, :20] = crop[:, :, :15] = crop[:, :, 100:] = 0
    assert sharpness(crop)[0] == pytest.approx(0, abs=1e-6)


def test_quality_of_a_picture(mtcnn, portrait):
    faces = mtcnn(portrait)
    found = quality(faces, align(portrait, faces))
    assert len(found) == 1
    assert 40 < found.eye_distance[0] < 60
    assert abs(found.yaw[0]) < 0.3 and abs(found.pitch[0]) < 0.4 and abs(found.roll[0]) < 15
    small = portrait[::4, ::4].repeat(4, axis=0).repeat(4, axis=1)
    assert quality(faces, align(blurred(small[None])[0], faces)).sharpness[0] < found.sharpness[0]


def test_no_face_has_no_quality():
    found = quality(Faces.none(), np.zeros((0, 112, 112, 3), np.uint8))
    assert len(found) == 0
    assert all(getattr(found, name).shape == (0,) for name in ("sharpness", "eye_distance", "yaw", "pitch", "roll"))
    assert all(
        getattr(found, name).dtype == np.float32 for name in ("sharpness", "eye_distance", "yaw", "pitch", "roll")
    )
