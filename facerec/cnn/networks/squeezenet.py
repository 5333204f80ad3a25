"""SqueezeNet 1.0: Iandola et al., "SqueezeNet: AlexNet-level accuracy with 50x fewer parameters", 2016.

Input 224x224 (the authors' own weights were trained at 227). Table 1 of the paper gives 1,248,424 parameters.
"""

from __future__ import annotations

from collections import OrderedDict

import torch
from torch import nn

from facerec.cnn.blocks import Branches, ConvReLU, Entrance, GlobalAveragePool, halve, initialise


class Fire(nn.Sequential):
    """Squeeze to few channels by 1x1, expand by 1x1 beside 3x3: (B, C, H, W) -> (B, 2 * expanded, H, W)."""

    def __init__(self, c_in: int, squeezed: int, expanded: int):
        expand = {"expand1x1": ConvReLU(squeezed, expanded, 1), "expand3x3": ConvReLU(squeezed, expanded, 3)}
        super().__init__(OrderedDict(squeeze=ConvReLU(c_in, squeezed, 1), expand=Branches(expand)))


class SqueezeNet(nn.Module):
    """(B, channels, 224, 224) -> (B, classes), from 21x21 on."""

    def __init__(self, classes: int = 1000, channels: int = 3):
        super().__init__()
        self.entrance = Entrance(channels, 21)
        self.features = nn.Sequential(
            *ConvReLU(channels, 96, 7, stride=2, padding=0),  # (B, 96, 109, 109)
            halve(),  # (B, 96, 54, 54)
            *(Fire(96, 16, 64), Fire(128, 16, 64), Fire(128, 32, 128)),  # fire2 to fire4
            halve(),  # (B, 256, 27, 27)
            *(Fire(256, 32, 128), Fire(256, 48, 192), Fire(384, 48, 192), Fire(384, 64, 256)),  # fire5 to fire8
            halve(),  # (B, 512, 13, 13)
            Fire(512, 64, 256),  # fire9
        )
        self.classifier = nn.Sequential(nn.Dropout(0.5), *ConvReLU(512, classes, 1), GlobalAveragePool())
        initialise(self)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.classifier(self.features(self.entrance(x)))
        return x
