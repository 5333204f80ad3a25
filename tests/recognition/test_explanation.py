"""Which parts of a face raise a similarity, over measures whose answer is known."""

from __future__ import annotations

import numpy as np
import pytest

from facerec import Recognizer
from facerec.errors import ManyFaces
from facerec.faces.align import SIDE
from facerec.recognition.explanation import effect, explain
from tests import fakes
from tests.fakes import ANNA, BERT, picture

EYE, MOUTH = (slice(42, 56), slice(28, 42)), (slice(84, 98), slice(56, 70))
"""Two cells of the grid that the square moves in."""


def brightness(*weighted: tuple[tuple[slice, slice], float]):
    """A measure that adds up how far some regions are from grey, each with its weight."""

    def alike(faces: np.ndarray) -> np.ndarray:
        return sum(weight * faces[:, *region].mean(axis=(1, 2, 3)) / 255 for region, weight in weighted) + np.zeros(
            len(faces), np.float32
        )

    return alike


WHITE = np.full((SIDE, SIDE, 3), 255, np.uint8)


def test_what_raises_is_positive_what_lowers_negative_and_the_rest_nothing() -> None:
    found = effect(WHITE, brightness((EYE, 1.0), (MOUTH, -0.5)))
    assert found.shape == (SIDE, SIDE) and found.dtype == np.float32
    assert found[EYE].min() == found.max() > 0 > found.min() == found[MOUTH].max()
    assert (found[:14] == 0).all() and (found[:, 98:] == 0).all()


def test_the_effect_of_a_cell_is_the_mean_fall_over_the_squares_that_cover_it() -> None:
    found = effect(WHITE, brightness((EYE, 1.0)), square=28, stride=14)
    fall = 1 - 128 / 255  # each of the four squares over the eye covers all of it
    assert found[EYE] == pytest.approx(fall, abs=1e-5)
    assert found[42:56, 14:28] == pytest.approx(fall / 2, abs=1e-5)  # beside it two of four reach the eye


def test_every_pixel_is_covered() -> None:
    assert (effect(WHITE, brightness(((slice(None), slice(None)), 1.0))) > 0).all()


def test_both_faces_of_two_pictures_are_explained() -> None:
    found = explain(Recognizer(fakes.pipeline(), fakes.points()), picture(ANNA), picture(ANNA))
    assert found.similarity == pytest.approx(1, abs=1e-6)
    for seen, face in zip(found.effects, found.faces, strict=True):
        assert face.shape == (SIDE, SIDE, 3)
        assert seen[56, 56] == seen.max() > 0.1  # the fake encoder looks at the middle pixel only
        assert (seen[:28] == 0).all()


def test_covering_nothing_changes_nothing_in_the_pictures_themselves() -> None:
    a, b = picture(ANNA), picture(BERT)
    explain(Recognizer(fakes.pipeline(), fakes.points()), a, b)
    np.testing.assert_array_equal(a, picture(ANNA))


def test_a_picture_with_several_faces_cannot_be_explained() -> None:
    with pytest.raises(ManyFaces):
        explain(Recognizer(fakes.pipeline(), fakes.points()), picture(ANNA, BERT), picture(ANNA))
