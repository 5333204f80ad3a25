"""Residual networks: He, Zhang, Ren, Sun, "Deep residual learning for image recognition", 2015.

Input 224x224. The paper gives no counts; torchvision's are 21,797,672 (34 layers), 25,557,032 (50) and 60,192,808
(152). One thing differs from the paper: where a bottleneck halves the map, its 3x3 convolution does, not the 1x1
before it, as most public weights since 2016 have it; the parameters are the same.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import torch
from torch import nn

from facerec.cnn.blocks import ConvBN, Entrance, GlobalAveragePool, initialise


class ResidualBlock(nn.Module):
    """What a few convolutions add to their input: relu(residual(x) + shortcut(x)).

    Where the shape stays, the shortcut is the input itself (an identity block); where the map is halved or the
    depth changes, it is a strided 1x1 convolution (a convolution block).
    """

    expansion: ClassVar[int]
    residual: nn.Sequential

    def __init__(self, c_in: int, width: int, stride: int):
        super().__init__()
        c_out = width * self.expansion
        same = stride == 1 and c_in == c_out
        self.shortcut = nn.Identity() if same else ConvBN(c_in, c_out, 1, stride, activation=None)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y: torch.Tensor = self.residual(x)
        y += self.shortcut(x)
        return torch.relu_(y)


class BasicBlock(ResidualBlock):
    """Two 3x3 convolutions (figure 5, left): (B, C_in, H, W) -> (B, width, H / stride, W / stride)."""

    expansion = 1

    def __init__(self, c_in: int, width: int, stride: int):
        super().__init__(c_in, width, stride)
        self.residual = nn.Sequential(ConvBN(c_in, width, 3, stride), ConvBN(width, width, 3, activation=None))


class Bottleneck(ResidualBlock):
    """1x1 to few channels, 3x3, 1x1 back to many (figure 5, right): (B, C_in, H, W) -> (B, 4 * width, ...)."""

    expansion = 4

    def __init__(self, c_in: int, width: int, stride: int):
        super().__init__(c_in, width, stride)
        self.residual = nn.Sequential(
            ConvBN(c_in, width, 1), ConvBN(width, width, 3, stride), ConvBN(width, 4 * width, 1, activation=None)
        )


class ResNet(nn.Module):
    """(B, channels, 224, 224) -> (B, classes), from 32x32 on; the stages have the names of the paper's table 1."""

    def __init__(self, block: type[ResidualBlock], depths: Sequence[int], classes: int = 1000, channels: int = 3):
        super().__init__()
        wide = [width * block.expansion for width in (64, 128, 256, 512)]
        self.entrance = Entrance(channels, 32)
        self.conv1 = ConvBN(channels, 64, 7, stride=2)  # (B, 64, 112, 112)
        self.pool1 = nn.MaxPool2d(3, stride=2, padding=1)  # (B, 64, 56, 56)
        self.conv2_x = stage(block, 64, 64, depths[0], stride=1)  # (B, 64 or 256, 56, 56)
        self.conv3_x = stage(block, wide[0], 128, depths[1], stride=2)  # (B, 128 or 512, 28, 28)
        self.conv4_x = stage(block, wide[1], 256, depths[2], stride=2)  # (B, 256 or 1024, 14, 14)
        self.conv5_x = stage(block, wide[2], 512, depths[3], stride=2)  # (B, 512 or 2048, 7, 7)
        self.pool5 = GlobalAveragePool()
        self.fc = nn.Linear(wide[3], classes)
        initialise(self)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.pool1(self.conv1(self.entrance(x)))
        x = self.conv5_x(self.conv4_x(self.conv3_x(self.conv2_x(x))))
        x = self.fc(self.pool5(x))
        return x


def stage(block: type[ResidualBlock], c_in: int, width: int, depth: int, stride: int) -> nn.Sequential:
    """A block with the stride, then identity blocks: (B, c_in, H, W) -> (B, expansion * width, H / stride, ..)."""
    wide = block.expansion * width
    return nn.Sequential(block(c_in, width, stride), *(block(wide, width, 1) for _ in range(depth - 1)))


def resnet34(classes: int = 1000, channels: int = 3) -> ResNet:
    """34 layers of basic blocks."""
    return ResNet(BasicBlock, (3, 4, 6, 3), classes, channels)


def resnet50(classes: int = 1000, channels: int = 3) -> ResNet:
    """50 layers of bottlenecks."""
    return ResNet(Bottleneck, (3, 4, 6, 3), classes, channels)


def resnet152(classes: int = 1000, channels: int = 3) -> ResNet:
    """152 layers of bottlenecks."""
    return ResNet(Bottleneck, (3, 8, 36, 3), classes, channels)
