"""BiFPN: features of all scales mixed downwards and upwards again, weighted (Tan, Pang and Le, 2020, section 3)."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from facerec.cnn.blocks import halve

LEVELS = 5
EPS = 1e-3
"""Of batch norm."""


class Mix(nn.Module):
    """Maps of one shape -> their weighted mean: weights of 0 or more that are learned, divided by their sum.

    The paper calls it fast normalised fusion; softmax would do the same more slowly.
    """

    def __init__(self, count: int):
        super().__init__()
        self.weights = nn.Parameter(torch.ones(count))

    def forward(self, maps: Sequence[Tensor]) -> Tensor:
        weights = F.relu(self.weights)
        shares = weights / (weights.sum() + 1e-4)
        return torch.stack([share * each for share, each in zip(shares, maps, strict=True)]).sum(dim=0)


def separable(channels: int, c_out: int) -> nn.Sequential:
    """3x3 in each channel, then 1x1 with a bias: (B, C, H, W) -> (B, c_out, H, W)."""
    depthwise = nn.Conv2d(channels, channels, 3, padding=1, groups=channels, bias=False)
    return nn.Sequential(OrderedDict(depthwise=depthwise, pointwise=nn.Conv2d(channels, c_out, 1)))


def norm(channels: int) -> nn.BatchNorm2d:
    """Batch norm with the authors' constants."""
    return nn.BatchNorm2d(channels, eps=EPS, momentum=0.01)


def to_width(c_in: int, width: int) -> nn.Module:
    """1x1 convolution and batch norm to another number of channels; nothing where it is the right one."""
    return nn.Identity() if c_in == width else nn.Sequential(nn.Conv2d(c_in, width, 1), norm(width))


class Node(nn.Module):
    """Mix some maps, then swish and a separable convolution: several (B, W, h, w) -> (B, W, h, w)."""

    def __init__(self, width: int, inputs: int):
        super().__init__()
        self.mix = Mix(inputs)
        self.conv = nn.Sequential(nn.SiLU(), *separable(width, width), norm(width))

    def forward(self, maps: Sequence[Tensor]) -> Tensor:
        x: Tensor = self.conv(self.mix(maps))
        return x


class BiFPNLayer(nn.Module):
    """Five maps, each half as large as the one before, -> five of `width` channels.

    On the way down a map is mixed with the coarser one enlarged; on the way up with itself as it came and the finer one
    reduced. A map that both ways want is brought to the width for each by itself, as in the authors' code.
    """

    def __init__(self, channels: Sequence[int], width: int):
        super().__init__()
        self.enter_down = nn.ModuleList(to_width(c, width) for c in channels)
        self.enter_up = nn.ModuleList(to_width(c, width) for c in channels[1:-1])
        self.down = nn.ModuleList(Node(width, 2) for _ in range(LEVELS - 1))  # of levels 0 to 3
        self.up = nn.ModuleList([*(Node(width, 3) for _ in range(LEVELS - 2)), Node(width, 2)])  # of levels 1 to 4
        self.halve = halve()

    def forward(self, maps: Sequence[Tensor]) -> list[Tensor]:
        came = [enter(each) for enter, each in zip(self.enter_down, maps, strict=True)]
        again = [enter(each) for enter, each in zip(self.enter_up, maps[1:-1], strict=True)]
        down = [came[-1]]
        for level in reversed(range(LEVELS - 1)):
            larger = F.interpolate(down[0], size=came[level].shape[2:], mode="nearest")
            down.insert(0, self.down[level]([came[level], larger]))
        up = [down[0]]
        for level in range(1, LEVELS):
            finer = self.halve(up[-1])
            beside = [again[level - 1], down[level]] if level < LEVELS - 1 else [came[level]]
            up.append(self.up[level - 1]([*beside, finer]))
        return up
