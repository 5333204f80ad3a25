"""A network ready to be looked into, and pictures as it takes them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from facerec.cnn.filters import LUMA
from facerec.errors import InvalidInput
from facerec.records import Image

Prepare = Callable[[Image], Tensor]
"""A picture of the network's size, (S, S, 3) levels -> (1, C, S, S) float32; values change, places do not."""


@dataclass(frozen=True, slots=True)
class Sight:
    """A network in evaluation mode and how pictures reach it.

    size     side of its input, pixels
    prepare  from a picture of that size to its input
    """

    net: nn.Module
    size: int
    channels: int
    prepare: Prepare

    def input(self, image: Image) -> Tensor:
        """Any picture as the network's input: (H, W, 3) -> (1, C, size, size)."""
        return self.prepare(fitted(image, self.size))


def look_into(net: nn.Module, size: int, channels: int = 3, prepare: Prepare | None = None) -> Sight:
    """A network for looking into; levels reach it as 0..1 unless its weights ask for something else."""
    return Sight(net.eval(), size, channels, prepare or (lambda image: as_input(image, channels)))


def fitted(image: Image, size: int) -> Image:
    """The largest square around the middle, in the network's size: (H, W, 3) -> (size, size, 3)."""
    height, width = image.shape[:2]
    side = min(height, width)
    top, left = (height - side) // 2, (width - side) // 2
    square = torch.from_numpy(image[top : top + side, left : left + side].copy()).permute(2, 0, 1)[None]
    if side == size:
        return image[top : top + side, left : left + side]
    resized = nn.functional.interpolate(square.float(), (size, size), mode="bilinear", antialias=True)
    levels: Image = resized[0].permute(1, 2, 0).round().clamp(0, 255).to(torch.uint8).numpy()
    return levels


def as_input(image: Image, channels: int) -> Tensor:
    """(H, W, 3) levels -> (1, channels, H, W) float32, 0..1; one channel is grey.

    Raises InvalidInput for anything but one or three channels.
    """
    if channels not in (1, 3):
        raise InvalidInput(f"a picture has 1 or 3 channels, this network takes {channels}")
    values = torch.from_numpy(image.copy()).float().permute(2, 0, 1)[None] / 255
    return values if channels == 3 else (values * torch.from_numpy(LUMA)[:, None, None]).sum(dim=1, keepdim=True)
