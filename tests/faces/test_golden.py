"""The golden faces: the same pixels on every machine, for good."""

from __future__ import annotations

import numpy as np
import pytest

from facerec.digest import sha256
from facerec.faces.encoder import PACKAGED, golden_distance, open_encoder, require_whole
from facerec.faces.golden import COUNT, golden_faces


def test_they_are_drawn_the_same_for_ever() -> None:
    """Every packaged and exported encoder stores embeddings of these very pixels."""
    faces = golden_faces()
    assert faces.shape == (COUNT, 112, 112, 3) and faces.dtype == np.uint8
    assert sha256(faces.tobytes()) == "0a970b7016b01b3e4a57896006b6b282e109e2caf196685b4b2e7b78b79e78bc"


def test_they_differ_from_each_other_and_from_their_mirror_image() -> None:
    faces = golden_faces().astype(int)
    for k in range(COUNT):
        assert np.abs(faces[k] - faces[k, :, ::-1]).mean() > 1
        assert all(np.abs(faces[k] - faces[other]).mean() > 1 for other in range(k))


@pytest.mark.parametrize("name", PACKAGED)
def test_a_packaged_encoder_gives_here_what_it_gave_where_it_was_made(name: str) -> None:
    encoder = open_encoder(name)
    require_whole(encoder)
    assert golden_distance(encoder) <= encoder.card.golden_tolerance == 1e-3
