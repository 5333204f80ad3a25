"""What the Darknet trunks share."""

from __future__ import annotations

from functools import partial

from torch import nn

from facerec.cnn.blocks import ConvBN

Leaky = partial(nn.LeakyReLU, 0.1)


def conv(c_in: int, c_out: int, kernel: int, stride: int = 1) -> ConvBN:
    """Convolution, batch norm, leaky ReLU: (B, c_in, H, W) -> (B, c_out, H / stride, W / stride)."""
    return ConvBN(c_in, c_out, kernel, stride, activation=Leaky)


def thin(width: float, *channels: int) -> list[int]:
    """Fewer channels, in eights and eight at least: the published numbers at width 1.

    >>> thin(0.25, 32, 64, 1000), thin(1.0, 192)
    ([8, 16, 248], [192])
    """
    return [max(8, round(each * width / 8) * 8) for each in channels]
