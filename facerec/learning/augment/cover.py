"""Parts of the face hidden: a rectangle anywhere, a mask over mouth and nose. Images (B, 3, S, S), written into."""

from __future__ import annotations

import torch

from facerec.learning.augment.draws import between, chosen, some

EDGE = (0.50, 0.68)
"""Where a mask begins, as a share of the aligned face's height: from the bridge of the nose to below its tip."""
SIDES = (0.34, 0.46)
"""How far a mask reaches to either side of the middle, as a share of the face's width."""
SAG = (0.0, 0.12)
"""How much lower a mask begins at its sides than over the nose."""


def occlude(images: torch.Tensor, probability: float, rng: torch.Generator) -> torch.Tensor:
    """Some images get one rectangle of one grey level, up to a third of each side (DeVries and Taylor, 2017)."""
    side = images.shape[-1]
    for row in chosen(len(images), probability, rng).nonzero().squeeze(1).tolist():
        height, width, top, left, level = torch.rand(5, generator=rng).tolist()
        y, x = int(top * side * 2 / 3), int(left * side * 2 / 3)
        images[row, :, y : y + int(height * side / 3) + 1, x : x + int(width * side / 3) + 1] = level
    return images


def wear_masks(
    images: torch.Tensor, grid: torch.Tensor, margin: float, probability: float, rng: torch.Generator
) -> torch.Tensor:
    """Some faces wear a mask of one colour over mouth, chin and most of the nose, which turns with the face.

    `grid` (B, S, S, 2) says where in the crop each pixel comes from, `margin` which share of the crop is the face.
    """
    rows = some(len(images), probability, rng)
    if len(rows):
        x, y = (grid[rows] / margin / 2 + 0.5).unbind(dim=3)  # 0..1 of the face
        covered = mask_shape(x, y, rng)
        pale, cast = between(len(rows), 0, 0.5, rng), between(3 * len(rows), 0, 0.5, rng)
        colour = (pale[:, None] + cast.reshape(-1, 3)).to(images)
        images[rows] = torch.where(covered[:, None], colour[:, :, None, None], images[rows])
    return images


def mask_shape(x: torch.Tensor, y: torch.Tensor, rng: torch.Generator) -> torch.Tensor:
    """Which places of some faces their masks cover: x and y (N, S, S), 0..1 of the face -> (N, S, S) bool."""
    edge, reach, sag = (between(len(x), *limits, rng).reshape(-1, 1, 1).to(x) for limits in (EDGE, SIDES, SAG))
    away = ((x - 0.5) / reach).abs()
    below = (y - edge) / (1.02 - edge)
    return (below > sag / (1.02 - edge) * away**2) & (away**2 + below.clamp(min=0) ** 4 < 1)
