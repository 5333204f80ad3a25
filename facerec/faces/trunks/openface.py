"""OpenFace's nn4.small2: Amos, Ludwiczuk, Satyanarayanan, "OpenFace: a general-purpose face recognition library with
mobile applications", 2016, after FaceNet's NN4.

Input 96x96. 3,733,968 parameters are published, 4,656 of them biases in front of a batch norm, which takes them out
again; without those it is 3,729,312 here. 200 million multiply-adds. Pooled maps are smaller than the maps beside
them, and framed with zeros to their size, as Torch7's DepthConcat does.
"""

from __future__ import annotations

import torch
from torch import nn

from facerec.cnn.blocks import Branches, ConvBN, GlobalAveragePool, initialise
from facerec.cnn.layers import ChannelResponseNorm
from facerec.faces.trunks.trunk import Trunk, UnitRows
from facerec.records import DIM

Pair = tuple[int, int]


class LengthPool(nn.Module):
    """The length of each 3x3 window's values, windows side by side: (B, C, H, W) -> (B, C, H // 3, W // 3)."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        squares = nn.functional.avg_pool2d(x.square(), 3) * 9
        return squares.clamp(min=1e-12).sqrt()  # at 0 the root has no slope: such a window teaches nothing


class Inception(Branches):
    """3x3, 5x5, pooling and 1x1 side by side, each behind its reduction: (B, c_in, H, W) -> (B, C, H / stride, ...).

    `three` and `five` are (reduced to, filters); `pool` ends in maps of side `pooled_side`, which are reduced to
    `pooled` channels where there are any and framed with zeros to `side`.
    """

    def __init__(
        self, c_in: int, side: int, three: Pair, five: Pair | None, pool: nn.Module, pooled_side: int,
        pooled: int = 0, one: int = 0, stride: int = 1,
    ):  # fmt: skip
        branches: dict[str, nn.Module] = {"three": reduced(c_in, three, 3, stride)}
        if five:
            branches["five"] = reduced(c_in, five, 5, stride)
        reduction = ConvBN(c_in, pooled, 1) if pooled else nn.Identity()
        branches["pool"] = nn.Sequential(pool, reduction, frame(pooled_side, side))
        if one:
            branches["one"] = ConvBN(c_in, one, 1)
        super().__init__(branches)


def reduced(c_in: int, widths: Pair, kernel: int, stride: int) -> nn.Sequential:
    """1x1 to fewer channels, then the large filters."""
    few, wide = widths
    return nn.Sequential(ConvBN(c_in, few, 1), ConvBN(few, wide, kernel, stride))


def frame(small: int, large: int) -> nn.ZeroPad2d:
    """Zeros around a map of side `small` up to side `large`, the odd one below and to the right."""
    before = (large - small) // 2
    after = large - small - before
    return nn.ZeroPad2d((before, after, before, after))


def response_norm() -> ChannelResponseNorm:
    """Torch7's SpatialCrossMapLRN(5, 0.0001, 0.75), which divides its factor by the 5 channels."""
    return ChannelResponseNorm(5, alpha=1e-4 / 5, beta=0.75, k=1.0)


def nn4_small2() -> Trunk:
    """(B, 3, 96, 96) -> (B, 128) rows of length 1."""
    largest = nn.MaxPool2d(3, stride=2)
    layers = {
        "conv1": ConvBN(3, 64, 7, stride=2),  # (B, 64, 48, 48)
        "pool1": nn.MaxPool2d(3, stride=2, padding=1),  # (B, 64, 24, 24)
        "norm1": response_norm(),
        "conv2": ConvBN(64, 64, 1),
        "conv3": ConvBN(64, 192, 3),
        "norm2": response_norm(),
        "pool2": nn.MaxPool2d(3, stride=2, padding=1),  # (B, 192, 12, 12)
        "inception3a": Inception(192, 12, (96, 128), (16, 32), largest, 5, pooled=32, one=64),
        "inception3b": Inception(256, 12, (96, 128), (32, 64), LengthPool(), 4, pooled=64, one=64),
        "inception3c": Inception(320, 6, (128, 256), (32, 64), largest, 5, stride=2),  # (B, 640, 6, 6)
        "inception4a": Inception(640, 6, (96, 192), (32, 64), LengthPool(), 2, pooled=128, one=256),
        "inception4e": Inception(640, 3, (160, 256), (64, 128), largest, 2, stride=2),  # (B, 1024, 3, 3)
        "inception5a": Inception(1024, 3, (96, 384), None, LengthPool(), 1, pooled=96, one=256),
        "inception5b": Inception(736, 3, (96, 384), None, largest, 1, pooled=96, one=256),
        "average": GlobalAveragePool(),  # (B, 736)
        "project": nn.Linear(736, DIM),
        "unit": UnitRows(),
    }
    trunk = Trunk(layers, side=96)
    initialise(trunk)
    return trunk
