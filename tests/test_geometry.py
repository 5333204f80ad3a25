"""Boxes, transforms and warps against facts, slow versions and scikit-image."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from skimage import data as pictures
from skimage.transform import SimilarityTransform
from skimage.transform import warp as skimage_warp

from facerec import geometry
from facerec.errors import InvalidInput

RNG = np.random.default_rng(0)
POINTS = arrays(np.float64, (5, 2), elements=st.floats(-1e3, 1e3))


def random_boxes(rng: np.random.Generator, count: int, side: float = 100) -> np.ndarray:
    corner = rng.uniform(0, side, (count, 2))
    return np.hstack([corner, corner + rng.uniform(1, side / 2, (count, 2))]).astype(np.float32)


def turned(degrees: float, scale: float, shift: tuple[float, float]) -> np.ndarray:
    """(2, 3) transform: scale, then turn, then shift."""
    return SimilarityTransform(scale=scale, rotation=np.deg2rad(degrees), translation=shift).params[:2]


@pytest.mark.parametrize(
    "a, b, expected",
    [
        ((0, 0, 2, 2), (0, 0, 2, 2), 1.0),  # itself
        ((0, 0, 2, 2), (1, 0, 3, 2), 1 / 3),  # half over
        ((0, 0, 2, 2), (2, 0, 4, 2), 0.0),  # touching
        ((1, 1, 1, 1), (1, 1, 1, 1), 0.0),  # no area
        ((3, 3, 1, 1), (0, 0, 4, 4), 0.0),  # inside out
    ],
)
def test_iou(a, b, expected):
    a, b = np.array([a], np.float32), np.array([b], np.float32)
    assert geometry.iou(a, b) == pytest.approx(expected)
    assert geometry.iou(a, b) == geometry.iou(b, a)


def test_iou_agrees_with_counting_pixels():
    a, b = (np.round(random_boxes(RNG, 6)) for _ in range(2))
    grid = np.arange(200)

    def pixels(box: np.ndarray) -> np.ndarray:
        across, down = (grid >= box[0]) & (grid < box[2]), (grid >= box[1]) & (grid < box[3])
        return down[:, None] & across[None, :]

    counted = [[(pixels(p) & pixels(q)).sum() / (pixels(p) | pixels(q)).sum() for q in b] for p in a]
    np.testing.assert_allclose(geometry.iou(a, b), counted, rtol=1e-6)


def slow_nms(boxes: np.ndarray, scores: np.ndarray, threshold: float, over: str) -> list[int]:
    """The definition, pair by pair."""
    kept: list[int] = []
    for row in sorted(range(len(boxes)), key=lambda r: (-scores[r], r)):
        free = True
        for better in kept:
            x1, y1 = (max(boxes[row][i], boxes[better][i]) for i in (0, 1))
            x2, y2 = (min(boxes[row][i], boxes[better][i]) for i in (2, 3))
            shared = max(0.0, float(x2 - x1)) * max(0.0, float(y2 - y1))
            areas = [float((b[2] - b[0]) * (b[3] - b[1])) for b in (boxes[row], boxes[better])]
            whole = sum(areas) - shared if over == "union" else min(areas)
            free &= shared <= threshold * whole
        if free:
            kept.append(row)
    return kept


@pytest.mark.parametrize("over", ["union", "min"])
@pytest.mark.parametrize("seed", range(5))
def test_nms_agrees_with_the_slow_one(over, seed):
    rng = np.random.default_rng(seed)
    boxes, scores = random_boxes(rng, 80), np.round(rng.random(80), 1).astype(np.float32)  # many equal scores
    kept = geometry.nms(boxes, scores, 0.3, over)
    assert 1 < len(kept) < 80
    assert kept.tolist() == slow_nms(boxes, scores, 0.3, over)


def test_nms_of_no_box_keeps_no_box():
    kept = geometry.nms(np.zeros((0, 4), np.float32), np.zeros(0, np.float32), 0.5)
    assert kept.shape == (0,) and kept.dtype == np.int64


def test_a_box_within_another_goes_by_the_smaller_area_only():
    boxes = np.array([[0, 0, 10, 10], [2, 2, 5, 5]], np.float32)
    scores = np.array([0.9, 0.8], np.float32)
    assert geometry.nms(boxes, scores, 0.5, "union").tolist() == [0, 1]
    assert geometry.nms(boxes, scores, 0.5, "min").tolist() == [0]


def test_clip_and_centre():
    boxes = np.array([[-5, -5, 3, 4], [8, 8, 20, 30], [50, 50, 60, 60]], np.float32)
    clipped = geometry.clip(boxes, width=10, height=9)
    assert clipped.tolist() == [[0, 0, 3, 4], [8, 8, 10, 9], [10, 9, 10, 9]]
    assert geometry.area(clipped).tolist() == [12, 2, 0]
    assert geometry.centre(boxes)[0].tolist() == [-1, -0.5]


@pytest.mark.parametrize("mirrored", [False, True])
def test_similarity_transform_agrees_with_scikit_image(mirrored):
    for _ in range(20):
        source, target = RNG.normal(0, 40, (2, 5, 2))
        if mirrored:  # the best orthogonal map would be a reflection: both must refuse it
            target = source * [-1, 1] + RNG.normal(0, 3, (5, 2))
        expected = SimilarityTransform.from_estimate(source, target)
        np.testing.assert_allclose(
            geometry.similarity_transform(source, target), expected.params[:2], rtol=1e-6, atol=1e-6
        )


@given(POINTS, st.floats(-180, 180), st.floats(0.1, 10), st.tuples(st.floats(-99, 99), st.floats(-99, 99)))
@settings(max_examples=50, deadline=None)
def test_a_similarity_transform_is_found_again(source, degrees, scale, shift):
    if np.ptp(source, axis=0).max() < 1:
        source = source + np.arange(10).reshape(5, 2)
    matrix = turned(degrees, scale, shift)
    found = geometry.similarity_transform(source, geometry.apply(matrix, source))
    np.testing.assert_allclose(found, matrix, atol=1e-6)


@pytest.mark.parametrize("source", [np.ones((5, 2)), np.full((5, 2), np.nan), np.full((5, 2), np.inf)])
def test_points_without_a_spread_have_no_transform(source):
    with pytest.raises(InvalidInput):
        geometry.similarity_transform(source, np.arange(10).reshape(5, 2))


def test_invert_undoes():
    matrix = turned(33, 0.7, (5, -9))
    points = RNG.normal(0, 50, (7, 2))
    np.testing.assert_allclose(
        geometry.apply(geometry.invert(matrix), geometry.apply(matrix, points)), points, atol=1e-9
    )


@pytest.mark.parametrize("matrix", [np.zeros((2, 3)), np.full((2, 3), np.nan)])
def test_a_collapsed_transform_is_refused(matrix):
    with pytest.raises(InvalidInput):
        geometry.warp(np.zeros((9, 9, 3), np.uint8), matrix, (4, 4))


@pytest.mark.parametrize(
    "matrix",
    [
        turned(0, 1, (0, 0)),
        turned(25, 0.8, (-60, -20)),
        turned(-100, 1.7, (30, 400)),
        turned(180, 0.55, (140, 90)),  # partly outside
        turned(0, 3, (-700.25, -400.5)),
    ],
)
def test_warp_agrees_with_scikit_image(matrix):
    image = pictures.astronaut()
    back = SimilarityTransform(np.vstack([matrix, [0, 0, 1]])).inverse
    expected = skimage_warp(image.astype(np.float64), back, output_shape=(112, 96))
    difference = np.abs(geometry.warp(image, matrix, (112, 96)) - expected)
    outside = (expected == 0).all(axis=2)  # scikit-image cuts at the last pixel's centre, without a soft edge
    assert difference[~outside].max() <= 0.51
    assert outside.mean() < 0.5


@pytest.mark.parametrize("block", [2, 3, 7])
def test_shrinking_by_a_whole_number_averages_blocks(block):
    side = 30 * block
    image = RNG.integers(0, 256, (side, side, 3), np.uint8)
    matrix = np.array([[1 / block, 0, -(block - 1) / 2 / block], [0, 1 / block, -(block - 1) / 2 / block]])
    expected = image.reshape(30, block, 30, block, 3).mean(axis=(1, 3))
    np.testing.assert_allclose(geometry.warp(image, matrix, (30, 30)), expected, atol=0.51)


@pytest.mark.parametrize("scale", [0.4, 0.21, 0.09])
def test_strong_shrinking_of_fine_stripes_gives_grey_not_stripes(scale):
    stripes = np.zeros((800, 800, 3), np.uint8)
    stripes[:, ::2] = 255
    small = geometry.warp(stripes, turned(3, scale, (30 - 400 * scale, 30 - 400 * scale)), (60, 60))
    assert np.abs(small.astype(int) - 127.5)[20:-20, 20:-20].max() < 20


def test_a_part_of_a_shrunk_picture_does_not_depend_on_the_window():
    image = pictures.astronaut()
    whole = geometry.warp(image, turned(10, 0.3, (40, 0)), (160, 160))
    part = geometry.warp(image, turned(10, 0.3, (40 - 50, 0 - 60)), (40, 40))
    np.testing.assert_array_equal(part, whole[60:100, 50:90])


@pytest.mark.parametrize("shift", [(-9000, 0), (0, 9000), (1e12, 1e12)])
def test_outside_the_picture_is_black(shift):
    assert not geometry.warp(pictures.astronaut(), turned(0, 0.5, shift), (112, 112)).any()


def test_shrinking_to_less_than_a_pixel_needs_no_more_memory_than_the_picture():
    image = np.full((40, 30, 3), 200, np.uint8)
    assert geometry.warp(image, turned(0, 1e-9, (2, 2)), (5, 5)).shape == (5, 5, 3)


@pytest.mark.parametrize(
    "a, b, expected",
    [
        ((0, 0, 2, 2), (0, 0, 2, 2), 1.0),  # itself
        ((0, 0, 2, 2), (2, 0, 4, 2), 0.0),  # touching: nothing between them
        ((0, 0, 2, 2), (6, 0, 8, 2), -0.5),  # half of what is around both is empty
        ((1, 1, 1, 1), (1, 1, 1, 1), 0.0),  # no area
    ],
)
def test_generalised_iou(a, b, expected):
    a, b = np.array([a], np.float32), np.array([b], np.float32)
    assert geometry.generalised_iou(a, b) == pytest.approx(expected)
    assert geometry.generalised_iou(b, a) == pytest.approx(expected)


def test_nms_per_class_leaves_other_classes_alone_and_drops_what_is_below_the_floor():
    boxes = np.array([[0, 0, 10, 10], [0, 0, 10, 9], [0, 0, 10, 10], [50, 50, 60, 60]], np.float32)
    scores, labels = np.array([0.7, 0.6, 0.9, 0.1], np.float32), np.array([0, 0, 1, 0])
    assert geometry.nms_per_class(boxes, scores, labels, 0.5, floor=0.2).tolist() == [2, 0]
    assert geometry.nms_per_class(boxes[:0], scores[:0], labels[:0], 0.5).tolist() == []


def test_soft_nms_lowers_scores_by_overlap():
    boxes = np.array([[0, 0, 10, 10], [0, 0, 10, 10], [20, 0, 30, 10]], np.float32)
    rows, scores = geometry.soft_nms(boxes, np.array([0.9, 0.8, 0.5], np.float32), sigma=0.5)
    assert rows.tolist() == [0, 2, 1]
    assert scores == pytest.approx([0.9, 0.5, 0.8 * np.exp(-2)])
    rows, _ = geometry.soft_nms(boxes, np.array([0.9, 0.8, 0.5], np.float32), floor=0.3)
    assert rows.tolist() == [0, 2]
