"""Views of pictures to learn from: larger, smaller, moved, mirrored, in other light, and the boxes with them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import affine_grid, grid_sample

from facerec.detection.letterbox import GREY
from facerec.errors import InvalidInput
from facerec.geometry import area, clip
from facerec.records import Objects


@dataclass(frozen=True, slots=True)
class ViewSettings:
    """How far a view may be from the picture. Raises InvalidInput for what no view can be.

    zoom        most that a view is larger or smaller: 1.4 for 1/1.4 to 1.4 times
    aspect      the same of its width against its height
    shift       most that it moves, as a share of its sides
    mirror      how often left and right change places
    flip        how often top and bottom do; 0 where things stand upright
    brightness  most that levels are raised or lowered, as a share of all levels
    contrast    most that they are spread or pressed together, as a share
    colour      the same for each channel by itself
    visible     least share of an object that must still be seen for it to be told of
    """

    zoom: float = 1.4
    aspect: float = 1.15
    shift: float = 0.2
    mirror: float = 0.5
    flip: float = 0.0
    brightness: float = 0.1
    contrast: float = 0.2
    colour: float = 0.1
    visible: float = 0.3

    def __post_init__(self) -> None:
        if not (self.zoom >= 1 and self.aspect >= 1):
            raise InvalidInput("zoom and aspect are factors of 1 or more")
        if not all(0 <= share <= 1 for share in (self.shift, self.mirror, self.flip, self.visible)):
            raise InvalidInput("shift, mirror, flip and visible are shares, 0 to 1")


SMALLEST = 2.0
"""Pixels of a view: a thinner object cannot be seen any more."""


def views(
    pixels: np.ndarray, objects: list[Objects], size: tuple[int, int], settings: ViewSettings, rng: np.random.Generator
) -> tuple[Tensor, list[Objects]]:
    """One view of each picture: (B, H, W, 3) uint8 and its objects -> (B, 3, *size) float32 0..1, and theirs."""
    count = len(pixels)
    zoom = np.exp(rng.uniform(-1, 1, count) * np.log(settings.zoom))
    aspect = np.exp(rng.uniform(-1, 1, count) * np.log(settings.aspect) / 2)
    signs = np.where(rng.random((count, 2)) < [settings.mirror, settings.flip], -1.0, 1.0)
    factor = signs * np.stack([zoom * aspect, zoom / aspect], axis=1)  # (B, 2), x y
    shift = rng.uniform(-1, 1, (count, 2)) * settings.shift * 2  # a view is 2 wide, from -1 to 1
    seen = sampled(pixels, factor, shift, size)
    moved = [
        move(each, f, s, pixels.shape[1:3], size, settings.visible)
        for each, f, s in zip(objects, factor, shift, strict=True)
    ]
    return lit(seen, settings, rng), moved


def sampled(pixels: np.ndarray, factor: np.ndarray, shift: np.ndarray, size: tuple[int, int]) -> Tensor:
    """Pictures seen through a zoom and a shift: (B, H, W, 3) uint8 -> (B, 3, *size) 0..1, grey outside."""
    theta = np.zeros((len(pixels), 2, 3), np.float32)
    theta[:, 0, 0], theta[:, 1, 1] = (1 / factor).T
    theta[:, :, 2] = -shift / factor
    grid = affine_grid(torch.from_numpy(theta), [len(pixels), 3, *size], align_corners=False)
    levels = torch.from_numpy(pixels).permute(0, 3, 1, 2).float() - GREY
    return (grid_sample(levels, grid, align_corners=False) + GREY) / 255


def move(
    objects: Objects, factor: np.ndarray, shift: np.ndarray, old: tuple[int, ...], size: tuple[int, int], visible: float
) -> Objects:
    """The objects of a picture of (height, width) `old` where a view of `size` has them, those still seen."""
    sides, new = np.array(old[::-1]), np.array(size[::-1])
    corners = ((objects.boxes.reshape(-1, 2, 2) / sides * 2 - 1) * factor + shift + 1) / 2 * new
    whole = np.concatenate([corners.min(axis=1), corners.max(axis=1)], axis=1)
    cut = clip(whole, size[1], size[0])
    seen = (area(cut) >= visible * area(whole)) & ((cut[:, 2:] - cut[:, :2]) >= SMALLEST).all(axis=1)
    return Objects(cut[seen].astype(np.float32), objects.labels[seen], objects.hard[seen])


def lit(levels: Tensor, settings: ViewSettings, rng: np.random.Generator) -> Tensor:
    """In another light: (B, 3, H, W) 0..1 -> the same."""
    count = len(levels)
    gain = 1 + rng.uniform(-1, 1, (count, 1)) * settings.contrast + rng.uniform(-1, 1, (count, 3)) * settings.colour
    raised = rng.uniform(-1, 1, (count, 1)) * settings.brightness + np.zeros((1, 3))
    gains, rises = (torch.from_numpy(each.astype(np.float32))[:, :, None, None] for each in (gain, raised))
    return ((levels - 0.5) * gains + 0.5 + rises).clamp(0, 1)
