"""Random views of aligned crops: geometry, colour, resolution and occlusion, a batch at a time.

Every function takes images (B, 3, S, S) float32 in 0..1 and a generator, and returns the same shape and range; the
later ones of a chain write into the images that they are given.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch.nn import functional as F

from facerec.errors import InvalidInput


@dataclass(frozen=True, slots=True)
class AugmentSettings:
    """How far a view may be from the crop. Probabilities are per image. Raises InvalidInput for one outside 0..1,
    for a spread below 0, and for a share of 1 or more.
    """

    rotation: float = 6.0  # degrees, uniform in +-
    scale: float = 0.06  # share, uniform in +-
    shift: float = 4.0  # pixels of the 112x112 face, uniform in +-
    shear: float = 0.03  # share, uniform in +-
    mirror: float = 0.5
    brightness: float = 0.25  # share, uniform in +-
    contrast: float = 0.25
    colour: float = 0.10  # per channel
    grey: float = 0.10
    soften: float = 0.25  # fewer pixels: down to a third and up again
    occlude: float = 0.20  # one rectangle, up to a third of each side

    def __post_init__(self) -> None:
        for name in ("mirror", "grey", "soften", "occlude"):
            if not 0 <= getattr(self, name) <= 1:
                raise InvalidInput(f"augment.{name} is a probability and must be in 0..1")
        for name in ("scale", "shear", "brightness", "contrast", "colour"):
            if not 0 <= getattr(self, name) < 1:
                raise InvalidInput(f"augment.{name} is a share and must be in 0..1, 1 excluded")
        for name in ("rotation", "shift"):
            if not getattr(self, name) >= 0:
                raise InvalidInput(f"augment.{name} must be 0 or more")


def uniform(count: int, spread: float, rng: torch.Generator) -> torch.Tensor:
    """(count,) numbers in -spread..spread."""
    return (torch.rand(count, generator=rng) * 2 - 1) * spread


def chosen(count: int, probability: float, rng: torch.Generator) -> torch.Tensor:
    """(count,) bool, True with the probability."""
    return torch.rand(count, generator=rng) < probability


def face_affines(count: int, settings: AugmentSettings, margin: float, rng: torch.Generator) -> torch.Tensor:
    """(count, 2, 3) maps from the output's -1..1 square to the crop's, whose middle `margin` share is the face."""
    angle = uniform(count, math.radians(settings.rotation), rng)
    size = margin * (1 + uniform(count, settings.scale, rng))
    flip = 1 - 2 * chosen(count, settings.mirror, rng).float()
    shear = uniform(count, settings.shear, rng)
    shift = uniform(2 * count, settings.shift / 56 * margin, rng).reshape(count, 2)
    cos, sin = size * angle.cos(), size * angle.sin()
    rows = torch.stack([cos * flip, -sin + shear, shift[:, 0], sin * flip, cos, shift[:, 1]], dim=1)
    return rows.reshape(count, 2, 3)


def sample(images: torch.Tensor, affines: torch.Tensor, size: int) -> torch.Tensor:
    """Look at each image through its affine map: (B, 3, H, W) -> (B, 3, size, size)."""
    grid = F.affine_grid(affines, [len(images), 3, size, size], align_corners=False)
    return F.grid_sample(images, grid, mode="bilinear", padding_mode="zeros", align_corners=False)


def relight(images: torch.Tensor, settings: AugmentSettings, rng: torch.Generator) -> torch.Tensor:
    """Brightness, contrast and a cast of colour; some images become grey."""
    count = len(images)
    mean = images.mean(dim=(1, 2, 3), keepdim=True)
    contrast = 1 + uniform(count, settings.contrast, rng).reshape(-1, 1, 1, 1)
    gain = 1 + uniform(count, settings.brightness, rng).reshape(-1, 1, 1, 1)
    cast = 1 + uniform(3 * count, settings.colour, rng).reshape(-1, 3, 1, 1)
    lit = (images - mean) * contrast + mean * gain * cast
    grey = chosen(count, settings.grey, rng)
    lit[grey] = lit[grey].mean(dim=1, keepdim=True).expand(-1, 3, -1, -1)
    return lit.clamp_(0, 1)


def soften(images: torch.Tensor, settings: AugmentSettings, rng: torch.Generator) -> torch.Tensor:
    """Some images lose resolution: averaged down to between a third and three quarters of the size, and up again.

    All of one batch to the same size. Writes into `images`.
    """
    rows = chosen(len(images), settings.soften, rng).nonzero().squeeze(1)
    side = images.shape[-1]
    small = round(side * (1 / 3 + 0.42 * torch.rand(1, generator=rng).item()))
    if len(rows):
        low = F.interpolate(images[rows], (small, small), mode="area")
        images[rows] = F.interpolate(low, (side, side), mode="bilinear", align_corners=False)
    return images


def occlude(images: torch.Tensor, settings: AugmentSettings, rng: torch.Generator) -> torch.Tensor:
    """Some images get one rectangle of one grey level, up to a third of each side (DeVries and Taylor, 2017).

    Writes into `images`.
    """
    side = images.shape[-1]
    for row in chosen(len(images), settings.occlude, rng).nonzero().squeeze(1).tolist():
        height, width, top, left, level = torch.rand(5, generator=rng).tolist()
        y, x = int(top * side * 2 / 3), int(left * side * 2 / 3)
        images[row, :, y : y + int(height * side / 3) + 1, x : x + int(width * side / 3) + 1] = level
    return images


def augment(crops: torch.Tensor, size: int, settings: AugmentSettings, rng: torch.Generator) -> torch.Tensor:
    """One random view of each crop, ready for a trunk.

    (B, 128, 128, 3) uint8, the face in the middle 112 -> (B, 3, size, size) float32 in -1..1, channels last in memory.
    """
    count, side = crops.shape[:2]
    images = crops.permute(0, 3, 1, 2).float() / 255
    views = sample(images, face_affines(count, settings, 112 / side, rng), size)
    views = occlude(soften(relight(views, settings, rng), settings, rng), settings, rng)
    return (views * 2 - 1).contiguous(memory_format=torch.channels_last)


def plain(crops: torch.Tensor, size: int) -> torch.Tensor:
    """The face as it is: (B, 128, 128, 3) uint8 -> (B, 3, size, size) float32 in -1..1."""
    edge = (crops.shape[1] - 112) // 2
    faces = crops[:, edge : edge + 112, edge : edge + 112].permute(0, 3, 1, 2).float() / 127.5 - 1
    if size != 112:
        faces = F.interpolate(faces, (size, size), mode="area")
    return faces.contiguous(memory_format=torch.channels_last)
