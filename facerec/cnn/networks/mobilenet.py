"""MobileNets: Howard et al., "MobileNets: efficient convolutional neural networks for mobile vision applications",
2017, and Sandler et al., "MobileNetV2: inverted residuals and linear bottlenecks", 2018.

Input 224x224. Version 1: 4.2 million parameters and 569 million multiply-adds in the paper, 4,231,976 to the unit
(Keras' trainable ones); its ReLU stops at 6, as in the authors' code and weights. Version 2: 3.4 million and
300 million in the paper, 3,504,872 in torchvision.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator
from functools import partial

from torch import nn

from facerec.cnn.blocks import ConvBN, Entrance, GlobalAveragePool, InvertedResidual, initialise

WIDTHS_AND_STRIDES = (  # table 1 of the first paper, after the first convolution
    *((64, 1), (128, 2), (128, 1), (256, 2), (256, 1), (512, 2)),
    *((512, 1), (512, 1), (512, 1), (512, 1), (512, 1), (1024, 2), (1024, 1)),
)
STAGES = (  # table 2 of the second paper: expansion, channels, repeats, stride
    *((1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2)),
    *((6, 96, 3, 1), (6, 160, 3, 2), (6, 320, 1, 1)),
)
Conv = partial(ConvBN, eps=1e-3, activation=nn.ReLU6)


def separable(c_in: int, c_out: int, stride: int) -> nn.Sequential:
    """3x3 in each channel, then 1x1, each with batch norm and ReLU6: (B, c_in, H, W) -> (B, c_out, ...)."""
    depthwise = Conv(c_in, c_in, 3, stride, groups=c_in)
    return nn.Sequential(OrderedDict(depthwise=depthwise, pointwise=Conv(c_in, c_out, 1)))


class MobileNet(nn.Sequential):
    """(B, channels, 224, 224) -> (B, classes), from 32x32 on."""

    def __init__(self, classes: int = 1000, channels: int = 3):
        super().__init__(
            OrderedDict(
                entrance=Entrance(channels, 32),
                conv1=Conv(channels, 32, 3, stride=2),  # (B, 32, 112, 112)
                features=nn.Sequential(*separable_stack(32)),  # (B, 1024, 7, 7)
                pool=GlobalAveragePool(),
                fc=nn.Linear(1024, classes),
            )
        )
        initialise(self)


def separable_stack(c_in: int) -> Iterator[nn.Module]:
    """The thirteen separable convolutions: 112 -> 56 -> 28 -> 14 -> 7 pixels a side."""
    for c_out, stride in WIDTHS_AND_STRIDES:
        yield separable(c_in, c_out, stride)
        c_in = c_out


class MobileNetV2(nn.Sequential):
    """(B, channels, 224, 224) -> (B, classes), from 32x32 on."""

    def __init__(self, classes: int = 1000, channels: int = 3):
        super().__init__(
            OrderedDict(
                entrance=Entrance(channels, 32),
                features=nn.Sequential(
                    ConvBN(channels, 32, 3, stride=2, activation=nn.ReLU6),  # (B, 32, 112, 112)
                    *inverted_stack(32),  # (B, 320, 7, 7)
                    ConvBN(320, 1280, 1, activation=nn.ReLU6),
                ),
                pool=GlobalAveragePool(),
                classifier=nn.Sequential(nn.Dropout(0.2), nn.Linear(1280, classes)),
            )
        )
        initialise(self)


def inverted_stack(c_in: int) -> Iterator[nn.Module]:
    """The seventeen inverted residuals: 112 -> 56 -> 28 -> 14 -> 7 pixels a side."""
    for expansion, c_out, repeats, first_stride in STAGES:
        for place in range(repeats):
            yield InvertedResidual(c_in, c_out, 3, first_stride if place == 0 else 1, expansion, nn.ReLU6)
            c_in = c_out
