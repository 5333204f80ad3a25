"""Composed pictures: what is drawn lies where it is said to lie."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("cv2")

from facerec.faces.golden import draw_face
from facerec.geometry import apply
from facerec.records import Faces, Image
from facerec.training.face_detector.composing import Composer, ComposeSettings
from facerec.training.face_detector.labels import CELL, TEMPLATE, Labels, corner, label, sheet
from facerec.training.face_detector.pasting import about, drawn_out, paste, pictured, smear

PLAIN = {"faceless": 0.0, "parts": 0.0, "covered": 0.0, "grey": 0.0, "soft": 0.0, "jpeg": 0.0, "noise": 0.0}
GREY = [np.full((300, 300, 3), 90, np.uint8)]


def labels(count: int) -> Labels:
    box = np.float32([30, 24, 98, 116])
    return Labels(np.tile(box, (count, 1)), np.tile(TEMPLATE, (count, 1, 1)), np.ones(count, np.bool_))


def spotted() -> np.ndarray:
    """A grey crop with a spot of its own colour at each landmark."""
    crop = np.full((1, 128, 128, 3), 128, np.uint8)
    y, x = np.mgrid[:128, :128]
    for (left, top), colour in zip(TEMPLATE, COLOURS, strict=True):
        crop[0][(x - left) ** 2 + (y - top) ** 2 <= 25] = colour
    return crop


COLOURS = [(250, 0, 0), (0, 250, 0), (0, 0, 250), (250, 250, 0), (0, 250, 250)]


def test_landmarks_lie_where_they_are_drawn_also_in_a_mirror() -> None:
    settings = ComposeSettings(sizes=(60.0, 150.0), turned=0.5, **PLAIN)
    composer = Composer(spotted(), labels(1), GREY, 1, settings)
    composer._sizes = lambda: [90.0]  # type: ignore[method-assign]
    composer._lit = lambda crop: crop  # type: ignore[method-assign]
    composer._photographed = lambda picture: picture  # type: ignore[method-assign]
    looked_at, mirrored = 0, 0
    for _ in range(30):
        scene = composer()
        for points in scene.landmarks:
            if (points < 6).any() or (points > 217).any():
                continue
            pixels = np.array([scene.picture[round(y), round(x)] for x, y in points.tolist()], int)
            swapped = np.array(COLOURS)[[1, 0, 2, 4, 3]]
            as_is, other = np.abs(pixels - COLOURS).sum(), np.abs(pixels - swapped).sum()
            assert min(as_is, other) < 600
            looked_at, mirrored = looked_at + 1, mirrored + (other < as_is)
            assert points[0, 0] < points[1, 0]  # left in the picture, whichever way round
    assert looked_at > 10 and 0 < mirrored < looked_at


def test_a_box_is_as_large_as_asked_and_mostly_in_the_picture() -> None:
    composer = Composer(spotted(), labels(1), GREY, 2, ComposeSettings(sizes=(20.0, 40.0), **PLAIN))
    boxes = np.concatenate([composer().boxes for _ in range(20)])
    sides = np.sqrt((boxes[:, 2:] - boxes[:, :2]).prod(axis=1))
    assert len(boxes) > 20 and (sides > 19.9).all() and (sides < 40.1).all()
    shown = np.clip(boxes, 0, 224)
    assert ((shown[:, 2:] - shown[:, :2]).prod(axis=1) >= 0.59 * sides**2).all()


def test_the_same_seed_makes_the_same_pictures() -> None:
    first, second = (Composer(spotted(), labels(1), GREY, 3) for _ in range(2))
    for _ in range(5):
        a, b = first(), second()
        assert np.array_equal(a.picture, b.picture) and np.array_equal(a.landmarks, b.landmarks)
        assert a.picture.dtype == np.uint8 and a.picture.shape == (224, 224, 3)


def test_pictures_without_faces_have_none() -> None:
    composer = Composer(spotted(), labels(1), GREY, 4, ComposeSettings(faceless=1.0))
    assert all(composer().boxes.shape == (0, 4) and composer().landmarks.shape == (0, 5, 2) for _ in range(5))


def test_black_at_the_edge_is_no_picture_but_black_hair_is() -> None:
    crop = np.full((128, 128, 3), 128, np.uint8)
    crop[50:70, 50:70] = 0
    assert pictured(crop).all()
    crop[:20] = 0
    shown = pictured(crop)
    assert not shown[:20].any() and shown[25:].all()


def test_what_is_pasted_small_is_averaged() -> None:
    picture, crop = np.zeros((40, 40, 3), np.uint8), np.zeros((128, 128, 3), np.uint8)
    crop[::2] = 200
    paste(picture, crop, about(np.full(2, 63.5), np.full(2, 20), 0.125, 0, 1), np.ones((128, 128), np.float32))
    assert abs(int(picture[20, 20, 0]) - 100) < 8
    assert not picture[:8].any()


def test_what_lies_outside_the_picture_is_not_drawn() -> None:
    picture = np.zeros((40, 40, 3), np.uint8)
    paste(picture, spotted()[0], about(np.full(2, 64), np.full(2, -500), 1, 0, 1), np.ones((128, 128), np.float32))
    assert not picture.any()


def test_drawing_the_edge_out_leaves_the_crop_where_it_was() -> None:
    matrix = about(np.full(2, 64), np.float64([100, 90]), 0.8, 20, 1)
    larger, moved, mask = drawn_out(spotted()[0], matrix, 20)
    assert larger.shape == (168, 168, 3) and mask[0, 0] < 0.3 and mask[84, 84] == 1
    np.testing.assert_allclose(apply(moved, TEMPLATE + 20), apply(matrix, TEMPLATE), atol=1e-9)


class Knows:
    """A detector that finds every face of a sheet where alignment put it, off by so many pixels; or none."""

    def __init__(self, off: float, places: int):
        self.off, self.places = off, places

    def __call__(self, image: Image) -> Faces:
        points = np.stack([TEMPLATE + corner(place) + self.off for place in range(self.places)]).astype(np.float32)
        boxes = np.concatenate([points.min(axis=1), points.max(axis=1)], axis=1)
        return Faces(boxes, points, np.linspace(1, 0.9, self.places, dtype=np.float32))


def test_labels_are_what_two_detectors_agree_on() -> None:
    crops = np.zeros((19, 128, 128, 3), np.uint8)
    found = label(crops, (Knows(0, 16), Knows(2, 16)))
    assert found.sure.all()
    np.testing.assert_allclose(found.landmarks, np.tile(TEMPLATE, (19, 1, 1)), atol=1e-4)
    np.testing.assert_allclose(found.boxes[0], [*(TEMPLATE.min(axis=0) + 1), *(TEMPLATE.max(axis=0) + 1)], atol=1e-4)
    assert not label(crops, (Knows(0, 16), Knows(9, 16))).sure.any()
    partly = label(crops, (Knows(0, 16), Knows(0, 2)))
    assert partly.sure.tolist() == [True, True] + [False] * 14 + [True, True, False]


def test_a_sheet_shows_every_crop_in_its_cell() -> None:
    crops = np.stack([np.full((128, 128, 3), 10 * place + 1, np.uint8) for place in range(16)])
    picture = sheet(crops)
    assert picture.shape == (4 * CELL, 4 * CELL, 3)
    x, y = corner(6).astype(int)
    assert (picture[y : y + 128, x : x + 128] == 61).all() and picture[y - 1, x, 0] == 0


def test_labels_come_back_from_their_file(tmp_path) -> None:  # type: ignore[no-untyped-def]
    from facerec.errors import DamagedFile

    labels(3).save(tmp_path / "labels.npz")
    assert len(Labels.load(tmp_path / "labels.npz")) == 3
    (tmp_path / "labels.npz").write_bytes(b"no")
    with pytest.raises(DamagedFile, match="delete it"):
        Labels.load(tmp_path / "labels.npz")


def test_a_drawn_face_is_put_in_as_it_is() -> None:
    crop = np.pad(draw_face(0), ((8, 8), (8, 8), (0, 0)), mode="reflect")
    composer = Composer(crop[None], labels(1), GREY, 5, ComposeSettings(sizes=(70.0, 90.0), **PLAIN))
    scenes = [composer() for _ in range(4)]
    assert all(len(scene.boxes) and scene.picture.std() > 5 for scene in scenes)


def test_half_a_face_at_the_edge_is_smeared() -> None:
    picture = np.tile(np.array([0, 200], np.uint8)[:, None, None], (20, 40, 3))
    smear(picture, np.float32([-10, 10, 12, 30]))
    assert picture[10:30, :12].std() < 20 and picture[:10].std() == 100 and picture[:, 12:].std() == 100


def test_faces_of_people_are_replaced_where_they_were() -> None:
    frame = np.full((120, 120, 3), 40, np.uint8)
    heads = (TEMPLATE * 0.5 + 30)[None].astype(np.float32)
    composer = Composer(spotted(), labels(1), GREY, 6, ComposeSettings(peopled=1.0, **PLAIN), peopled=[(frame, heads)])
    scenes = [composer() for _ in range(8)]
    whole = [scene for scene in scenes if len(scene.boxes)]
    assert whole and all(scene.picture.std() > 5 for scene in whole)
    for scene in whole:
        (left, top), (right, bottom) = scene.boxes[0].reshape(2, 2)
        assert (scene.landmarks[0] > [left, top]).all() and (scene.landmarks[0] < [right, bottom]).all()
