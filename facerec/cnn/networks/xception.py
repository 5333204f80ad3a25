"""Xception: Chollet, "Xception: deep learning with depthwise separable convolutions", 2017 (figure 5).

Input 299x299. Table 3 of the paper gives 22,855,952 parameters, as do Keras' trainable ones.
"""

from __future__ import annotations

from collections import OrderedDict
from functools import partial

import torch
from torch import nn

from facerec.cnn.blocks import ConvBN, Entrance, GlobalAveragePool, initialise

Conv = partial(ConvBN, eps=1e-3)


class SeparableConvolution(nn.Sequential):
    """3x3 in each channel by itself, then 1x1 across them, batch norm: (B, C_in, H, W) -> (B, C_out, H, W)."""

    def __init__(self, c_in: int, c_out: int):
        super().__init__(
            OrderedDict(
                depthwise=nn.Conv2d(c_in, c_in, 3, padding=1, groups=c_in, bias=False),
                pointwise=nn.Conv2d(c_in, c_out, 1, bias=False),
                norm=nn.BatchNorm2d(c_out, eps=1e-3),
            )
        )


class Block(nn.Module):
    """Separable convolutions beside a shortcut: (B, C, H, W) -> (B, widths[-1], H / stride, W / stride).

    A ReLU stands before each convolution, except before the first where the input is fresh from one. With a stride
    of 2 a max pooling ends the block, and the shortcut is a strided 1x1 convolution.
    """

    def __init__(self, c_in: int, widths: tuple[int, ...], stride: int, fresh: bool = False):
        super().__init__()
        layers: list[nn.Module] = []
        for before, after in zip((c_in, *widths), widths, strict=False):
            first = not layers  # the shortcut still needs what it reads
            layers += [nn.ReLU(inplace=not first), SeparableConvolution(before, after)]
        pool = [nn.MaxPool2d(3, stride, padding=1)] if stride > 1 else []
        self.residual = nn.Sequential(*layers[1 if fresh else 0 :], *pool)
        same = stride == 1 and c_in == widths[-1]
        self.shortcut = nn.Identity() if same else Conv(c_in, widths[-1], 1, stride, activation=None)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y: torch.Tensor = self.residual(x)
        y += self.shortcut(x)
        return y


class Xception(nn.Sequential):
    """(B, channels, 299, 299) -> (B, classes), from 71x71 on."""

    def __init__(self, classes: int = 1000, channels: int = 3):
        super().__init__(
            OrderedDict(
                entrance=Entrance(channels, 71),
                conv1=Conv(channels, 32, 3, stride=2, padding=0),  # (B, 32, 149, 149)
                conv2=Conv(32, 64, 3, padding=0),  # (B, 64, 147, 147)
                entry_flow=nn.Sequential(
                    Block(64, (128, 128), stride=2, fresh=True),  # (B, 128, 74, 74)
                    Block(128, (256, 256), stride=2),  # (B, 256, 37, 37)
                    Block(256, (728, 728), stride=2),  # (B, 728, 19, 19)
                ),
                middle_flow=nn.Sequential(*(Block(728, (728, 728, 728), stride=1) for _ in range(8))),
                exit_flow=nn.Sequential(
                    Block(728, (728, 1024), stride=2),  # (B, 1024, 10, 10)
                    SeparableConvolution(1024, 1536),
                    nn.ReLU(inplace=True),
                    SeparableConvolution(1536, 2048),  # (B, 2048, 10, 10)
                    nn.ReLU(inplace=True),
                ),
                pool=GlobalAveragePool(),
                fc=nn.Linear(2048, classes),
            )
        )
        initialise(self)
