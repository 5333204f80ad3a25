"""Classifiers cut for an FCN: VGG in its published shape, and SqueezeNet, which is small."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

from torch import nn

from facerec.cnn.dense_to_conv import as_convolutions
from facerec.cnn.networks import create
from facerec.cnn.networks.squeezenet import SqueezeNet
from facerec.cnn.networks.vgg import VGG
from facerec.cnn.preparation import Preparation, plain
from facerec.cnn.pretrained import open_classifier
from facerec.errors import InvalidInput
from facerec.segmentation.fcn import Trunk


def cut_vgg(net: VGG) -> Trunk:
    """Stages end in pool1 to pool5; fc6 is a 7x7 convolution, padded by 3 so that the map keeps its size."""
    ends = [place + 1 for place, layer in enumerate(net.features) if isinstance(layer, nn.MaxPool2d)]
    stages = [net.features[start:end] for start, end in zip([0, *ends], ends, strict=False)]
    head = as_convolutions(list(net.classifier)[:-1], 512, 7, 7)
    pad(head[0], 3)
    return Trunk(stages, head, net.entrance.channels)


def cut_squeezenet(net: SqueezeNet) -> Trunk:
    """Stages end in front of the poolings to steps of 4, 8 and 16 pixels; the last is fire9.

    Its first convolution is padded by 3, so that the border of the picture is seen too.
    """
    pad(net.features[0], 3)
    layers = list(net.features)
    ends = [place for place, layer in enumerate(layers) if isinstance(layer, nn.MaxPool2d)]
    cuts = [0, *ends, len(layers)]
    stages = [nn.Sequential(*layers[start:end]) for start, end in pairwise(cuts)]
    return Trunk(stages, nn.Dropout(0.5), net.entrance.channels)


def pad(layer: nn.Module, cells: int) -> None:
    """Let a convolution see so many zeros around its input."""
    assert isinstance(layer, nn.Conv2d)
    layer.padding = (cells, cells)


TRUNKS: dict[str, Callable[[nn.Module], Trunk]] = {
    "vgg16": cut_vgg,  # type: ignore[dict-item]
    "vgg19": cut_vgg,  # type: ignore[dict-item]
    "squeezenet": cut_squeezenet,  # type: ignore[dict-item]
}
"""A classifier's name, and how it is cut."""


def open_trunk(name: str, channels: int = 3, weights: Path | None = None) -> tuple[Trunk, Preparation]:
    """A trunk with fresh weights, or with those of a classifier's file, and how its pictures are prepared.

    Raises InvalidInput for an unknown name, and what `open_classifier` raises for the weights.
    """
    if name not in TRUNKS:
        raise InvalidInput(f"no trunk {name!r} for an FCN; known: {', '.join(TRUNKS)}")
    if weights is None:
        return TRUNKS[name](create(name, 1000, channels)), plain(1, channels)
    source = open_classifier(name, weights, channels=channels)
    return TRUNKS[name](source.net), source.preparation
