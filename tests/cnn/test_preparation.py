"""Pictures reach a network as its weights were trained."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from sklearn.datasets import load_sample_images

from facerec.cnn.preparation import CAFFE, IMAGENET, Preparation, plain
from facerec.errors import InvalidInput
from tests import reference

CHINA = load_sample_images().images[0].copy()


@pytest.mark.parametrize("interpolation", ["bilinear", "bicubic"])
def test_it_agrees_with_torchvisions_preset(interpolation: str) -> None:
    transforms = reference.torchvision().transforms
    preset = transforms._presets.ImageClassification(
        crop_size=224, interpolation=transforms.InterpolationMode(interpolation)
    )
    theirs = preset(torch.from_numpy(CHINA).permute(2, 0, 1))
    ours = replace(IMAGENET, interpolation=interpolation)(CHINA)[0]
    one_level = 1 / 255 / min(IMAGENET.deviations)
    assert ours.shape == theirs.shape == (3, 224, 224)
    assert (ours - theirs).abs().max() < 1.01 * one_level  # each rounds once to whole levels
    assert (ours - theirs).abs().mean() < 0.01 * one_level


def test_caffes_weights_get_blue_first_less_the_means() -> None:
    red = np.zeros((256, 256, 3), np.uint8)
    red[..., 0] = 200
    assert CAFFE(red).shape == (1, 3, 227, 227)
    assert CAFFE(red)[0, :, 0, 0].tolist() == [-104, -117, 200 - 123]


def test_one_channel_is_grey() -> None:
    white = np.full((40, 50, 3), 255, np.uint8)
    assert plain(32, 1)(white).shape == (1, 1, 32, 32)
    assert plain(32, 1)(white).flatten()[0].item() == pytest.approx(1)


def test_ten_crops_are_the_corners_the_middle_and_their_mirror_images() -> None:
    rows, columns = np.mgrid[:8, :8]
    image = np.stack([rows, columns, 0 * rows], axis=-1).astype(np.uint8)
    crops = Preparation(8, 4, scale=1.0).ten_crops(image)
    assert crops.shape == (10, 3, 4, 4)
    corners = [tuple(map(int, crop[:2, 0, 0])) for crop in crops]
    assert corners == [(0, 0), (0, 4), (4, 0), (4, 4), (2, 2), (0, 3), (0, 7), (4, 3), (4, 7), (2, 5)]
    assert torch.equal(crops[4:5], Preparation(8, 4, scale=1.0)(image))


@pytest.mark.parametrize("wrong", [{"crop": 9}, {"means": (0.0, 0.0)}, {"deviations": (1.0,)}])
def test_what_cannot_be_is_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(InvalidInput):
        Preparation(**{"resize": 8, "crop": 8} | wrong)  # type: ignore[arg-type]
