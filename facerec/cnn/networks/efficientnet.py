"""EfficientNet-B0: Tan, Le, "EfficientNet: rethinking model scaling for convolutional neural networks", 2019.

Input 224x224. 5.3 million parameters and 0.39 billion multiply-adds in the paper; 5,288,548 in torchvision.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator

from torch import nn

from facerec.cnn.blocks import ConvBN, Entrance, GlobalAveragePool, InvertedResidual, initialise

STAGES = (  # expansion, kernel, channels, repeats, stride
    *((1, 3, 16, 1, 1), (6, 3, 24, 2, 2), (6, 5, 40, 2, 2), (6, 3, 80, 3, 2)),
    *((6, 5, 112, 3, 1), (6, 5, 192, 4, 2), (6, 3, 320, 1, 1)),
)
BLOCKS = sum(repeats for _, _, _, repeats, _ in STAGES)
DEEPEST_DROP = 0.2
"""The share of samples that skip a block in training grows evenly from 0 towards this."""


class EfficientNetB0(nn.Sequential):
    """(B, channels, 224, 224) -> (B, classes), from 32x32 on."""

    def __init__(self, classes: int = 1000, channels: int = 3):
        super().__init__(
            OrderedDict(
                entrance=Entrance(channels, 32),
                features=nn.Sequential(
                    ConvBN(channels, 32, 3, stride=2, activation=nn.SiLU),  # (B, 32, 112, 112)
                    *stages(32),  # (B, 320, 7, 7)
                    ConvBN(320, 1280, 1, activation=nn.SiLU),
                ),
                pool=GlobalAveragePool(),
                classifier=nn.Sequential(nn.Dropout(0.2), nn.Linear(1280, classes)),
            )
        )
        initialise(self)


def stages(c_in: int) -> Iterator[nn.Module]:
    """Seven stages of inverted residuals with squeeze and excitation: 112 -> 56 -> 28 -> 14 -> 7 pixels a side."""
    done = 0
    for expansion, kernel, c_out, repeats, first_stride in STAGES:
        blocks = []
        for place in range(repeats):
            stride = first_stride if place == 0 else 1
            drop = DEEPEST_DROP * done / BLOCKS
            blocks.append(InvertedResidual(c_in, c_out, kernel, stride, expansion, nn.SiLU, c_in // 4, drop))
            c_in, done = c_out, done + 1
        yield nn.Sequential(*blocks)
