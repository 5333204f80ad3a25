"""Brightness, contrast and colour of views: images (B, 3, S, S) float32 in 0..1, written into."""

from __future__ import annotations

import torch

from facerec.learning.augment.draws import chosen, uniform
from facerec.learning.augment.settings import AugmentSettings

EVERY = 4
"""The principal colours are those of every fourth pixel in both directions."""


def relight(images: torch.Tensor, settings: AugmentSettings, rng: torch.Generator) -> torch.Tensor:
    """Brightness, contrast and a cast of colour; some images become grey."""
    count = len(images)
    contrast = (1 + uniform(count, settings.contrast, rng)).reshape(-1, 1, 1, 1).to(images)
    gain = (1 + uniform(count, settings.brightness, rng)).reshape(-1, 1, 1, 1).to(images)
    cast = (1 + uniform(3 * count, settings.colour, rng)).reshape(-1, 3, 1, 1).to(images)
    mean = images.mean(dim=(1, 2, 3), keepdim=True)
    lit = images.mul_(contrast).add_(mean * (gain * cast - contrast))
    grey = chosen(count, settings.grey, rng).to(images.device)
    lit[grey] = lit[grey].mean(dim=1, keepdim=True).expand(-1, 3, -1, -1)
    return lit.clamp_(0, 1)


def shift_colours(images: torch.Tensor, deviation: float, rng: torch.Generator) -> torch.Tensor:
    """Move all pixels of an image along the principal colours of the batch (Krizhevsky et al., 2012).

    By normal numbers of that deviation, 0.1 in the paper, times the colours' own deviation along each axis: the paper
    says eigenvalue, whose meaning would change with the unit of a pixel.
    """
    axes, deviations = principal_colours(images)
    drawn = torch.randn(len(images), 3, generator=rng).to(images) * deviation
    return images.add_(((drawn * deviations) @ axes.T)[:, :, None, None]).clamp_(0, 1)


def principal_colours(images: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """The axes along which the pixels' colours vary, as columns (3, 3), and the deviation along each (3,)."""
    pixels = images[:, :, ::EVERY, ::EVERY].permute(1, 0, 2, 3).reshape(3, -1)
    variances, axes = torch.linalg.eigh(torch.cov(pixels, correction=0))
    return axes, variances.clamp(min=0).sqrt()
