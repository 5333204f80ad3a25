"""A classifier's dense layers as convolutions, weights carried over (Sermanet et al., "OverFeat", 2014, section 3.5).

A dense layer behind a map of C x h x w cells is a convolution with windows of h x w cells that fits exactly once; the
dense layers after it are convolutions of 1x1. So turned, a classifier takes a picture of any size, and answers for
every window at once. Fully convolutional networks begin with the same step (Long, Shelhamer and Darrell, 2015).
"""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import nn

from facerec.cnn.blocks import AverageTo, Entrance
from facerec.errors import InvalidInput

STAYS = (nn.ReLU, nn.ReLU6, nn.Tanh, nn.Sigmoid, nn.SiLU, nn.Dropout)
"""What works cell by cell, on rows as on maps."""


@torch.no_grad()
def as_convolution(dense: nn.Linear, channels: int, height: int = 1, width: int = 1) -> nn.Conv2d:
    """The convolution that is a dense layer on a map (B, channels, height, width) that was flattened.

    Its weights are a copy. Raises InvalidInput where the layer takes another number of values.
    """
    if dense.in_features != channels * height * width:
        raise InvalidInput(
            f"a dense layer of {dense.in_features} inputs does not fit {channels}x{height}x{width} cells"
        )
    weight = dense.weight
    conv = nn.Conv2d(
        channels,
        dense.out_features,
        (height, width),
        bias=dense.bias is not None,
        device=weight.device,
        dtype=weight.dtype,
    )
    conv.weight.copy_(weight.reshape(conv.weight.shape))
    if dense.bias is not None and conv.bias is not None:
        conv.bias.copy_(dense.bias)
    return conv.train(dense.training)


def as_convolutions(layers: Iterable[nn.Module], channels: int, height: int, width: int) -> nn.Sequential:
    """A classifier's end as convolutions: dense layers become such, a flattening falls away, the rest stays.

    layers    in the order of the forward pass
    channels, height, width  of the map that reaches them
    Pictures as large as the classifier's give (B, classes, 1, 1), larger ones a map of answers. Dropout drops cells,
    and no channels as a whole. Raises InvalidInput for a layer that cannot be turned.
    """
    turned = nn.Sequential()
    for layer in layers:
        if isinstance(layer, nn.Linear):
            turned.append(as_convolution(layer, channels, height, width))
            channels, height, width = layer.out_features, 1, 1
        elif isinstance(layer, STAYS):
            turned.append(layer)
        elif not isinstance(layer, nn.Flatten | nn.Identity):
            raise InvalidInput(f"{type(layer).__name__} cannot be turned into a convolution")
    return turned


def fully_convolutional(net: nn.Sequential, channels: int, height: int, width: int) -> nn.Sequential:
    """A classifier that is one sequence with a flattening in it, as convolutions from end to end.

    `channels`, `height`, `width` are those of the map before the flattening. The layers in front of it are shared, not
    copied. Raises InvalidInput where nothing is flattened.
    """
    layers = [layer for layer in net if not isinstance(layer, Entrance | AverageTo)]
    places = [place for place, layer in enumerate(layers) if isinstance(layer, nn.Flatten)]
    if not places:
        raise InvalidInput("the network flattens no map: it has no dense layers that could be convolutions")
    cut = places[0]
    return nn.Sequential(*layers[:cut], *as_convolutions(layers[cut:], channels, height, width))
