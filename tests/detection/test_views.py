"""Views of a picture, and the boxes with them."""

import numpy as np
import pytest

from facerec.detection.views import ViewSettings, views
from facerec.errors import InvalidInput
from facerec.records import Objects

STILL = ViewSettings(zoom=1, aspect=1, shift=0, mirror=0, brightness=0, contrast=0, colour=0)


def marked_square() -> tuple[np.ndarray, Objects]:
    """A white square on grey, and where it is."""
    pixels = np.full((64, 96, 3), 114, np.uint8)
    pixels[16:32, 24:48] = 255
    return pixels, Objects.of([[24, 16, 48, 32]], [1])


def test_nothing_asked_for_changes_nothing():
    pixels, objects = marked_square()
    seen, moved = views(pixels[None], [objects], (64, 96), STILL, np.random.default_rng(0))
    assert seen[0].permute(1, 2, 0).numpy() * 255 == pytest.approx(pixels, abs=0.01)
    assert moved[0].boxes == pytest.approx(objects.boxes)


@pytest.mark.parametrize("seed", range(6))
def test_the_box_stays_around_what_it_marks(seed):
    pixels, objects = marked_square()
    settings = ViewSettings(mirror=0.5, flip=0.5, brightness=0, contrast=0, colour=0, visible=0.5)
    seen, moved = views(pixels[None], [objects], (128, 192), settings, np.random.default_rng(seed))
    rows, columns = np.nonzero(seen[0, 0].numpy() > 0.7)
    x1, y1, x2, y2 = moved[0].boxes[0]
    assert [columns.min(), rows.min(), columns.max() + 1, rows.max() + 1] == pytest.approx([x1, y1, x2, y2], abs=1.6)


def test_an_object_that_is_hardly_seen_is_not_told_of():
    pixels, _ = marked_square()
    edge = Objects.of([[0, 0, 4, 64], [90, 0, 96, 64]], [0, 1])
    away = ViewSettings(zoom=1, aspect=1, shift=0.4, mirror=0, visible=0.9)
    counts = [len(views(pixels[None], [edge], (64, 96), away, np.random.default_rng(s))[1][0]) for s in range(8)]
    assert max(counts) <= 1
    one_pixel = Objects.of([[5, 5, 6, 6]], [0])
    assert len(views(pixels[None], [one_pixel], (64, 96), STILL, np.random.default_rng(0))[1][0]) == 0
    assert len(views(pixels[None], [Objects.none()], (64, 96), STILL, np.random.default_rng(0))[1][0]) == 0


def test_impossible_views():
    with pytest.raises(InvalidInput, match="factors"):
        ViewSettings(zoom=0.5)
    with pytest.raises(InvalidInput, match="shares"):
        ViewSettings(flip=2)
