"""Random views of a picture and its mask, moved together: what happens to a pixel happens to its label."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from facerec.errors import InvalidInput
from facerec.records import Image
from facerec.segmentation.masks import IGNORE


@dataclass(frozen=True, slots=True)
class ViewSettings:
    """How far a view may be from the picture. Raises InvalidInput for a value out of its range.

    scale       smallest and largest enlargement; 1 is as it is
    rotation    degrees, either way
    mirror      share of views that are mirrored left to right
    flip        share of views that are turned upside down
    elastic     typical displacement of a coarse grid that bends the view, pixels (U-Net's authors use 10)
    grid        pixels between that grid's points
    brightness  share of the range, either way
    contrast    share, either way
    colour      share by which each channel is stretched, either way
    noise       deviation, share of the range
    """

    scale: tuple[float, float] = (1.0, 1.0)
    rotation: float = 0.0
    mirror: float = 0.0
    flip: float = 0.0
    elastic: float = 0.0
    grid: float = 64.0
    brightness: float = 0.0
    contrast: float = 0.0
    colour: float = 0.0
    noise: float = 0.0

    def __post_init__(self) -> None:
        if found := list(out_of_range(self)):
            raise InvalidInput(f"unusable settings: {'; '.join(found)}")


def out_of_range(settings: ViewSettings) -> Iterator[str]:
    """What is wrong, in words."""
    if not 0 < settings.scale[0] <= settings.scale[1]:
        yield "augment.scale must be a smallest and a largest enlargement, both above 0"
    for name in ("mirror", "flip"):
        if not 0 <= getattr(settings, name) <= 1:
            yield f"augment.{name} must be in 0..1"
    for name in ("rotation", "elastic", "brightness", "contrast", "colour", "noise"):
        if getattr(settings, name) < 0:
            yield f"augment.{name} must be 0 or more"
    if settings.grid < 1:
        yield "augment.grid must be 1 or more"


def views(
    pictures: Sequence[Image], masks: Sequence[np.ndarray], size: tuple[int, int], settings: ViewSettings,
    rng: torch.Generator,
) -> tuple[Tensor, Tensor]:  # fmt: skip
    """One view of each, `size` (height, width): -> levels (B, 3, h, w) float32 0..255, labels (B, h, w) int64.

    The view's place is drawn so that it lies in the picture where that is large enough. What lies outside of the
    picture is black, and counts for nothing.
    """
    pairs = [view(picture, mask, size, settings, rng) for picture, mask in zip(pictures, masks, strict=True)]
    levels, labels = zip(*pairs, strict=True)
    return torch.stack(levels), torch.stack(labels)


def view(
    picture: Image, mask: np.ndarray, size: tuple[int, int], settings: ViewSettings, rng: torch.Generator
) -> tuple[Tensor, Tensor]:
    """Of one picture: (H, W, 3) and (H, W) -> (3, h, w) float32, (h, w) int64."""
    places = drawn_places(picture.shape[:2], size, settings, rng)
    levels = torch.from_numpy(picture).permute(2, 0, 1)[None].float()
    labels = torch.from_numpy(mask)[None, None].float() - IGNORE  # so that what lies outside, 0, is IGNORE
    seen = F.grid_sample(levels, places, mode="bilinear", align_corners=False)[0]
    target = F.grid_sample(labels, places, mode="nearest", align_corners=False)[0, 0]
    return lit(seen, settings, rng), (target + IGNORE).long()


def drawn_places(whole: tuple[int, ...], size: tuple[int, int], settings: ViewSettings, rng: torch.Generator) -> Tensor:
    """Where in the picture each pixel of the view lies: (1, h, w, 2) x y, -1..1 from border to border."""
    smallest, largest = (math.log(each) for each in settings.scale)
    scale = math.exp(uniform(rng, smallest, largest))
    angle = math.radians(uniform(rng, -settings.rotation, settings.rotation))
    turn = [-1.0 if uniform(rng) < share else 1.0 for share in (settings.mirror, settings.flip)]
    sides = torch.tensor(size) / scale  # of the view, in pixels of the picture
    room = (torch.tensor(whole) - sides) / 2
    middle = torch.tensor(whole) / 2 + room * torch.tensor([uniform(rng, -1.0, 1.0) for _ in range(2)])
    rows, columns = (torch.arange(length) - (length - 1) / 2 for length in size)
    y, x = torch.meshgrid(rows * turn[1] / scale, columns * turn[0] / scale, indexing="ij")
    cos, sin = math.cos(angle), math.sin(angle)
    places = torch.stack([middle[1] + cos * x - sin * y, middle[0] + sin * x + cos * y], dim=-1)
    if settings.elastic:
        places = places + bent(size, settings, rng)
    return (places / torch.tensor([whole[1], whole[0]]) * 2 - 1)[None]


def bent(size: tuple[int, int], settings: ViewSettings, rng: torch.Generator) -> Tensor:
    """Smooth random displacements (h, w, 2), pixels: those of a coarse grid, bicubic between its points."""
    points = [max(2, math.ceil(length / settings.grid) + 1) for length in size]
    coarse = torch.randn((1, 2, *points), generator=rng) * settings.elastic
    return F.interpolate(coarse, size, mode="bicubic", align_corners=True)[0].permute(1, 2, 0)


def lit(levels: Tensor, settings: ViewSettings, rng: torch.Generator) -> Tensor:
    """Other light on the same things: (3, h, w) 0..255 -> the same."""
    if settings.contrast or settings.colour:
        stretch = 1 + uniform(rng, -settings.contrast, settings.contrast)
        each = torch.tensor([uniform(rng, -settings.colour, settings.colour) for _ in range(3)])
        mean = levels.mean()
        levels = (levels - mean) * stretch * (1 + each)[:, None, None] + mean
    if settings.brightness:
        levels = levels + 255 * uniform(rng, -settings.brightness, settings.brightness)
    if settings.noise:
        levels = levels + torch.randn(levels.shape, generator=rng) * (255 * settings.noise)
    return levels.clamp(0, 255)


def uniform(rng: torch.Generator, low: float = 0.0, high: float = 1.0) -> float:
    """A number between two."""
    return low + (high - low) * float(torch.rand((), generator=rng))
