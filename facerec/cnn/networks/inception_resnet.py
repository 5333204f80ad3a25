"""Inception-ResNet-v1: Szegedy, Ioffe, Vanhoucke, Alemi, "Inception-v4, Inception-ResNet and the impact of
residual connections on learning", 2016 (figures 10 to 14), in the form that FaceNet's public code trains.

Input 160x160 there, 299x299 in the paper, which prints no count. The head differs from the paper's: 1,792 averages
are brought to an embedding of 512 with batch norm before the classes. facenet-pytorch's InceptionResnetV1 has
23,995,624 parameters with 1,000 classes.
"""

from __future__ import annotations

from collections import OrderedDict
from functools import partial

import torch
from torch import nn

from facerec.cnn.blocks import Branches, ConvBN, Entrance, GlobalAveragePool, initialise

Conv = partial(ConvBN, eps=1e-3)
Valid = partial(ConvBN, eps=1e-3, padding=0)


class InceptionResidual(nn.Module):
    """Branches, brought back to the input's depth by 1x1, scaled down and added to it: the shape stays.

    The scale (0.1 to 0.2) keeps deep stacks from dying early in training, section 3.3 of the paper.
    """

    def __init__(self, branches: Branches, stacked: int, channels: int, scale: float, last: bool = False):
        super().__init__()
        self.branches = branches
        self.project = nn.Conv2d(stacked, channels, 1)
        self.scale = scale
        self.activation = nn.Identity() if last else nn.ReLU(inplace=True)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y: torch.Tensor = self.activation(x + self.scale * self.project(self.branches(x)))
        return y


def block_a() -> InceptionResidual:
    """Inception-ResNet-A, on the 35x35 grid of 256 channels (figure 10)."""
    branches = {
        "branch0": Conv(256, 32, 1),
        "branch1": nn.Sequential(Conv(256, 32, 1), Conv(32, 32, 3)),
        "branch2": nn.Sequential(Conv(256, 32, 1), Conv(32, 32, 3), Conv(32, 32, 3)),
    }
    return InceptionResidual(Branches(branches), 96, 256, scale=0.17)


def block_b() -> InceptionResidual:
    """Inception-ResNet-B, on the 17x17 grid of 896 channels (figure 11)."""
    branches = {
        "branch0": Conv(896, 128, 1),
        "branch1": nn.Sequential(Conv(896, 128, 1), Conv(128, 128, (1, 7)), Conv(128, 128, (7, 1))),
    }
    return InceptionResidual(Branches(branches), 256, 896, scale=0.10)


def block_c(scale: float = 0.20, last: bool = False) -> InceptionResidual:
    """Inception-ResNet-C, on the 8x8 grid of 1,792 channels (figure 13); the last one stays linear."""
    branches = {
        "branch0": Conv(1792, 192, 1),
        "branch1": nn.Sequential(Conv(1792, 192, 1), Conv(192, 192, (1, 3)), Conv(192, 192, (3, 1))),
    }
    return InceptionResidual(Branches(branches), 384, 1792, scale, last)


def reduction_a() -> Branches:
    """(B, 256, 35, 35) -> (B, 896, 17, 17) (figure 7 with k, l, m, n = 192, 192, 256, 384)."""
    return Branches(
        {
            "branch0": Valid(256, 384, 3, stride=2),
            "branch1": nn.Sequential(Conv(256, 192, 1), Conv(192, 192, 3), Valid(192, 256, 3, stride=2)),
            "branch2": nn.MaxPool2d(3, stride=2),
        }
    )


def reduction_b() -> Branches:
    """(B, 896, 17, 17) -> (B, 1792, 8, 8) (figure 12)."""
    return Branches(
        {
            "branch0": nn.Sequential(Conv(896, 256, 1), Valid(256, 384, 3, stride=2)),
            "branch1": nn.Sequential(Conv(896, 256, 1), Valid(256, 256, 3, stride=2)),
            "branch2": nn.Sequential(Conv(896, 256, 1), Conv(256, 256, 3), Valid(256, 256, 3, stride=2)),
            "branch3": nn.MaxPool2d(3, stride=2),
        }
    )


class InceptionResNetV1(nn.Sequential):
    """(B, channels, 299, 299) -> (B, classes), from 75x75 on; sizes in the comments are those of 299x299."""

    def __init__(self, classes: int = 1000, channels: int = 3):
        super().__init__(
            OrderedDict(
                entrance=Entrance(channels, 75),
                conv_1a=Valid(channels, 32, 3, stride=2),  # (B, 32, 149, 149)
                conv_2a=Valid(32, 32, 3),  # (B, 32, 147, 147)
                conv_2b=Conv(32, 64, 3),
                pool_3a=nn.MaxPool2d(3, stride=2),  # (B, 64, 73, 73)
                conv_3b=Conv(64, 80, 1),
                conv_4a=Valid(80, 192, 3),  # (B, 192, 71, 71)
                conv_4b=Valid(192, 256, 3, stride=2),  # (B, 256, 35, 35)
                blocks_a=nn.Sequential(*(block_a() for _ in range(5))),
                reduction_a=reduction_a(),  # (B, 896, 17, 17)
                blocks_b=nn.Sequential(*(block_b() for _ in range(10))),
                reduction_b=reduction_b(),  # (B, 1792, 8, 8)
                blocks_c=nn.Sequential(*(block_c() for _ in range(5)), block_c(scale=1.0, last=True)),
                pool=GlobalAveragePool(),  # (B, 1792)
                dropout=nn.Dropout(0.6),
                embedding=nn.Linear(1792, 512, bias=False),
                norm=nn.BatchNorm1d(512, eps=1e-3),
                logits=nn.Linear(512, classes),
            )
        )
        initialise(self)
