"""Which of several faces is meant."""

from __future__ import annotations

import numpy as np
import pytest

from facerec.errors import ManyFaces, NoFace
from facerec.faces.choice import largest, nearest_centre, only
from facerec.records import Faces


def faces(*boxes: tuple[float, ...]) -> Faces:
    n = len(boxes)
    return Faces(
        np.array(boxes, np.float32).reshape(n, 4),
        np.arange(10 * n, dtype=np.float32).reshape(n, 5, 2),
        np.linspace(1, 0.8, n, dtype=np.float32),
    )


THREE = faces((0, 0, 40, 40), (80, 30, 100, 50), (60, 0, 100, 50))  # of a picture 160 wide and 80 high


def test_the_one_in_the_middle():
    chosen = nearest_centre(THREE, (80, 160, 3))
    assert chosen.boxes.tolist() == [[80, 30, 100, 50]]
    assert chosen.landmarks.tolist() == THREE.landmarks[1:2].tolist()


def test_the_largest():
    assert largest(THREE).boxes.tolist() == [[60, 0, 100, 50]]


def test_of_equals_the_best_score_wins():
    twins = faces((0, 0, 10, 10), (10, 0, 20, 10))
    assert largest(twins).scores == nearest_centre(twins, (10, 20)).scores == [1]


@pytest.mark.parametrize("choose", [largest, lambda found: nearest_centre(found, (9, 9, 3))])
def test_none_of_none(choose):
    assert len(choose(Faces.none())) == 0


def test_only_takes_exactly_one():
    one = THREE[:1]
    assert only(one, "a.jpg") is one
    with pytest.raises(NoFace, match=r"a\.jpg"):
        only(Faces.none(), "a.jpg")
    with pytest.raises(ManyFaces, match=r"3 faces found in a\.jpg"):
        only(THREE, "a.jpg")
