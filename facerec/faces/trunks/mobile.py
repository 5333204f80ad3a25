"""MobileFaceNet: Chen, Liu, Gao, Han, "MobileFaceNets: efficient CNNs for accurate real-time face verification on
mobile devices", 2018 (table 1).

Input 112x112, or another multiple of 16. The paper prints 0.99 million parameters and 221 million multiply-adds; here
it is 995,456 and 221 million. ReLU stands in place of PReLU, which engines cannot join with a convolution, and the last
layer, 512 to 128, is a dense one with bias in place of a convolution with batch norm.
"""

from __future__ import annotations

from collections.abc import Iterator

from torch import nn

from facerec.cnn.blocks import ConvBN, InvertedResidual, initialise
from facerec.faces.trunks.trunk import EmbeddingHead, Trunk

STAGES = ((2, 64, 5, 2), (4, 128, 1, 2), (2, 128, 6, 1), (4, 128, 1, 2), (2, 128, 2, 1))
"""Expansion, channels, repeats, stride of the first of them."""


def bottlenecks(c_in: int) -> Iterator[InvertedResidual]:
    """56x56 -> 28x28 -> 14x14 -> 7x7."""
    for expansion, channels, repeats, stride in STAGES:
        for place in range(repeats):
            yield InvertedResidual(c_in, channels, 3, stride if place == 0 else 1, expansion, nn.ReLU)
            c_in = channels


def mobile() -> Trunk:
    """(B, 3, 112, 112) -> (B, 128) rows of length 1, by depthwise convolutions."""
    layers = {
        "conv1": ConvBN(3, 64, 3, stride=2),  # (B, 64, 56, 56)
        "depthwise": ConvBN(64, 64, 3, groups=64),
        "bottlenecks": nn.Sequential(*bottlenecks(64)),  # (B, 128, 7, 7)
        "conv2": ConvBN(128, 512, 1),  # (B, 512, 7, 7)
        "head": EmbeddingHead(512),
    }
    trunk = Trunk(layers, side=112, smallest=16, step=16)
    initialise(trunk)
    return trunk
