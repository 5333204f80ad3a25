"""Boxes and labels are where they should be, can be read, and never leave the picture."""

import numpy as np
import pytest

from facerec.errors import InvalidInput
from facerec.images import annotate, grid

GREEN, RED, BLUE = (0, 160, 60), (200, 30, 30), (20, 40, 220)
BLANK = np.full((300, 400, 3), 90, np.uint8)
BOX = np.array([[100, 120, 200, 260]], np.float32)
LARGE = np.full((1200, 1600, 3), 90, np.uint8)
"""Large enough for letters with pixels of their full colour."""


def coloured(image: np.ndarray, colour: tuple[int, int, int]) -> np.ndarray:
    """Mask of the pixels of exactly that colour."""
    return (image == colour).all(axis=2)


def extent(mask: np.ndarray) -> tuple[int, int, int, int]:
    """x1 y1 x2 y2 of a mask, x2 and y2 exclusive."""
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    return int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1


def test_a_frame_runs_just_inside_its_box():
    mask = coloured(annotate(BLANK, BOX, [""], [GREEN]), GREEN)
    assert extent(mask) == (100, 120, 200, 260)
    assert not mask[125:255, 105:195].any()
    assert mask[120, 100:200].all() and mask[259, 100:200].all()
    assert mask[120:260, 100].all() and mask[120:260, 199].all()


def test_the_picture_itself_is_not_changed():
    before = BLANK.copy()
    annotate(BLANK, BOX, ["name"], [GREEN])
    np.testing.assert_array_equal(BLANK, before)


def test_no_box_gives_an_equal_picture():
    np.testing.assert_array_equal(annotate(BLANK, np.zeros((0, 4), np.float32), [], []), BLANK)


def test_each_box_has_its_own_colour():
    boxes = np.array([[10, 60, 60, 120], [200, 60, 260, 120]], np.float32)
    image = annotate(BLANK, boxes, ["a", "b"], [GREEN, RED])
    assert extent(coloured(image, GREEN))[2] < 100 < 200 <= extent(coloured(image, RED))[0]


def test_a_label_stands_on_its_box():
    mask = coloured(annotate(BLANK, BOX, ["Ada 0.81"], [GREEN]), GREEN)
    x1, y1, _, _ = extent(mask)
    assert x1 == 100
    assert 95 <= y1 < 110


def test_a_label_without_room_above_hangs_in_the_box():
    box = np.array([[100, 3, 200, 150]], np.float32)
    image = annotate(BLANK, box, ["Ada 0.81"], [GREEN])
    assert coloured(image, GREEN)[3:15, 100:102].all()
    assert (image[:3] == 90).all()


@pytest.mark.parametrize("box", [(-50, -50, 20, 20), (380, 280, 500, 400), (390, 0, 400, 300), (0, 295, 400, 300)])
def test_a_label_in_a_corner_stays_in_the_picture(box):
    """As many letters' pixels are drawn as in the middle of the picture."""
    images = [annotate(LARGE, 4 * place, ["Ada Lovelace"], [BLUE]) for place in (BOX, np.array([box], np.float32))]
    middle, corner = (coloured(image, (255, 255, 255)).sum() for image in images)
    assert middle > 100
    assert corner == middle


def test_letters_and_lines_grow_with_the_picture():
    def size_of_strip(scale: int) -> int:
        image = np.full((300 * scale, 400 * scale, 3), 90, np.uint8)
        mask = coloured(annotate(image, BOX * scale, ["Ada"], [GREEN]), GREEN)
        return 120 * scale - extent(mask)[1]

    assert size_of_strip(1) >= 10
    assert size_of_strip(8) == pytest.approx(4 * size_of_strip(2), rel=0.15)


def test_a_long_label_is_cut_to_the_width_of_the_picture():
    image = annotate(BLANK, BOX, ["n" * 10_000], [GREEN])
    x1, _, x2, _ = extent(coloured(image, GREEN))
    assert image.shape == BLANK.shape
    assert 380 <= x2 - x1 <= 400


@pytest.mark.parametrize("strokes", [1, 5, 9])
def test_letters_are_drawn_apart(strokes):
    """So many upright strokes as there are letters I."""
    image = annotate(LARGE, BOX * 4, ["I" * strokes], [BLUE])
    columns = coloured(image, (255, 255, 255)).any(axis=0).astype(int)
    assert (np.diff(columns) == 1).sum() == strokes


@pytest.mark.parametrize(
    "label, drawn", [("Zoë", "Zoe"), ("李", "?"), ("a\nb\tc", "a b c"), ("\x1b[31m\u202e", "?[31m?")]
)
def test_letters_that_the_font_lacks_are_replaced(label, drawn):
    images = [annotate(BLANK, BOX, [text], [BLUE]) for text in (label, drawn)]
    np.testing.assert_array_equal(*images)


def luminance(colour: tuple[int, int, int]) -> float:
    """Of WCAG 2, from the table of its definition."""
    levels = np.array(colour) / 255
    linear = np.where(levels <= 0.04045, levels / 12.92, ((levels + 0.055) / 1.055) ** 2.4)
    return float(linear @ [0.2126, 0.7152, 0.0722])


@pytest.mark.parametrize("colour", [GREEN, RED, BLUE, (255, 255, 0), (0, 0, 0), (255, 255, 255), (117, 117, 117)])
def test_letters_contrast_with_their_strip(colour):
    """At least 4.5 to 1, what WCAG 2 asks of text."""
    inks = [ink for ink in ((0, 0, 0), (255, 255, 255)) if ink != colour]
    image = annotate(LARGE, BOX * 4, ["WWWWWW"], [colour])
    ink = max(inks, key=lambda ink: int(coloured(image, ink).sum()))
    assert coloured(image, ink).sum() > 100
    light, dark = sorted([luminance(ink), luminance(colour)], reverse=True)
    assert (light + 0.05) / (dark + 0.05) >= 4.5


@pytest.mark.parametrize("box", [(5, 5, 5, 5), (30, 30, 10, 10), (1e9, 1e9, 2e9, 2e9), (-1e9, -1e9, 1e9, 1e9)])
def test_boxes_without_area_or_far_away_do_no_harm(box):
    assert annotate(BLANK, np.array([box], np.float32), ["a"], [GREEN]).shape == BLANK.shape


def test_the_smallest_picture_can_be_annotated():
    assert annotate(np.zeros((20, 20, 3), np.uint8), BOX / 20, ["a long name"], [GREEN]).shape == (20, 20, 3)


@pytest.mark.parametrize(
    "boxes, labels, colours",
    [(BOX, [], [GREEN]), (BOX, ["a"], []), (BOX[:0], ["a"], [GREEN]), (BOX * np.nan, ["a"], [GREEN])],
)
def test_counts_that_differ_and_boxes_that_are_no_numbers_are_refused(boxes, labels, colours):
    with pytest.raises(InvalidInput, match="as many of each"):
        annotate(BLANK, boxes, labels, colours)


def test_a_grid_keeps_every_picture_whole():
    pictures = [np.full((10 + n, 20 - n, 3), 10 + n, np.uint8) for n in range(5)]
    sheet = grid(pictures, columns=3)
    assert sheet.shape == (2 * 14, 3 * 20, 3)
    for n, picture in enumerate(pictures):
        y, x = n // 3 * 14, n % 3 * 20
        np.testing.assert_array_equal(sheet[y : y + 10 + n, x : x + 20 - n], picture)
        assert (sheet[y : y + 14, x + 20 - n : x + 20] == 128).all()
    assert (sheet[14:, 40:] == 128).all()


def test_a_row_is_a_grid_of_as_many_columns():
    assert grid([BLANK, BLANK], columns=9).shape == (300, 800, 3)


@pytest.mark.parametrize("pictures, columns", [([], 1), ([BLANK], 0)])
def test_a_grid_of_nothing_is_refused(pictures, columns):
    with pytest.raises(InvalidInput):
        grid(pictures, columns)
