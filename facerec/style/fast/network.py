"""The network that paints: Johnson, Alahi, Fei-Fei, "Perceptual losses for real-time style transfer", 2016.

With instance norm in the place of batch norm (Ulyanov et al., 2016), and with enlarging and a convolution in the place
of transposed convolutions, which leave a pattern of squares (Odena et al., 2016). Theirs has a width of 32 and five
blocks; half the width takes a quarter of the work.
"""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor, nn

WIDTH, BLOCKS = 16, 4
MARGIN = 0.02
"""Levels nearer to black or white are taken for this near, so that their logit is finite."""
STRIDE = 4
"""Sides must be multiples of it."""


class Unit(nn.Sequential):
    """Convolution over a mirrored margin, instance norm, ReLU: (B, C, H, W) -> (B, C_out, H / stride, W / stride)."""

    def __init__(self, c_in: int, c_out: int, kernel: int, stride: int = 1, enlarge: int = 1, rectify: bool = True):
        before = [nn.Upsample(scale_factor=enlarge, mode="nearest")] if enlarge > 1 else []
        super().__init__(
            *before,
            nn.ReflectionPad2d(kernel // 2),
            nn.Conv2d(c_in, c_out, kernel, stride),
            nn.InstanceNorm2d(c_out, affine=True),
            *[nn.ReLU()] * rectify,
        )


class Residual(nn.Module):
    """Two units of 3x3 and a shortcut: (B, C, H, W) -> the same shape."""

    def __init__(self, channels: int):
        super().__init__()
        self.branch = nn.Sequential(Unit(channels, channels, 3), Unit(channels, channels, 3, rectify=False))

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = x + self.branch(x)
        return y


class PaintingNet(nn.Module):
    """A photo (B, 3, H, W) as 0..1, sides multiples of 4 and 16 at least -> its painting, the same.

    What the layers make is added to the logits of the photo's levels: the network begins with the photo, learns what to
    change, and needs a fraction of the steps that it takes to draw a photo first.
    """

    def __init__(self, width: int = WIDTH, blocks: int = BLOCKS):
        super().__init__()
        self.layers = nn.Sequential(*layers(width, blocks))

    def forward(self, x: Tensor) -> Tensor:
        levels = x.clamp(MARGIN, 1 - MARGIN)
        y: Tensor = torch.sigmoid(self.layers(x - 0.5) + torch.log(levels / (1 - levels)))
        return y


def layers(width: int, blocks: int) -> Iterator[nn.Module]:
    """Down to a quarter of the side, the blocks, and up again."""
    yield Unit(3, width, 9)
    yield Unit(width, 2 * width, 3, stride=2)
    yield Unit(2 * width, 4 * width, 3, stride=2)
    yield from (Residual(4 * width) for _ in range(blocks))
    yield Unit(4 * width, 2 * width, 3, enlarge=2)
    yield Unit(2 * width, width, 3, enlarge=2)
    yield nn.ReflectionPad2d(4)
    yield nn.Conv2d(width, 3, 9)
