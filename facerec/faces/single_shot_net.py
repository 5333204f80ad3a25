"""The network of our own face detector, in torch: for training and export only.

A plain convolutional net that is thin and short: at strides 8, 16 and 32 every cell says how sure it is to see a face,
where the box lies and where the five landmarks. What the coarse levels know is handed down to the finer ones, as in a
feature pyramid (Lin et al., 2017), and one head reads all three, as in FCOS (Tian et al., 2019).
"""

from __future__ import annotations

import torch
from torch import nn

from facerec.faces.single_shot import NUMBERS

WIDTHS = (16, 24, 48, 72, 80)
"""Channels at strides 2, 4, 8, 16 and 32."""
BEFORE = -4.6
"""The score's logit before anything is learnt: one in a hundred, so that the first steps are not all background."""


class Block(nn.Sequential):
    """A 3x3 convolution with batch norm and ReLU."""

    def __init__(self, inside: int, outside: int, stride: int = 1):
        super().__init__(
            nn.Conv2d(inside, outside, 3, stride, 1, bias=False), nn.BatchNorm2d(outside), nn.ReLU(inplace=True)
        )


class Residual(nn.Module):
    """Two blocks around which the input is led."""

    def __init__(self, width: int):
        super().__init__()
        self.first = Block(width, width)
        self.second = nn.Sequential(nn.Conv2d(width, width, 3, 1, 1, bias=False), nn.BatchNorm2d(width))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.relu(x + self.second(self.first(x)))


class SingleShotNet(nn.Module):
    """(N, 3, H, W) float32 in -1..1, sides multiples of 32 -> (N, cells, 15): a score's logit, 4 of the box, 10 of the
    landmarks, in the units that `single_shot.decode` undoes; the cells of stride 8 first, row by row.
    """

    def __init__(self, widths: tuple[int, int, int, int, int] = WIDTHS):
        super().__init__()
        two, four, eight, sixteen, thirty_two = widths
        self.stem = nn.Sequential(Block(3, two, 2), Block(two, four, 2))
        self.eight = nn.Sequential(Block(four, eight, 2), Residual(eight))
        self.sixteen = nn.Sequential(Block(eight, sixteen, 2), Residual(sixteen))
        self.thirty_two = nn.Sequential(Block(sixteen, thirty_two, 2), Residual(thirty_two))
        self.sideways = nn.ModuleList(nn.Conv2d(width, eight, 1) for width in widths[2:])
        self.head = nn.Conv2d(eight, eight, 3, 1, 1, bias=False)
        self.norms = nn.ModuleList(nn.BatchNorm2d(eight) for _ in range(3))  # one for all would mix three statistics
        self.read = nn.Conv2d(eight, NUMBERS, 1)
        nn.init.normal_(self.read.weight, std=0.01)
        self.read.bias = nn.Parameter(torch.tensor([BEFORE] + [0.0] * (NUMBERS - 1)))

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        eight = self.eight(self.stem(images))
        sixteen = self.sixteen(eight)
        levels = [eight, sixteen, self.thirty_two(sixteen)]
        levels = [side(level) for side, level in zip(self.sideways, levels, strict=True)]
        levels[1] = levels[1] + nn.functional.interpolate(levels[2], scale_factor=2.0, mode="nearest")
        levels[0] = levels[0] + nn.functional.interpolate(levels[1], scale_factor=2.0, mode="nearest")
        seen = [norm(self.head(level)).relu() for norm, level in zip(self.norms, levels, strict=True)]
        return torch.cat([self.read(level).flatten(2) for level in seen], dim=2).transpose(1, 2)


class PixelsToCells(nn.Module):
    """What is exported: (1, H, W, 3) uint8 RGB -> (1, cells, 15) float32, the scores in 0..1."""

    def __init__(self, net: SingleShotNet):
        super().__init__()
        self.net = net

    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        cells = self.net(pixels.permute(0, 3, 1, 2).float() / 127.5 - 1)
        return torch.cat([cells[..., :1].sigmoid(), cells[..., 1:]], dim=2)
