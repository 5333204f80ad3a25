"""AlexNet: Krizhevsky, Sutskever, Hinton, "ImageNet classification with deep convolutional neural networks", 2012.

Input 227x227 (the paper says 224, its arithmetic 227). "60 million parameters": 60,965,224, as in Caffe's copy.
Its channels run in two halves where the authors had two graphics cards, which are groups of 2 here.

`alexnet_one_tower` is the variant of Krizhevsky, "One weird trick for parallelizing convolutional neural networks",
2014: input 224x224, one tower, no response normalisation, 61,100,840 parameters. torchvision calls it AlexNet.
"""

from __future__ import annotations

import torch
from torch import nn

from facerec.cnn.blocks import AverageTo, Entrance, initialise


def response_norm() -> nn.LocalResponseNorm:
    """Each value over (2 + 1e-4 * sum of squares of 5 channels around) ** 0.75; torch divides alpha by the 5."""
    return nn.LocalResponseNorm(size=5, alpha=5 * 1e-4, beta=0.75, k=2.0)


def dense_layers(classes: int) -> nn.Sequential:
    """Three dense layers with dropout: (B, 256 * 6 * 6) -> (B, classes)."""
    return nn.Sequential(
        nn.Dropout(0.5),
        nn.Linear(256 * 6 * 6, 4096),
        nn.ReLU(inplace=True),
        nn.Dropout(0.5),
        nn.Linear(4096, 4096),
        nn.ReLU(inplace=True),
        nn.Linear(4096, classes),
    )


class AlexNet(nn.Module):
    """Convolutions, three dense layers: (B, channels, H, W) -> (B, classes), from `smallest` x `smallest` on.

    The dense layers stand on a map of 6x6: one of another size is resampled.
    """

    def __init__(self, features: nn.Sequential, smallest: int, classes: int, channels: int):
        super().__init__()
        self.entrance = Entrance(channels, smallest)
        self.features = features  # (B, 256, 6, 6)
        self.pool = AverageTo(6)
        self.classifier = dense_layers(classes)
        initialise(self)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.pool(self.features(self.entrance(x)))
        x = self.classifier(x.flatten(1))
        return x


def alexnet(classes: int = 1000, channels: int = 3) -> AlexNet:
    """The original, for 227x227."""
    features = nn.Sequential(
        nn.Conv2d(channels, 96, 11, stride=4),  # (B, 96, 55, 55)
        nn.ReLU(inplace=True),
        response_norm(),
        nn.MaxPool2d(3, stride=2),  # (B, 96, 27, 27), overlapping
        nn.Conv2d(96, 256, 5, padding=2, groups=2),
        nn.ReLU(inplace=True),
        response_norm(),
        nn.MaxPool2d(3, stride=2),  # (B, 256, 13, 13)
        nn.Conv2d(256, 384, 3, padding=1),
        nn.ReLU(inplace=True),
        nn.Conv2d(384, 384, 3, padding=1, groups=2),
        nn.ReLU(inplace=True),
        nn.Conv2d(384, 256, 3, padding=1, groups=2),
        nn.ReLU(inplace=True),
        nn.MaxPool2d(3, stride=2),  # (B, 256, 6, 6)
    )
    return AlexNet(features, 67, classes, channels)


def alexnet_one_tower(classes: int = 1000, channels: int = 3) -> AlexNet:
    """The variant of 2014, for 224x224."""
    features = nn.Sequential(
        nn.Conv2d(channels, 64, 11, stride=4, padding=2),  # (B, 64, 55, 55)
        nn.ReLU(inplace=True),
        nn.MaxPool2d(3, stride=2),  # (B, 64, 27, 27)
        nn.Conv2d(64, 192, 5, padding=2),
        nn.ReLU(inplace=True),
        nn.MaxPool2d(3, stride=2),  # (B, 192, 13, 13)
        nn.Conv2d(192, 384, 3, padding=1),
        nn.ReLU(inplace=True),
        nn.Conv2d(384, 256, 3, padding=1),
        nn.ReLU(inplace=True),
        nn.Conv2d(256, 256, 3, padding=1),
        nn.ReLU(inplace=True),
        nn.MaxPool2d(3, stride=2),  # (B, 256, 6, 6)
    )
    return AlexNet(features, 63, classes, channels)
