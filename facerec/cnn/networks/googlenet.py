"""GoogLeNet: Szegedy et al., "Going deeper with convolutions", 2014.

Input 224x224. The paper's table adds up to 6.8 million parameters, rounded and without the auxiliary heads;
Caffe's copy (bvlc_googlenet) has 6,998,552 without and 13,378,280 with both.

`googlenet_bn` is the form that torchvision has weights for: batch norm in place of biases and response
normalisation, 3x3 filters in the branch that the paper gives 5x5, 13,004,888 parameters with both heads.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from functools import partial

import torch
from torch import nn

from facerec.cnn.blocks import Branches, ConvBN, ConvReLU, Entrance, GlobalAveragePool, halve, initialise

Unit = Callable[..., nn.Module]
"""Makes a convolution with its activation from (c_in, c_out, kernel, stride, padding)."""


class NaiveInception(Branches):
    """Figure 2a: 1x1, 3x3, 5x5 filters and a 3x3 max pooling side by side, at full depth.

    (B, C, H, W) -> (B, c1 + c3 + c5 + C, H, W): the pooling makes every module wider than the last.
    """

    def __init__(self, c_in: int, c1: int, c3: int, c5: int, unit: Unit = ConvReLU):
        branches = {"branch1": unit(c_in, c1, 1), "branch2": unit(c_in, c3, 3), "branch3": unit(c_in, c5, 5)}
        super().__init__(branches | {"branch4": nn.MaxPool2d(3, stride=1, padding=1)})


class Inception(Branches):
    """Figure 2b: as above, with 1x1 filters that reduce the depth before the large ones and after the pooling.

    (B, C, H, W) -> (B, c1 + c3 + c5 + pooled, H, W); `reduce3` and `reduce5` channels lie in between.
    """

    def __init__(
        self,
        c_in: int,
        c1: int,
        reduce3: int,
        c3: int,
        reduce5: int,
        c5: int,
        pooled: int,
        unit: Unit = ConvReLU,
        large: int = 5,
    ):
        super().__init__(
            {
                "branch1": unit(c_in, c1, 1),
                "branch2": nn.Sequential(unit(c_in, reduce3, 1), unit(reduce3, c3, 3)),
                "branch3": nn.Sequential(unit(c_in, reduce5, 1), unit(reduce5, c5, large)),
                "branch4": nn.Sequential(nn.MaxPool2d(3, stride=1, padding=1), unit(c_in, pooled, 1)),
            }
        )


def response_norm() -> nn.LocalResponseNorm:
    """Over 5 channels with Caffe's constants; the paper does not say which."""
    return nn.LocalResponseNorm(size=5, alpha=1e-4, beta=0.75, k=1.0)


class AuxiliaryHead(nn.Sequential):
    """A classifier half-way, so that gradients reach the lower layers: (B, C, H, W) -> (B, classes)."""

    def __init__(self, c_in: int, classes: int, unit: Unit):
        super().__init__(
            OrderedDict(
                pool=nn.AdaptiveAvgPool2d(4),  # (B, C, 4, 4): the paper's 5x5 by 3 on 14x14
                conv=unit(c_in, 128, 1),
                flatten=nn.Flatten(),  # (B, 2048)
                fc1=nn.Linear(2048, 1024),
                relu=nn.ReLU(inplace=True),
                dropout=nn.Dropout(0.7),
                fc2=nn.Linear(1024, classes),
            )
        )


class GoogLeNet(nn.Module):
    """(B, channels, 224, 224) -> (B, classes), from 32x32 on.

    In training, `heads` returns the logits and those of both auxiliary heads, whose losses the paper weighs by
    0.3. `unit` makes each convolution, `norm` what the paper calls LocalRespNorm; `large` is the side of the
    largest filter and `pool4` that of the fourth pooling.
    """

    def __init__(
        self,
        classes: int = 1000,
        channels: int = 3,
        unit: Unit = ConvReLU,
        norm: Callable[[], nn.Module] = response_norm,
        large: int = 5,
        pool4: int = 3,
        dropout: float = 0.4,
    ):
        super().__init__()
        module = partial(Inception, unit=unit, large=large)
        self.entrance = Entrance(channels, 32)
        self.lower = nn.Sequential(
            OrderedDict(
                conv1=unit(channels, 64, 7, stride=2),  # (B, 64, 112, 112)
                pool1=halve(),  # (B, 64, 56, 56)
                norm1=norm(),
                conv2=unit(64, 64, 1),
                conv3=unit(64, 192, 3),
                norm2=norm(),
                pool2=halve(),  # (B, 192, 28, 28)
                inception3a=module(192, 64, 96, 128, 16, 32, 32),
                inception3b=module(256, 128, 128, 192, 32, 96, 64),
                pool3=halve(),  # (B, 480, 14, 14)
                inception4a=module(480, 192, 96, 208, 16, 48, 64),
            )
        )
        self.aux1 = AuxiliaryHead(512, classes, unit)
        self.middle = nn.Sequential(
            OrderedDict(
                inception4b=module(512, 160, 112, 224, 24, 64, 64),
                inception4c=module(512, 128, 128, 256, 24, 64, 64),
                inception4d=module(512, 112, 144, 288, 32, 64, 64),
            )
        )
        self.aux2 = AuxiliaryHead(528, classes, unit)
        self.upper = nn.Sequential(
            OrderedDict(
                inception4e=module(528, 256, 160, 320, 32, 128, 128),
                pool4=nn.MaxPool2d(pool4, stride=2, ceil_mode=True),  # (B, 832, 7, 7)
                inception5a=module(832, 256, 160, 320, 32, 128, 128),
                inception5b=module(832, 384, 192, 384, 48, 128, 128),  # (B, 1024, 7, 7)
                pool5=GlobalAveragePool(),
                dropout=nn.Dropout(dropout),
            )
        )
        self.fc = nn.Linear(1024, classes)
        initialise(self)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.fc(self.upper(self.middle(self.lower(self.entrance(x)))))
        return x

    def heads(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """(B, channels, H, W) -> logits, those of the lower and of the upper auxiliary head: (B, classes) each."""
        low = self.lower(self.entrance(x))
        middle = self.middle(low)
        return self.fc(self.upper(middle)), self.aux1(low), self.aux2(middle)


def googlenet_bn(classes: int = 1000, channels: int = 3) -> GoogLeNet:
    """The form with batch norm."""
    unit = partial(ConvBN, eps=1e-3)
    return GoogLeNet(classes, channels, unit, norm=nn.Identity, large=3, pool4=2, dropout=0.2)
