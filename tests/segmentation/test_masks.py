"""What masks say: numbers, places in a palette, grey levels or colours; and how labels are drawn."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import PIL.Image
import pytest

from facerec import images
from facerec.errors import InvalidInput
from facerec.images.masks import load_mask, save_mask
from facerec.segmentation.masks import COLOURS, IGNORE, Labels
from facerec.segmentation.overlay import outlines, overlay

NUMBERS = np.array([[0, 1, 2], [2, 1, 255]], np.uint8)
NAMES = ("a", "b", "c")


def test_a_mask_is_its_numbers_whatever_its_palette(tmp_path: Path) -> None:
    save_mask(NUMBERS, COLOURS, tmp_path / "m.png")
    PIL.Image.fromarray(NUMBERS).save(tmp_path / "grey.png")
    assert (load_mask(tmp_path / "m.png") == NUMBERS).all()
    assert (load_mask(tmp_path / "grey.png") == NUMBERS).all()
    assert (images.load(tmp_path / "m.png", images.Limits(shortest=1))[0, 1] == COLOURS[1]).all()
    PIL.Image.fromarray(np.array([[0, 255]], np.uint8)).convert("1").save(tmp_path / "black.png")
    assert load_mask(tmp_path / "black.png").tolist() == [[0, 255]]


def test_grey_levels_become_labels() -> None:
    assert (Labels(NAMES).read(NUMBERS, "m") == NUMBERS).all()
    levels = np.array([[0, 255], [128, 7]], np.uint8)
    labels = Labels(NAMES, values=(0, 128, 255), ignore=(7,)).read(levels, "m")
    assert labels.tolist() == [[0, 2], [1, IGNORE]]


def test_colours_become_labels() -> None:
    colours = Labels(NAMES, palette=((0, 0, 0), (200, 0, 0), (0, 0, 200)), ignore_colours=((9, 9, 9),))
    mask = np.array([[[0, 0, 0], [0, 0, 200]], [[9, 9, 9], [200, 0, 0]]], np.uint8)
    assert colours.read(mask, "m").tolist() == [[0, 2], [IGNORE, 1]]
    mask[1, 0] = 8
    with pytest.raises(InvalidInput, match=r"\(8, 8, 8\) at row 1, column 0"):
        colours.read(mask, "m")
    with pytest.raises(InvalidInput, match="give a palette"):
        Labels(NAMES).read(mask, "m")


def test_a_label_outside_the_list_is_named() -> None:
    with pytest.raises(InvalidInput, match="holds 3, 9, which is no class's: the 3 classes are 0, 1, 2"):
        Labels(NAMES).read(np.array([[0, 3, 9]], np.uint8), "m")


@pytest.mark.parametrize(
    "wrong", [{"names": ("a",)}, {"names": ("a", "a")}, {"values": (0, 1)}, {"palette": ((0, 0, 0),) * 3}]
)
def test_labels_that_cannot_be_told_apart_are_refused(wrong: dict) -> None:
    with pytest.raises(InvalidInput):
        Labels(**{"names": NAMES, **wrong})


def test_a_jpeg_is_no_mask(tmp_path: Path) -> None:
    images.save(np.zeros((30, 30, 3), np.uint8), tmp_path / "m.jpg")
    with pytest.raises(InvalidInput, match="save masks as PNG"):
        load_mask(tmp_path / "m.jpg")
    with pytest.raises(InvalidInput, match=r"must end in \.png"):
        save_mask(NUMBERS, COLOURS, tmp_path / "m.jpg")


def test_an_overlay_is_a_mix_and_leaves_the_rest() -> None:
    image = np.full((2, 3, 3), 100, np.uint8)
    drawn = overlay(image, NUMBERS, ((0, 0, 0), (200, 100, 0), (100, 100, 100)), 0.5)
    assert (
        drawn[0, 0].tolist() == [50] * 3
        and drawn[0, 1].tolist() == [150, 100, 50]
        and drawn[1, 2].tolist() == [100] * 3
    )
    assert (overlay(image, NUMBERS, COLOURS, 0.0) == image).all()
    with pytest.raises(InvalidInput, match="do not cover"):
        overlay(image, NUMBERS[:1], COLOURS)


def test_outlines_stand_where_labels_change() -> None:
    labels = np.array([[0, 0, 1], [0, 2, 2]])
    assert outlines(labels).tolist() == [[False, True, True], [True, False, False]]
