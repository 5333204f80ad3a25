"""The packaged encoder's trunk: a plain residual network made for two cores, thin where the map is large.

After He, Zhang, Ren, Sun, "Deep residual learning for image recognition", 2015, with the pooled shortcuts of He et al.,
"Bag of tricks for image classification with convolutional neural networks", 2019, and the head of MobileFaceNets.
Input 112x112, or another multiple of 16: training begins with smaller faces. 3,099,296 parameters, 369 million
multiply-adds.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import nn

from facerec.cnn.blocks import ConvBN
from facerec.faces.trunks.trunk import EmbeddingHead, Trunk


class ResidualBlock(nn.Module):
    """Two 3x3 convolutions beside a shortcut, which is pooled where the size halves.

    (B, C_in, H, W) -> (B, C_out, H / stride, W / stride)
    """

    def __init__(self, c_in: int, c_out: int, stride: int):
        super().__init__()
        self.first = ConvBN(c_in, c_out, 3, stride, activation=None)
        self.second = ConvBN(c_out, c_out, 3, activation=None)
        shortcut: list[nn.Module] = [nn.AvgPool2d(stride)] if stride > 1 else []
        if c_in != c_out:
            shortcut.append(ConvBN(c_in, c_out, 1, activation=None))
        self.shortcut = nn.Sequential(*shortcut)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = self.second(torch.relu(self.first(x)))
        return torch.relu(y + self.shortcut(x))


class ResidualTrunk(Trunk):
    """(B, 3, 112, 112) -> (B, 128) rows of length 1; layers are numbered, as the packaged weights name them."""

    def __init__(self, stem: int = 32, widths: Sequence[int] = (64, 128, 256), depths: Sequence[int] = (2, 3, 2)):
        layers: list[nn.Module] = [ConvBN(3, stem, 3, stride=2, activation=None), nn.ReLU()]  # (B, 32, 56, 56)
        channels = stem
        for width, depth in zip(widths, depths, strict=True):  # 28x28, 14x14, 7x7
            for place in range(depth):
                layers.append(ResidualBlock(channels, width, stride=2 if place == 0 else 1))
                channels = width
        layers.append(EmbeddingHead(channels))
        super().__init__({str(place): layer for place, layer in enumerate(layers)}, side=112, smallest=16, step=16)
