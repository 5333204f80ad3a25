"""How a picture becomes the input that a set of weights was trained on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional as F

from facerec.cnn.filters import LUMA
from facerec.errors import InvalidInput
from facerec.records import Image


@dataclass(frozen=True, slots=True)
class Preparation:
    """Resize the shorter side, cut a square from the middle, divide by `scale`, subtract means, divide by deviations.

    resize         shorter side after resizing, pixels
    crop           side of the square, pixels, at most `resize`
    means          of each channel of the network, in its order, in units of `scale`; one channel is grey
    deviations     of each channel, likewise
    scale          levels 0..255 are divided by it first
    order          of the network's three channels
    interpolation  of the resizing, always with antialiasing
    """

    resize: int
    crop: int
    means: tuple[float, ...] = (0.0, 0.0, 0.0)
    deviations: tuple[float, ...] = (1.0, 1.0, 1.0)
    scale: float = 255.0
    order: Literal["RGB", "BGR"] = "RGB"
    interpolation: Literal["bilinear", "bicubic"] = "bilinear"

    def __post_init__(self) -> None:
        if len(self.means) not in (1, 3):
            raise InvalidInput(f"a picture has 1 or 3 channels, and not {len(self.means)}")
        if len(self.means) != len(self.deviations):
            raise InvalidInput(f"{len(self.means)} means and {len(self.deviations)} deviations: give one a channel")
        if not 0 < self.crop <= self.resize:
            raise InvalidInput(f"a square of {self.crop} pixels cannot be cut from a side of {self.resize}")

    def __call__(self, image: Image) -> Tensor:
        """The middle of a picture: (H, W, 3) levels -> (1, C, crop, crop) float32."""
        levels = resized(image, self)
        return self.normalised(middle(levels, self.crop))[None]

    def ten_crops(self, image: Image) -> Tensor:
        """The four corners and the middle, each also mirrored (Krizhevsky et al., 2012): -> (10, C, crop, crop)."""
        levels, side = resized(image, self), self.crop
        corners = [levels[:, rows, columns] for rows in edges(side) for columns in edges(side)]
        five = torch.stack([*corners, middle(levels, side)])
        return self.normalised(torch.cat([five, five.flip(-1)]))

    def normalised(self, levels: Tensor) -> Tensor:
        """(..., 3, H, W) levels -> (..., C, H, W) as the network takes them."""
        if len(self.means) == 1:
            levels = (levels * torch.from_numpy(LUMA)[:, None, None]).sum(dim=-3, keepdim=True)
        elif self.order == "BGR":
            levels = levels.flip(-3)
        means, deviations = (torch.tensor(each)[:, None, None] for each in (self.means, self.deviations))
        return (levels / self.scale - means) / deviations


def edges(side: int) -> tuple[slice, slice]:
    """The first and the last so many rows or columns."""
    return slice(None, side), slice(-side, None)


def resized(image: Image, how: Preparation) -> Tensor:
    """A picture whose shorter side is `how.resize`: (H, W, 3) levels -> (3, h, w) float32, whole levels 0..255."""
    height, width = image.shape[:2]
    levels = torch.from_numpy(image.copy()).permute(2, 0, 1)[None].float()
    short = min(height, width)
    if short != how.resize:
        size = [int(how.resize * side / short) for side in (height, width)]
        levels = F.interpolate(levels, size, mode=how.interpolation, antialias=True)
    return levels[0].round().clamp(0, 255)


def middle(levels: Tensor, side: int) -> Tensor:
    """The square in the middle: (..., H, W) -> (..., side, side)."""
    top, left = (round((length - side) / 2) for length in levels.shape[-2:])
    return levels[..., top : top + side, left : left + side]


def squared(image: Image, side: int) -> Image:
    """The middle square of a picture, resized: (H, W, 3) -> (side, side, 3) uint8."""
    levels = middle(resized(image, plain(side, 3)), side)
    square: Image = levels.permute(1, 2, 0).byte().numpy()
    return square


IMAGENET = Preparation(256, 224, (0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
"""Of most of torchvision's weights."""
CENTRED = Preparation(256, 224, (0.5,) * 3, (0.5,) * 3)
"""-1..1, as the weights of GoogLeNet and Inception want it: torchvision converts to that inside the network."""
CAFFE = Preparation(256, 227, (104.0, 117.0, 123.0), scale=1.0, order="BGR")
"""Of the SqueezeNet authors' own weights: levels of blue, green and red less their means."""


def plain(side: int, channels: int) -> Preparation:
    """The middle square of a picture as 0..1. Raises InvalidInput for anything but one or three channels."""
    return Preparation(side, side, (0.0,) * channels, (1.0,) * channels)
