"""Network in network: Lin, Chen, Yan, "Network in network", 2013, in its form for CIFAR-10.

Input 32x32, ten classes. The paper prints no count; the authors' Caffe file (cifar10_nin) has 966,986 parameters.
"""

from __future__ import annotations

import torch
from torch import nn

from facerec.cnn.blocks import ConvReLU, Entrance, GlobalAveragePool, initialise


def mlpconv(c_in: int, kernel: int, widths: tuple[int, int, int]) -> nn.Sequential:
    """A convolution, then a small dense network at every place, which is two 1x1 convolutions; the size stays."""
    first, second, third = widths
    return nn.Sequential(ConvReLU(c_in, first, kernel), ConvReLU(first, second, 1), ConvReLU(second, third, 1))


class NetworkInNetwork(nn.Module):
    """(B, channels, 32, 32) -> (B, classes), from 8x8 on. A class is a map at the end, and its logit its mean."""

    def __init__(self, classes: int = 10, channels: int = 3):
        super().__init__()
        self.entrance = Entrance(channels, 8)
        self.features = nn.Sequential(
            mlpconv(channels, 5, (192, 160, 96)),
            nn.MaxPool2d(3, stride=2, ceil_mode=True),  # (B, 96, 16, 16)
            nn.Dropout(0.5),
            mlpconv(96, 5, (192, 192, 192)),
            nn.AvgPool2d(3, stride=2, ceil_mode=True),  # (B, 192, 8, 8)
            nn.Dropout(0.5),
            mlpconv(192, 3, (192, 192, classes)),  # (B, classes, 8, 8)
        )
        self.pool = GlobalAveragePool()
        initialise(self)
        begin(self.features)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.pool(self.features(self.entrance(x)))
        return x


@torch.no_grad()
def begin(features: nn.Module) -> None:
    """Take the mean out of every fresh filter, and let the maps of the classes begin at 1.

    What a ReLU passes on is never below 0, so after nine of them all pictures look alike to a filter that sums up; one
    that compares is asked what they differ in. A class map that falls below 0 everywhere would never come back.
    Without norms, and without this, the network does not begin to learn.
    """
    convolutions = [module for module in features.modules() if isinstance(module, nn.Conv2d)]
    for layer in convolutions:
        layer.weight -= layer.weight.mean(dim=(1, 2, 3), keepdim=True)
    nn.init.ones_(convolutions[-1].get_parameter("bias"))
