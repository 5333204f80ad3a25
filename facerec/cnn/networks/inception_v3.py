"""Inception-v3: Szegedy, Vanhoucke, Ioffe, Shlens, Wojna, "Rethinking the Inception architecture", 2015.

Input 299x299. torchvision counts 27,161,264 parameters with the auxiliary head, 23,834,568 without; the paper says
"less than 25 million". The modules carry the names of the authors' own code (5b to 7c).
"""

from __future__ import annotations

from collections import OrderedDict
from functools import partial

import torch
from torch import nn

from facerec.cnn.blocks import Branches, ConvBN, Entrance, GlobalAveragePool, initialise

Conv = partial(ConvBN, eps=1e-3)
Valid = partial(ConvBN, eps=1e-3, padding=0)


class Figure5(Branches):
    """The 5x5 filter beside two 3x3 in a row: (B, C, H, W) -> (B, 224 + pooled, H, W)."""

    def __init__(self, c_in: int, pooled: int):
        super().__init__(
            {
                "branch1x1": Conv(c_in, 64, 1),
                "branch5x5": nn.Sequential(Conv(c_in, 48, 1), Conv(48, 64, 5)),
                "branch3x3dbl": nn.Sequential(Conv(c_in, 64, 1), Conv(64, 96, 3), Conv(96, 96, 3)),
                "branch_pool": nn.Sequential(average(), Conv(c_in, pooled, 1)),
            }
        )


class Figure6(Branches):
    """7x7 filters as 1x7 and 7x1 in a row: (B, C, H, W) -> (B, 768, H, W)."""

    def __init__(self, c_in: int, width: int):
        once = (Conv(c_in, width, 1), Conv(width, width, (1, 7)), Conv(width, 192, (7, 1)))
        twice = (Conv(c_in, width, 1), Conv(width, width, (7, 1)), Conv(width, width, (1, 7)))
        super().__init__(
            {
                "branch1x1": Conv(c_in, 192, 1),
                "branch7x7": nn.Sequential(*once),
                "branch7x7dbl": nn.Sequential(*twice, Conv(width, width, (7, 1)), Conv(width, 192, (1, 7))),
                "branch_pool": nn.Sequential(average(), Conv(c_in, 192, 1)),
            }
        )


class Figure7(Branches):
    """Filters side by side where the map is small: (B, C, H, W) -> (B, 2048, H, W)."""

    def __init__(self, c_in: int):
        super().__init__(
            {
                "branch1x1": Conv(c_in, 320, 1),
                "branch3x3": nn.Sequential(Conv(c_in, 384, 1), fork()),
                "branch3x3dbl": nn.Sequential(Conv(c_in, 448, 1), Conv(448, 384, 3), fork()),
                "branch_pool": nn.Sequential(average(), Conv(c_in, 192, 1)),
            }
        )


class FirstReduction(Branches):
    """Halves the grid by strided filters beside a pooling (figure 10): (B, 288, 35, 35) -> (B, 768, 17, 17)."""

    def __init__(self, c_in: int):
        super().__init__(
            {
                "branch3x3": Valid(c_in, 384, 3, stride=2),
                "branch3x3dbl": nn.Sequential(Conv(c_in, 64, 1), Conv(64, 96, 3), Valid(96, 96, 3, stride=2)),
                "branch_pool": nn.MaxPool2d(3, stride=2),
            }
        )


class SecondReduction(Branches):
    """Halves the grid again: (B, 768, 17, 17) -> (B, 1280, 8, 8)."""

    def __init__(self, c_in: int):
        wide = (Conv(c_in, 192, 1), Conv(192, 192, (1, 7)), Conv(192, 192, (7, 1)), Valid(192, 192, 3, stride=2))
        super().__init__(
            {
                "branch3x3": nn.Sequential(Conv(c_in, 192, 1), Valid(192, 320, 3, stride=2)),
                "branch7x7x3": nn.Sequential(*wide),
                "branch_pool": nn.MaxPool2d(3, stride=2),
            }
        )


def average() -> nn.AvgPool2d:
    """3x3 average pooling that keeps the size; padding counts as zeros."""
    return nn.AvgPool2d(3, stride=1, padding=1)


def fork() -> Branches:
    """1x3 beside 3x1: (B, 384, H, W) -> (B, 768, H, W)."""
    return Branches({"a": Conv(384, 384, (1, 3)), "b": Conv(384, 384, (3, 1))})


class AuxiliaryHead(nn.Sequential):
    """A classifier on the 17x17 map, with batch norm (figure 8): (B, 768, 17, 17) -> (B, classes)."""

    def __init__(self, classes: int):
        super().__init__(
            OrderedDict(
                pool=nn.AvgPool2d(5, stride=3),  # (B, 768, 5, 5)
                conv0=Conv(768, 128, 1),
                conv1=Valid(128, 768, 5),  # (B, 768, 1, 1)
                flatten=GlobalAveragePool(),
                fc=nn.Linear(768, classes),
            )
        )


class InceptionV3(nn.Module):
    """(B, channels, 299, 299) -> (B, classes), from 75x75 on.

    In training, `heads` returns the logits and those of the auxiliary head; it needs 299x299.
    """

    def __init__(self, classes: int = 1000, channels: int = 3):
        super().__init__()
        self.entrance, self.training_entrance = Entrance(channels, 75), Entrance(channels, 299)
        self.lower = nn.Sequential(
            OrderedDict(
                conv_1a=Valid(channels, 32, 3, stride=2),  # (B, 32, 149, 149)
                conv_2a=Valid(32, 32, 3),  # (B, 32, 147, 147)
                conv_2b=Conv(32, 64, 3),
                pool_3a=nn.MaxPool2d(3, stride=2),  # (B, 64, 73, 73)
                conv_3b=Conv(64, 80, 1),
                conv_4a=Valid(80, 192, 3),  # (B, 192, 71, 71)
                pool_5a=nn.MaxPool2d(3, stride=2),  # (B, 192, 35, 35)
                mixed_5b=Figure5(192, pooled=32),
                mixed_5c=Figure5(256, pooled=64),
                mixed_5d=Figure5(288, pooled=64),
                mixed_6a=FirstReduction(288),  # (B, 768, 17, 17)
                mixed_6b=Figure6(768, width=128),
                mixed_6c=Figure6(768, width=160),
                mixed_6d=Figure6(768, width=160),
                mixed_6e=Figure6(768, width=192),
            )
        )
        self.aux = AuxiliaryHead(classes)
        self.upper = nn.Sequential(
            OrderedDict(
                mixed_7a=SecondReduction(768),  # (B, 1280, 8, 8)
                mixed_7b=Figure7(1280),
                mixed_7c=Figure7(2048),  # (B, 2048, 8, 8)
                pool=GlobalAveragePool(),
                dropout=nn.Dropout(0.5),
            )
        )
        self.fc = nn.Linear(2048, classes)
        initialise(self)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.fc(self.upper(self.lower(self.entrance(x))))
        return x

    def heads(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """(B, channels, 299, 299) -> logits and those of the auxiliary head: (B, classes) each."""
        middle = self.lower(self.training_entrance(x))
        return self.fc(self.upper(middle)), self.aux(middle)
