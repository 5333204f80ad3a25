"""MTCNN on pictures that any machine has."""

import numpy as np
import pytest
from skimage import data as pictures

from facerec.errors import InvalidInput
from facerec.faces.mtcnn import Mtcnn, MtcnnSettings
from facerec.geometry import iou
from facerec.records import Faces


def test_finds_the_one_face_and_its_landmarks(mtcnn, portrait):
    faces = mtcnn(portrait)
    assert len(faces) == 1 and faces.scores[0] > 0.99
    left_eye, right_eye, nose, left_mouth, right_mouth = faces.landmarks[0]
    x1, y1, x2, y2 = faces.boxes[0]
    assert x1 < left_eye[0] < nose[0] < right_eye[0] < x2
    assert y1 < left_eye[1] < nose[1] < left_mouth[1] < y2
    assert left_mouth[0] < right_mouth[0]


@pytest.mark.parametrize("name", ["coffee", "rocket", "chelsea"])
def test_finds_no_face_where_there_is_none(mtcnn, name):
    assert len(mtcnn(np.ascontiguousarray(getattr(pictures, name)()))) == 0


@pytest.mark.parametrize("shape", [(1, 1), (1, 300), (19, 19), (20, 20), (21, 400), (300, 25)])
@pytest.mark.parametrize("level", [0, 255])
def test_any_size_is_answered(mtcnn, shape, level):
    assert len(mtcnn(np.full((*shape, 3), level, np.uint8))) == 0


def test_faces_come_best_first(mtcnn, portrait):
    faded = (portrait // 3 + 90).astype(np.uint8)
    tiled = np.concatenate([faded[:300, :400], portrait[:300, :400], portrait[:300, 399::-1]], axis=1)
    faces = mtcnn(tiled)
    assert len(faces) == 3
    assert (np.diff(faces.scores) <= 0).all()


def test_a_mirrored_picture_has_mirrored_faces(mtcnn, portrait):
    found, mirrored = mtcnn(portrait), mtcnn(portrait[:, ::-1])
    back = mirrored.boxes[:, [2, 1, 0, 3]] * [-1, 1, -1, 1] + [511, 0, 511, 0]
    assert iou(found.boxes, back)[0, 0] > 0.85


def test_a_huge_picture_is_searched_in_a_smaller_copy(mtcnn, portrait):
    expected = mtcnn(portrait)
    huge = portrait.repeat(6, axis=0).repeat(5, axis=1)  # 3072 x 2560, reduced to 1920 x 1600
    found = mtcnn(huge)
    assert len(found) == 1
    np.testing.assert_allclose(found.landmarks[0] / [5, 6], expected.landmarks[0], atol=4)


def test_without_reduction_a_picture_at_the_cap_is_searched_as_it_is(portrait):
    capped, free = Mtcnn(MtcnnSettings(long_side=512)), Mtcnn(MtcnnSettings(long_side=9999))
    np.testing.assert_array_equal(capped(portrait).boxes, free(portrait).boxes)


def test_small_faces_are_left_out_on_request(portrait):
    assert len(Mtcnn(MtcnnSettings(min_face=400))(portrait)) == 0


@pytest.mark.parametrize(
    "image",
    [
        np.zeros((9, 9), np.uint8),
        np.zeros((9, 9, 4), np.uint8),
        np.zeros((9, 9, 3)),
        np.zeros((0, 9, 3), np.uint8),
    ],
)
def test_only_rgb_pictures_are_taken(mtcnn, image):
    with pytest.raises(InvalidInput, match="uint8"):
        mtcnn(image)


@pytest.mark.parametrize("wrong", [{"min_face": 11}, {"factor": 1.0}, {"long_side": 0}])
def test_settings_are_checked(wrong):
    with pytest.raises(InvalidInput):
        MtcnnSettings(**wrong)


def believer(images: np.ndarray) -> list[np.ndarray]:
    """A fake net that sees a face everywhere, exactly where it looks."""
    count, height = images.shape[:2]
    if height in (24, 48):
        return [
            np.full(count, 0.9, np.float32),
            np.zeros((count, 4), np.float32),
            np.full((count, 10), 0.5, np.float32),
        ]
    return [np.ones((count, 1, 1), np.float32), np.zeros((count, 4, 1, 1), np.float32)]


def test_the_cascade_passes_boxes_on():
    graphs = {"pnet": believer, "rnet": lambda crops: believer(crops)[:2], "onet": believer}
    faces = Mtcnn(graphs=graphs)(np.zeros((20, 30, 3), np.uint8))
    assert faces.boxes.tolist() == [[1, 1, 20, 20]]
    assert faces.landmarks.tolist() == [[[10, 10]] * 5]


def test_a_net_that_rejects_everything_leaves_nothing():
    doubter = {"rnet": lambda crops: [np.zeros(len(crops), np.float32), np.zeros((len(crops), 4), np.float32)]}
    faces = Mtcnn(graphs={"pnet": believer, "onet": believer, **doubter})(np.zeros((20, 30, 3), np.uint8))
    assert isinstance(faces, Faces) and len(faces) == 0
