"""JPEG as arithmetic: it agrees with the real one, and blur with scikit-image's."""

from __future__ import annotations

import io

import numpy as np
import PIL.Image
import pytest
import torch

from facerec.learning.augment.detail import smoothed
from facerec.learning.augment.jpeg import LUMINANCE, compressed, cosine_transform, steps
from tests.drawn_crops import drawn_crop

DRAWN = np.stack([drawn_crop(7, take) for take in range(3)])


def as_images(pixels: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(pixels).permute(0, 3, 1, 2).float() / 255


def real(pixels: np.ndarray, quality: int) -> torch.Tensor:
    decoded = []
    for picture in pixels:
        file = io.BytesIO()
        PIL.Image.fromarray(picture).save(file, "JPEG", quality=quality, subsampling="4:2:0")
        decoded.append(np.array(PIL.Image.open(file)))
    return as_images(np.stack(decoded))


@pytest.mark.parametrize("quality", [10, 30, 50, 75, 95])
def test_it_leaves_what_pillows_jpeg_leaves(quality: int) -> None:
    ours = compressed(as_images(DRAWN), torch.full((3,), float(quality)))
    theirs = real(DRAWN, quality)
    apart, lost = (ours - theirs).abs().mean() * 255, (theirs - as_images(DRAWN)).abs().mean() * 255
    assert apart < 0.17 * lost  # libjpeg puts the halved chroma back with other weights


@pytest.mark.parametrize("quality", [10, 50, 90])
def test_without_colour_it_is_pillows_jpeg_but_for_rounding(quality: int) -> None:
    noise = np.random.default_rng(0).normal(0, 9, DRAWN.shape[:3])  # no coefficient lies half-way between two steps
    grey = np.clip(DRAWN[..., :1] + noise[..., None], 0, 255).astype(np.uint8).repeat(3, axis=3)
    ours = (compressed(as_images(grey), torch.full((3,), float(quality))) * 255).round()
    assert (ours - real(grey, quality) * 255).abs().mean() < 0.4


def test_the_tables_of_a_quality_are_those_in_pillows_file() -> None:
    for quality in (5, 50, 90):
        file = io.BytesIO()
        PIL.Image.fromarray(DRAWN[0]).save(file, "JPEG", quality=quality)
        stored = PIL.Image.open(file).quantization[0]
        assert sorted(steps(LUMINANCE, torch.tensor([float(quality)])).flatten().int().tolist()) == sorted(stored)


def test_the_transform_is_orthonormal_and_finds_a_wave() -> None:
    cosines = cosine_transform()
    assert torch.allclose(cosines @ cosines.T, torch.eye(8), atol=1e-6)
    assert torch.allclose(cosines @ torch.ones(8), torch.tensor([8**0.5, 0, 0, 0, 0, 0, 0, 0]), atol=1e-6)


def test_each_image_has_its_own_quality_and_any_size_will_do() -> None:
    pixels = as_images(DRAWN)[:2, :, :45, :30]
    both = compressed(pixels, torch.tensor([5.0, 90.0]))
    assert both.shape == pixels.shape
    assert torch.allclose(both[1:], compressed(pixels[1:], torch.tensor([90.0])), atol=1e-5)
    lost = (both - pixels).abs().mean(dim=(1, 2, 3))
    assert lost[0] > 2 * lost[1]


def test_blur_is_a_gaussian_of_each_images_width() -> None:
    from skimage.filters import gaussian

    widths = torch.tensor([0.8, 1.5, 2.4])
    ours = smoothed(as_images(DRAWN), widths)
    for image, width, blurred in zip(DRAWN, widths, ours, strict=True):
        theirs = gaussian(image / 255, width.item(), channel_axis=2, mode="mirror", truncate=7.2 / width.item())
        assert np.abs(blurred.permute(1, 2, 0).numpy() - theirs).max() < 2e-3
