"""Sizes and colours."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from facerec.errors import ImageTooSmall
from facerec.records import Image
from facerec.style.canvas import (
    fitted,
    levelled,
    luminance,
    matched,
    moments,
    require_room,
    resized,
    to_image,
    to_tensor,
    with_colours_of,
)  # fmt: skip


def test_a_picture_comes_back(photo: Image) -> None:
    assert np.array_equal(to_image(to_tensor(photo)), photo)


def test_nothing_is_enlarged(photo: Image) -> None:
    assert fitted(photo, 1000) == (40, 60) and fitted(photo, 30) == (20, 30)
    assert fitted(np.zeros((2000, 3, 3), np.uint8), 100) == (100, 1)
    assert resized(to_tensor(photo), (20, 30)).shape == (1, 3, 20, 30)


def test_what_is_too_small_is_told_with_its_size() -> None:
    require_room((21, 21), 21, "the style")
    with pytest.raises(
        ImageTooSmall, match=r"the style is 1 x 30 pixels where it is painted; a side needs at least 21"
    ):
        require_room((30, 1), 21, "the style")


def test_matched_colours_have_the_contents_mean_and_covariance(photo: Image, texture: Image) -> None:
    content, style = to_tensor(photo), to_tensor(texture)
    found = moments(matched(style, content))
    assert all(torch.allclose(a, b, atol=1e-6) for a, b in zip(found, moments(content), strict=True))


def test_matching_a_picture_of_one_colour_is_defined(photo: Image) -> None:
    flat = np.full((20, 20, 3), 77, np.uint8)
    assert torch.isfinite(matched(to_tensor(flat), to_tensor(photo))).all()
    assert torch.isfinite(matched(to_tensor(photo), to_tensor(flat))).all()
    assert torch.isfinite(levelled(to_tensor(flat), to_tensor(photo))).all()


def test_a_levelled_style_is_grey_with_the_contents_mean_and_deviation(photo: Image, texture: Image) -> None:
    style, wanted = levelled(to_tensor(texture), to_tensor(photo)), luminance(to_tensor(photo))
    assert torch.allclose(style[:, 0], style[:, 2]) and style.mean().item() == pytest.approx(
        wanted.mean().item(), abs=1e-5
    )
    assert style[:, 0].std(correction=0).item() == pytest.approx(wanted.std(correction=0).item(), abs=1e-5)


def test_colours_stay_while_luminance_changes(photo: Image) -> None:
    content = to_tensor(photo)
    darker = with_colours_of(content, content * 0.5)
    assert torch.allclose(luminance(darker), luminance(content) * 0.5, atol=1e-6)
    assert torch.allclose(darker - luminance(darker), content - luminance(content), atol=1e-6)
