"""Random views of pictures, a batch at a time: from pixels to what a trunk sees."""

from __future__ import annotations

import torch
from torch.nn import functional as F

from facerec.learning.augment.cover import occlude, wear_masks
from facerec.learning.augment.detail import blur, jpeg, soften
from facerec.learning.augment.geometry import face_grid, sample
from facerec.learning.augment.light import relight, shift_colours
from facerec.learning.augment.settings import AugmentSettings

FACE = 112
"""Side of the face in the middle of a crop, pixels."""


def random_views(
    levels: torch.Tensor, size: int, margin: float, settings: AugmentSettings, rng: torch.Generator
) -> torch.Tensor:
    """One random view of each picture, whose middle `margin` share is meant: what is in front of the camera, then the
    light, then the camera.

    (B, 3, H, W) float32 of 0..255 -> (B, 3, size, size) float32 of 0..1. What is switched off draws no number.
    """
    grid = face_grid(levels, size, settings, margin, rng)
    images = sample(levels, grid).div_(255)
    images = wear_masks(images, grid, margin, settings.mask, rng)
    images = relight(images, settings, rng)
    if settings.pca:
        images = shift_colours(images, settings.pca, rng)
    images = blur(images, settings.blur, rng)
    images = occlude(soften(images, settings.soften, rng), settings.occlude, rng)
    return jpeg(images, settings.jpeg, rng)


def augment(crops: torch.Tensor, size: int, settings: AugmentSettings, rng: torch.Generator) -> torch.Tensor:
    """One random view of each crop, ready for a trunk.

    (B, 128, 128, 3) uint8, the face in the middle 112 -> (B, 3, size, size) float32 in -1..1, channels last in memory.
    """
    levels = crops.permute(0, 3, 1, 2).float()
    images = random_views(levels, size, FACE / crops.shape[1], settings, rng)
    views = torch.empty_like(images, memory_format=torch.channels_last)
    return torch.add(torch.tensor(-1.0, device=images.device), images, alpha=2, out=views)


def plain(crops: torch.Tensor, size: int) -> torch.Tensor:
    """The face as it is: (B, 128, 128, 3) uint8 -> (B, 3, size, size) float32 in -1..1, channels last in memory."""
    edge = (crops.shape[1] - FACE) // 2
    faces = crops[:, edge : edge + FACE, edge : edge + FACE].permute(0, 3, 1, 2).float() / 127.5 - 1
    if size < FACE:
        faces = F.interpolate(faces, (size, size), mode="area")
    elif size > FACE:
        faces = F.interpolate(faces, (size, size), mode="bilinear", align_corners=False)
    return faces.contiguous(memory_format=torch.channels_last)
