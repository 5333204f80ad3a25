"""Loss of detail: blur, few pixels, JPEG. Images (B, 3, S, S) float32 in 0..1, written into."""

from __future__ import annotations

import torch
from torch.nn import functional as F

from facerec.learning.augment.draws import between, chosen, some
from facerec.learning.augment.jpeg import compressed

BLUR = (0.5, 2.5)
"""Deviation of a Gaussian blur, in pixels of a view 112 wide."""
QUALITY = (12.0, 75.0)
"""Of JPEG, as libjpeg counts it."""


def soften(images: torch.Tensor, probability: float, rng: torch.Generator) -> torch.Tensor:
    """Some images lose resolution: averaged down to between a third and three quarters of the size, and up again.

    All of one batch to the same size.
    """
    rows = chosen(len(images), probability, rng).nonzero().squeeze(1)
    side = images.shape[-1]
    small = round(side * (1 / 3 + 0.42 * torch.rand(1, generator=rng).item()))
    if len(rows):
        there_and_back = through(side, small).to(images)
        images[rows] = there_and_back @ images[rows] @ there_and_back.T
    return images


def through(side: int, small: int) -> torch.Tensor:
    """What fewer pixels do along one side, as a matrix (side, side): averaged to `small`, linear between them.

    On both sides of an image this is torch's `area` and then `bilinear`, in less than half of their time.
    """
    averaged = F.interpolate(torch.eye(side)[None], small, mode="area")
    return F.interpolate(averaged, side, mode="linear", align_corners=False)[0].T


def blur(images: torch.Tensor, probability: float, rng: torch.Generator) -> torch.Tensor:
    """Some images are blurred, each by a Gaussian of its own width."""
    rows = some(len(images), probability, rng)
    if len(rows):
        deviations = between(len(rows), *BLUR, rng).to(images) * images.shape[-1] / 112
        images[rows] = smoothed(images[rows], deviations)
    return images


def smoothed(images: torch.Tensor, deviations: torch.Tensor) -> torch.Tensor:
    """Each image under its own Gaussian, cut at three deviations: (N, 3, S, S), (N,) pixels -> (N, 3, S, S)."""
    count, channels, side, _ = images.shape
    reach = min(max(1, round(3 * deviations.max().item())), side - 1)
    away = torch.arange(-reach, reach + 1).to(images)
    weights = torch.softmax(-(away**2) / (2 * deviations[:, None] ** 2), dim=1)  # (N, 2 reach + 1)
    kernels = weights.repeat_interleave(channels, dim=0)
    planes = F.pad(images, (reach,) * 4, mode="reflect").reshape(1, count * channels, *(side + 2 * reach,) * 2)
    across = F.conv2d(planes, kernels[:, None, None, :], groups=count * channels)
    both = F.conv2d(across, kernels[:, None, :, None], groups=count * channels)
    return both.reshape(images.shape)


def jpeg(images: torch.Tensor, probability: float, rng: torch.Generator) -> torch.Tensor:
    """Some images get the artefacts of JPEG, each at its own quality."""
    rows = some(len(images), probability, rng)
    if len(rows):
        images[rows] = compressed(images[rows], between(len(rows), *QUALITY, rng))
    return images
