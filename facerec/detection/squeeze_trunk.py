"""SqueezeNet up to fire8 as the trunk of detectors: maps of 512 channels, a cell every 8 pixels.

It learns well from few pictures when it starts from ImageNet's weights, and is light enough for a processor.
"""

from __future__ import annotations

from pathlib import Path

from torch import Tensor, nn
from torch.nn import functional as F

from facerec.cnn.networks.squeezenet import SqueezeNet
from facerec.cnn.preparation import CAFFE
from facerec.cnn.pretrained import open_classifier

BEFORE_FIRE9 = 11
FROZEN = 4
"""The first convolution and fire2 keep their weights, as the papers keep their first stages."""
PAD = 6
"""Zeros around the picture, pixels: so cell k looks from pixel 8 k on, and pictures of 8 n pixels give n cells."""


class SqueezeTrunk(nn.Module):
    """(B, 3, H, W) red, green and blue 0..1 -> (B, 512, H / 8, W / 8) for sides that 8 divides."""

    channels, stride = 512, 8

    def __init__(self, layers: nn.Sequential):
        super().__init__()
        stages = list(layers)
        self.first, self.later = nn.Sequential(*stages[:FROZEN]), nn.Sequential(*stages[FROZEN:])
        self.first.requires_grad_(False)

    def forward(self, pictures: Tensor) -> Tensor:
        x = F.pad(CAFFE.normalised(pictures * 255), (PAD, PAD, PAD, PAD))  # what is padded has the mean colour
        x = self.first(x)  # (B, 128, H / 4, W / 4)
        maps: Tensor = self.later(x)
        return maps


def squeeze_layers(weights: Path | None) -> nn.Sequential:
    """SqueezeNet's layers up to fire9, with ImageNet's weights from a file or fresh ones.

    Raises what `open_classifier` raises for the file.
    """
    net = SqueezeNet() if weights is None else open_classifier("squeezenet", weights).net
    features = net.get_submodule("features")
    assert isinstance(features, nn.Sequential)
    return features


def squeeze_trunk(weights: Path | None = None) -> SqueezeTrunk:
    """The trunk with ImageNet's weights from a file; without one all of it is fresh, and all of it learns."""
    trunk = SqueezeTrunk(nn.Sequential(*list(squeeze_layers(weights))[:BEFORE_FIRE9]))
    return trunk if weights is not None else trunk.requires_grad_(True)
