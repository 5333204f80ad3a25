"""R-CNN's parts: proposals around drawn things, regions warped as they should be, and a fit on drawn pictures."""

from pathlib import Path

import numpy as np
import pytest
import torch

from facerec.detection.rcnn import RCNN, RCNNSettings, fit_linear, lesson_of, region_features, together
from facerec.detection.rcnn_file import load_rcnn, save_rcnn
from facerec.detection.selective_search import alike, joined, pieces_of, selective_search
from facerec.detection.warping import warp_regions, with_context
from facerec.errors import DamagedFile, InvalidInput
from facerec.geometry import iou
from facerec.records import Image, Objects

pytest.importorskip("skimage")
pytest.importorskip("sklearn")
pytestmark = pytest.mark.filterwarnings("ignore:Liblinear failed to converge")


def picture(rng: np.random.Generator) -> tuple[Image, Objects]:
    """A red disc and a blue square on grey."""
    image = np.full((120, 160, 3), 128, np.uint8)
    y, x = np.mgrid[:120, :160]
    cx, cy = rng.integers(25, 55), rng.integers(25, 95)
    image[(x - cx) ** 2 + (y - cy) ** 2 <= 20**2] = (220, 30, 30)
    left, top = rng.integers(85, 115), rng.integers(5, 75)
    image[top : top + 36, left : left + 36] = (20, 40, 220)
    image = np.clip(image + rng.normal(0, 4, image.shape), 0, 255).astype(np.uint8)
    return image, Objects.of(
        np.array([[cx - 20, cy - 20, cx + 21, cy + 21], [left, top, left + 36, top + 36]]), np.array([0, 1])
    )


def test_proposals_hold_the_things_on_a_picture() -> None:
    image, objects = picture(np.random.default_rng(0))
    found = selective_search(image)
    assert (iou(objects.boxes, found).max(axis=1) > 0.8).all()
    assert len(np.unique(found, axis=0)) == len(found)
    assert found.min() >= 0 and (found[:, 2] <= 160).all() and (found[:, 3] <= 120).all()


@pytest.mark.parametrize("size", [(1, 1), (400, 1), (11, 80), (12, 900), (60, 60)])
def test_pictures_of_one_colour_and_of_odd_sizes_have_few_proposals_or_none(size: tuple[int, int]) -> None:
    found = selective_search(np.full((*size, 3), 90, np.uint8))
    assert len(found) == (min(size) >= 12)


def test_joining_goes_from_the_most_alike_to_the_whole() -> None:
    levels = np.zeros((4, 12, 3))
    levels[:, 4:8], levels[:, 8:] = 0.1, 0.9
    labels = np.repeat(np.arange(3), 4)[None].repeat(4, axis=0)
    pieces = pieces_of(levels, labels)
    assert pieces.touching == [{1}, {0, 2}, {1}]
    np.testing.assert_allclose(pieces.colour.sum(axis=1), 1)
    np.testing.assert_array_equal(pieces.boxes[1], [4, 0, 8, 4])
    assert alike(pieces, 0, [1], ("size",), 48)[0] == pytest.approx(1 - 32 / 48)
    boxes = joined(pieces, ("size", "fill"), 48)
    assert len(boxes) == 5
    np.testing.assert_array_equal(boxes[-1], [0, 0, 12, 4])


def test_a_warped_region_is_the_region() -> None:
    image = torch.arange(20.0 * 30).reshape(1, 20, 30)
    same = warp_regions(image, torch.tensor([[4.0, 6.0, 12.0, 14.0]]), 8)
    torch.testing.assert_close(same[0, 0], image[0, 6:14, 4:12])
    outside = warp_regions(image, torch.tensor([[-40.0, -40.0, -10.0, -10.0]]), 8)
    assert outside.abs().max() == 0
    grown = with_context(torch.tensor([[10.0, 10.0, 20.0, 30.0]]), side=40, context=10)
    torch.testing.assert_close(grown, torch.tensor([[5.0, 0.0, 25.0, 40.0]]))


@pytest.fixture(scope="module")
def fitted() -> RCNN:
    torch.manual_seed(0)
    settings = RCNNSettings(side=35, context=3, near=15, far=30, svm_c=0.1, ridge=10, first=100, rounds=1, floor=-3)
    rng = np.random.default_rng(0)
    features = region_features(None, settings)
    lessons = []
    for _ in range(5):
        image, objects = picture(rng)
        lessons.append(lesson_of(image, objects, 2, features, selective_search, settings, rng))
    linear = fit_linear(together(lessons), settings, rng, lambda done, of: None)
    return RCNN(features, linear, settings, selective_search)


def test_what_was_learned_is_found(fitted: RCNN) -> None:
    image, objects = picture(np.random.default_rng(9))
    found = fitted(image)
    for label in (0, 1):
        best = found[found.labels == label][:1]
        assert iou(best.boxes, objects.boxes[label : label + 1]).max(initial=0) > 0.5


def test_a_file_brings_it_back(fitted: RCNN, tmp_path: Path) -> None:
    path = tmp_path / "rcnn.safetensors"
    save_rcnn(path, fitted, ("disc", "square"))
    back, names = load_rcnn(path)
    image, _ = picture(np.random.default_rng(3))
    proposals = np.array([[10, 10, 60, 60], [80, 10, 130, 60]], np.float32)
    np.testing.assert_allclose(back.features(image, proposals), fitted.features(image, proposals), atol=1e-5)
    assert names == ("disc", "square") and back.settings == fitted.settings
    path.write_bytes(b"")
    with pytest.raises(DamagedFile, match="no whole R-CNN"):
        load_rcnn(path)


def test_a_class_without_an_object_is_said(fitted: RCNN) -> None:
    image, objects = picture(np.random.default_rng(0))
    settings, rng = fitted.settings, np.random.default_rng(0)
    lesson = lesson_of(image, objects[:1], 2, fitted.features, fitted.propose, settings, rng)
    with pytest.raises(InvalidInput, match="class 1 has no object"):
        fit_linear(lesson, settings, rng, lambda done, of: None)


def test_a_picture_without_objects_teaches_what_is_not_there(fitted: RCNN) -> None:
    image, _ = picture(np.random.default_rng(0))
    settings, rng = fitted.settings, np.random.default_rng(0)
    lesson = lesson_of(image, Objects.none(), 2, fitted.features, fitted.propose, settings, rng)
    assert len(lesson.rows) and (lesson.owner == -1).all() and lesson.overlaps.max() == 0
    flat = np.full((8, 8, 3), 90, np.uint8)
    assert len(lesson_of(flat, Objects.none(), 2, fitted.features, fitted.propose, settings, rng).rows) == 0


def test_a_picture_without_proposals_has_nothing_on_it(fitted: RCNN) -> None:
    empty = RCNN(fitted.features, fitted.linear, fitted.settings, lambda image: np.zeros((0, 4), np.float32))
    assert len(empty(np.zeros((20, 20, 3), np.uint8))) == 0
