"""VGG: Simonyan, Zisserman, "Very deep convolutional networks for large-scale image recognition", 2014.

Input 224x224. Table 2 of the paper: 138 million parameters with 16 layers (configuration D), 144 million with 19
(E); to the unit 138,357,544 and 143,667,240.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch
from torch import nn

from facerec.cnn.blocks import AverageTo, Entrance, GlobalAveragePool, initialise

WIDTHS = (64, 128, 256, 512, 512)
SMALL = (32, 64, 128, 128)


class VGG(nn.Module):
    """(B, channels, 224, 224) -> (B, classes); at other sizes from 32 on the last map is resampled to 7x7.

    `depths` says how many 3x3 convolutions each of the five stages has; a stage ends in a 2x2 max pooling.
    """

    def __init__(self, depths: Sequence[int], classes: int = 1000, channels: int = 3):
        super().__init__()
        self.entrance = Entrance(channels, 32)
        self.features = nn.Sequential(*stages(channels, depths))  # (B, 512, 7, 7)
        self.pool = AverageTo(7)
        self.classifier = nn.Sequential(
            nn.Linear(512 * 7 * 7, 4096),
            nn.ReLU(inplace=True),
            nn.Dropout(0.5),
            nn.Linear(4096, 4096),
            nn.ReLU(inplace=True),
            nn.Dropout(0.5),
            nn.Linear(4096, classes),
        )
        initialise(self)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.pool(self.features(self.entrance(x)))
        x = self.classifier(x.flatten(1))
        return x


class SmallVGG(nn.Module):
    """The same shape for textures: (B, channels, 64, 64) -> (B, classes), from 8x8 on.

    Four stages of two convolutions; what stands where does not matter, so a mean takes the place of the dense layers.
    `normalised` puts a batch norm behind each convolution, with which it learns in a fraction of the time.
    """

    def __init__(self, classes: int = 10, channels: int = 3, normalised: bool = False):
        super().__init__()
        self.entrance = Entrance(channels, 8)
        *features, _ = stages(channels, (2, 2, 2, 2), SMALL, normalised)
        self.features = nn.Sequential(*features)  # (B, 128, 8, 8)
        self.pool = GlobalAveragePool()
        self.classifier = nn.Linear(SMALL[-1], classes)
        initialise(self)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.classifier(self.pool(self.features(self.entrance(x))))
        return x


def stages(
    channels: int, depths: Sequence[int], widths: Sequence[int] = WIDTHS, normalised: bool = False
) -> Iterator[nn.Module]:
    """The convolutions of all stages, each of which ends in half the side: 224 -> 112 -> 56 -> 28 -> 14 -> 7."""
    for width, depth in zip(widths, depths, strict=True):
        for _ in range(depth):
            yield nn.Conv2d(channels, width, 3, padding=1)
            if normalised:
                yield nn.BatchNorm2d(width)
            yield nn.ReLU(inplace=True)
            channels = width
        yield nn.MaxPool2d(2)


def small_vgg_bn(classes: int = 10, channels: int = 3) -> SmallVGG:
    """With batch norm."""
    return SmallVGG(classes, channels, normalised=True)


def vgg16(classes: int = 1000, channels: int = 3) -> VGG:
    """Configuration D."""
    return VGG((2, 2, 3, 3, 3), classes, channels)


def vgg19(classes: int = 1000, channels: int = 3) -> VGG:
    """Configuration E."""
    return VGG((2, 2, 4, 4, 4), classes, channels)
