"""Small pictures of enrolled faces, and what is said where there is none."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from facerec import images
from facerec.curation.health.thumbnails import SIDE, cut, small, thumbnail
from facerec.digest import sha256
from facerec.gallery.results import FaceDetail
from tests.curation.health.galleries import face
from tests.fakes import ANNA, BERT, save_picture


@pytest.fixture
def enrolled(tmp_path: Path) -> FaceDetail:
    """The second face of a picture."""
    file = save_picture(tmp_path / "a.png", ANNA, BERT)
    return replace(face(1), source=str(file), image_sha256=sha256(file.read_bytes()), box=(130, 10, 230, 110))


def test_a_thumbnail_shows_the_face_and_is_small(enrolled: FaceDetail) -> None:
    shown = thumbnail(enrolled)
    assert shown.jpeg is not None
    pixels = images.decode(shown.jpeg)
    assert max(pixels.shape[:2]) == SIDE
    assert np.abs(pixels[50, 60].astype(int) - BERT).max() < 20


def test_a_file_that_is_gone_or_another_one_is_said(enrolled: FaceDetail) -> None:
    images.save(np.zeros((50, 50, 3), np.uint8), enrolled.source)
    assert thumbnail(enrolled).reason == "the file is not the one that was enrolled"
    Path(enrolled.source).unlink()
    assert thumbnail(enrolled).reason == "the file cannot be read any more"
    assert thumbnail(replace(enrolled, source="pixels")).jpeg is None


@pytest.mark.parametrize("box", [(-50, -50, 20, 20), (90, 90, 400, 400), (500, 500, 600, 600), (10, 10, 10.2, 10.2)])
def test_a_box_over_the_edge_or_outside_still_gives_a_picture(box: tuple[float, float, float, float]) -> None:
    assert small(cut(np.zeros((100, 100, 3), np.uint8), box)).size
