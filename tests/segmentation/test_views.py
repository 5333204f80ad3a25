"""A view moves a picture and its mask together."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from facerec.errors import InvalidInput
from facerec.segmentation.masks import IGNORE
from facerec.segmentation.views import ViewSettings, view, views
from tests.segmentation.shapes import drawn

COLOURS = np.array([[120, 120, 120], [220, 180, 60], [40, 60, 140]], np.uint8)


@pytest.mark.parametrize(
    "settings",
    [
        ViewSettings(),
        ViewSettings(mirror=1.0),
        ViewSettings(flip=1.0),
        ViewSettings(rotation=180),
        ViewSettings(scale=(0.7, 1.6)),
        ViewSettings(elastic=3, grid=16),
        ViewSettings(scale=(0.8, 1.3), rotation=40, mirror=0.5, flip=0.5, elastic=2, grid=24),
    ],
)
def test_what_happens_to_a_pixel_happens_to_its_label(settings: ViewSettings) -> None:
    """The picture is its mask in colours: so a view's colours must be its labels', but on edges that were blended."""
    _, mask = drawn(3)
    rng = torch.Generator().manual_seed(1)
    for _ in range(5):
        levels, labels = view(COLOURS[mask], mask, (40, 56), settings, rng)
        inside = labels != IGNORE
        away = (levels.permute(1, 2, 0)[..., None, :] - torch.from_numpy(COLOURS).float()).abs().sum(dim=-1)
        agree = away.argmin(dim=-1)[inside] == labels[inside]
        assert inside.any() and agree.float().mean() > 0.97


def test_an_unchanged_view_is_the_picture() -> None:
    picture, mask = drawn(5)
    levels, labels = view(picture, mask, mask.shape, ViewSettings(), torch.Generator())
    torch.testing.assert_close(levels.permute(1, 2, 0), torch.from_numpy(picture).float(), atol=0.01, rtol=0)
    assert (labels.numpy() == mask).all()


def test_a_mirrored_view_is_the_mirrored_picture() -> None:
    picture, mask = drawn(5)
    levels, labels = view(picture, mask, mask.shape, ViewSettings(mirror=1.0), torch.Generator())
    torch.testing.assert_close(
        levels.permute(1, 2, 0), torch.from_numpy(picture[:, ::-1].copy()).float(), atol=0.01, rtol=0
    )
    assert (labels.numpy() == mask[:, ::-1]).all()


def test_a_crop_lies_in_the_picture_and_what_is_outside_counts_for_nothing() -> None:
    picture, mask = drawn(7)
    rng = torch.Generator().manual_seed(0)
    for _ in range(20):
        assert (view(picture, mask, (30, 30), ViewSettings(), rng)[1] != IGNORE).all()
    _, labels = view(picture, mask, (100, 100), ViewSettings(), rng)
    assert (labels != IGNORE).sum() == mask.size


def test_light_changes_levels_and_no_label() -> None:
    picture, mask = drawn(9)
    settings = ViewSettings(brightness=0.2, contrast=0.4, colour=0.2, noise=0.05)
    levels, labels = views([picture], [mask], mask.shape, settings, torch.Generator().manual_seed(0))
    assert (labels[0].numpy() == mask).all()
    assert levels.min() >= 0 and levels.max() <= 255
    assert (levels[0].permute(1, 2, 0) - torch.from_numpy(picture)).abs().mean() > 3


@pytest.mark.parametrize("wrong", [{"scale": (0.0, 1.0)}, {"scale": (2.0, 1.0)}, {"mirror": 1.5}, {"noise": -1.0}])
def test_values_out_of_range_are_named(wrong: dict) -> None:
    with pytest.raises(InvalidInput, match=f"augment.{next(iter(wrong))}"):
        ViewSettings(**wrong)
