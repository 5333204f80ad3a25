"""Max pooling forgives a shift: the picture moves by a pixel, and most of what comes out stays.

python examples/20_max_pooling.py china.jpg
"""

import sys

import torch
from torch import nn

from facerec import images
from facerec.cnn.filters import FILTERS, cross_correlate, grey

edges = torch.from_numpy(cross_correlate(grey(images.load(sys.argv[1])), FILTERS["sobel_vertical"])).abs()[None]


def moved(values: torch.Tensor, pixels: int) -> torch.Tensor:
    """One row of pixels after the other, shifted to the right: (1, H, W) -> (1, H, W - 8)."""
    return values[:, :, 8 - pixels : values.shape[2] - pixels]


def changed(layer: nn.Module, pixels: int) -> float:
    """How much of the layer's output changes, as a share of its own size."""
    before, after = layer(moved(edges, 0)), layer(moved(edges, pixels))
    return float((after - before).abs().mean() / before.abs().mean())


print("shift   as it is   max 2x2   max 4x4   max 8x8   (share of the map that changes)")
for pixels in (0, 1, 2, 4):
    layers = [nn.Identity(), nn.MaxPool2d(2), nn.MaxPool2d(4), nn.MaxPool2d(8)]
    shares = [changed(layer, pixels) for layer in layers]
    print(f"{pixels:5}   {shares[0]:8.2f}   " + "   ".join(f"{share:7.2f}" for share in shares[1:]))
