"""BN-Inception: Ioffe, Szegedy, "Batch normalization", 2015 (figure 5), and SE-Inception on top of it.

Input 224x224. The public copies (Caffe's, Cadene's) have 11,295,240 parameters, 10,016 of them biases of
convolutions that the batch norm behind cancels and that are left out here. The figure prints 576 channels after 4c
and 1,024 after 4e, where its own columns add up to 608 and 1,056; the copies and this file follow the columns.

SE-Inception (Hu et al., "Squeeze-and-excitation networks", 2018, figure 2) weighs the channels of every module.
That paper prints its cost, 2.04 billion multiply-adds against 2.03 without, and no count.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable

from torch import nn

from facerec.cnn.blocks import Branches, ConvBN, Entrance, GlobalAveragePool, SqueezeExcitation, initialise

REDUCTION = 16


class InceptionModule(Branches):
    """1x1 beside 3x3 beside two 3x3 in a row beside a pooling: (B, C, H, W) -> (B, c1 + c3 + d3 + pooled, H, W).

    `reduce3` and `reduce_d3` channels lie before the 3x3 filters.
    """

    def __init__(
        self,
        c_in: int,
        c1: int,
        reduce3: int,
        c3: int,
        reduce_d3: int,
        d3: int,
        pooled: int,
        pool: Callable[..., nn.Module] = nn.AvgPool2d,
    ):
        super().__init__(
            {
                "one": ConvBN(c_in, c1, 1),
                "three": nn.Sequential(ConvBN(c_in, reduce3, 1), ConvBN(reduce3, c3, 3)),
                "deep": nn.Sequential(ConvBN(c_in, reduce_d3, 1), ConvBN(reduce_d3, d3, 3), ConvBN(d3, d3, 3)),
                "pool": nn.Sequential(pool(3, stride=1, padding=1), ConvBN(c_in, pooled, 1)),
            }
        )


class Reduction(Branches):
    """Halves the map by strided filters beside a pooling: (B, C, H, W) -> (B, c3 + d3 + C, H / 2, W / 2)."""

    def __init__(self, c_in: int, reduce3: int, c3: int, reduce_d3: int, d3: int):
        deep = (ConvBN(c_in, reduce_d3, 1), ConvBN(reduce_d3, d3, 3), ConvBN(d3, d3, 3, stride=2))
        super().__init__(
            {
                "three": nn.Sequential(ConvBN(c_in, reduce3, 1), ConvBN(reduce3, c3, 3, stride=2)),
                "deep": nn.Sequential(*deep),
                "pool": nn.MaxPool2d(3, stride=2, padding=1),
            }
        )


def plain(module: nn.Module, channels: int) -> nn.Module:
    """The module as it is."""
    return module


def weighed(module: nn.Module, channels: int) -> nn.Module:
    """The module, its `channels` outputs weighed by squeeze and excitation."""
    return nn.Sequential(OrderedDict(inception=module, excite=SqueezeExcitation(channels, channels // REDUCTION)))


class BNInception(nn.Sequential):
    """(B, channels, 224, 224) -> (B, classes), from 32x32 on; `wrap` is given each module and its depth."""

    def __init__(self, classes: int = 1000, channels: int = 3, wrap: Callable[[nn.Module, int], nn.Module] = plain):
        super().__init__(
            OrderedDict(
                entrance=Entrance(channels, 32),
                conv1=ConvBN(channels, 64, 7, stride=2),  # (B, 64, 112, 112)
                pool1=nn.MaxPool2d(3, stride=2, padding=1),  # (B, 64, 56, 56)
                conv2=nn.Sequential(ConvBN(64, 64, 1), ConvBN(64, 192, 3)),
                pool2=nn.MaxPool2d(3, stride=2, padding=1),  # (B, 192, 28, 28)
                inception_3a=wrap(InceptionModule(192, 64, 64, 64, 64, 96, 32), 256),
                inception_3b=wrap(InceptionModule(256, 64, 64, 96, 64, 96, 64), 320),
                inception_3c=wrap(Reduction(320, 128, 160, 64, 96), 576),  # (B, 576, 14, 14)
                inception_4a=wrap(InceptionModule(576, 224, 64, 96, 96, 128, 128), 576),
                inception_4b=wrap(InceptionModule(576, 192, 96, 128, 96, 128, 128), 576),
                inception_4c=wrap(InceptionModule(576, 160, 128, 160, 128, 160, 128), 608),
                inception_4d=wrap(InceptionModule(608, 96, 128, 192, 160, 192, 128), 608),
                inception_4e=wrap(Reduction(608, 128, 192, 192, 256), 1056),  # (B, 1056, 7, 7)
                inception_5a=wrap(InceptionModule(1056, 352, 192, 320, 160, 224, 128), 1024),
                inception_5b=wrap(InceptionModule(1024, 352, 192, 320, 192, 224, 128, pool=nn.MaxPool2d), 1024),
                pool5=GlobalAveragePool(),
                fc=nn.Linear(1024, classes),
            )
        )
        initialise(self)


def se_inception(classes: int = 1000, channels: int = 3) -> BNInception:
    """BN-Inception with squeeze and excitation after every module."""
    return BNInception(classes, channels, wrap=weighed)
