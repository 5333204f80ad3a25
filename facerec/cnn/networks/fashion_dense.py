"""Two dense layers for Fashion-MNIST, the first network of many courses.

Input 28x28, one channel, ten kinds of clothing. TensorFlow's "Basic classification" tutorial counts 101,770
parameters.
"""

from __future__ import annotations

from collections import OrderedDict

from torch import nn

from facerec.cnn.blocks import Entrance


class FashionDense(nn.Sequential):
    """(B, channels, 28, 28) -> (B, classes)."""

    def __init__(self, classes: int = 10, channels: int = 1):
        super().__init__(
            OrderedDict(
                entrance=Entrance(channels, 28, fixed=True),
                flatten=nn.Flatten(),  # (B, 784)
                hidden=nn.Linear(channels * 28 * 28, 128),
                relu=nn.ReLU(inplace=True),
                output=nn.Linear(128, classes),
            )
        )
