"""Where each pixel of a view comes from: turns, shifts, crops and local warps as one map, looked through once."""

from __future__ import annotations

import math

import torch
from torch.nn import functional as F

from facerec.learning.augment.draws import between, chosen, uniform
from facerec.learning.augment.settings import AugmentSettings

HANDLES = 7
"""Of a local warp, along each side; those at the edges lie outside the picture."""
FACE = 56
"""Half the side of the face, in pixels: what the settings' ways are measured against."""


def face_affines(count: int, settings: AugmentSettings, margin: float, rng: torch.Generator) -> torch.Tensor:
    """(count, 2, 3) maps from the output's -1..1 square to the crop's, whose middle `margin` share is the face."""
    angle = uniform(count, math.radians(settings.rotation), rng)
    size = margin * (1 + uniform(count, settings.scale, rng))
    flip = 1 - 2 * chosen(count, settings.mirror, rng).float()
    shear = uniform(count, settings.shear, rng)
    shift = uniform(2 * count, settings.shift / FACE * margin, rng).reshape(count, 2)
    if settings.crop:
        kept = between(count, 1 - settings.crop, 1, rng)
        shift = shift + (size * (1 - kept))[:, None] * uniform(2 * count, 1, rng).reshape(count, 2)
        size = size * kept
    cos, sin = size * angle.cos(), size * angle.sin()
    rows = torch.stack([cos * flip, -sin + shear, shift[:, 0], sin * flip, cos, shift[:, 1]], dim=1)
    return rows.reshape(count, 2, 3)


def centres(size: int) -> torch.Tensor:
    """(size,) where the pixels of a side of -1..1 have their middles."""
    return (torch.arange(size) * 2 + 1) / size - 1


def grid_of(affines: torch.Tensor, size: int) -> torch.Tensor:
    """Where each output pixel looks: (B, 2, 3) -> (B, size, size, 2) x y, as torch's affine_grid without its corners.

    Rows and columns are added up, which takes a fifth of that function's time.
    """
    place = centres(size).to(affines)
    x, y, shift = affines.unbind(dim=2)  # (B, 2) each
    columns = x[:, :, None] * place
    rows = y[:, :, None] * place + shift[:, :, None]
    return (rows[:, :, :, None] + columns[:, :, None, :]).permute(0, 2, 3, 1)


def bend(grid: torch.Tensor, spread: float, rng: torch.Generator) -> torch.Tensor:
    """Move places of a grid by themselves, by up to `spread` in each direction, and smoothly between them.

    A uniform cubic B-spline over a lattice of handles, which keeps the way of every pixel within that of the handles
    (free-form deformation: Rueckert et al., 1999). (B, S, S, 2) -> the same, written into.
    """
    count, size = grid.shape[:2]
    weights = spline_weights(size, HANDLES).to(grid)  # (S, HANDLES)
    ways = uniform(count * 2 * HANDLES**2, spread, rng).reshape(count, 2, HANDLES, HANDLES).to(grid)
    moved = weights @ ways @ weights.T  # (B, 2, S, S)
    return grid.add_(moved.permute(0, 2, 3, 1))


def spline_weights(size: int, handles: int) -> torch.Tensor:
    """How much of each handle each of `size` places gets: (size, handles), each row positive and of sum 1."""
    along = torch.linspace(0, handles - 3, size)
    first = along.floor().clamp(max=handles - 4)
    f = along - first
    four = torch.stack([(1 - f) ** 3, 3 * f**3 - 6 * f**2 + 4, -3 * f**3 + 3 * f**2 + 3 * f + 1, f**3], dim=1) / 6
    places = first.long()[:, None] + torch.arange(4)
    return torch.zeros(size, handles).scatter_(1, places, four)


def face_grid(
    images: torch.Tensor, size: int, settings: AugmentSettings, margin: float, rng: torch.Generator
) -> torch.Tensor:
    """Where each pixel of a view of each image looks: (B, size, size, 2) in the image's -1..1 square."""
    grid = grid_of(face_affines(len(images), settings, margin, rng).to(images.device), size)
    return bend(grid, settings.warp / FACE * margin, rng) if settings.warp else grid


def sample(images: torch.Tensor, grid: torch.Tensor) -> torch.Tensor:
    """Look at each image through its grid, bilinear, black outside: (B, C, H, W), (B, S, S, 2) -> (B, C, S, S)."""
    return F.grid_sample(images, grid, mode="bilinear", padding_mode="zeros", align_corners=False)
