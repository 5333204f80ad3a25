"""A segmentation network on paper: its layers, and a U-Net's plan of channels."""

from __future__ import annotations

import torch
from torch import nn

from facerec.cnn.summary import Summary, summarise
from facerec.errors import InvalidInput
from facerec.segmentation.fcn import FCN
from facerec.segmentation.settings import NETS
from facerec.segmentation.trunks import open_trunk
from facerec.segmentation.unet import UNet, plan


def create_segmenter(net: str, width: int, trunk: str, classes: int, channels: int) -> nn.Module:
    """A network by name, with fresh weights. Raises InvalidInput for an unknown name, width or trunk."""
    if net not in NETS:
        raise InvalidInput(f"no network {net!r}; known: {', '.join(NETS)}")
    if net == "unet":
        return UNet(classes, channels, width)
    return FCN(open_trunk(trunk, channels)[0], classes, int(net[3:-1]))


def summarise_segmenter(
    net: str, width: int, trunk: str, classes: int, channels: int, sizes: tuple[int, int]
) -> Summary:
    """Layer by layer, built without memory. Raises InvalidInput for what there is not."""
    with torch.device("meta"):
        return summarise(create_segmenter(net, width, trunk, classes, channels), (channels, *sizes))


def channel_plan(width: int) -> str:
    """A U-Net's channels in words, finest level first.

    >>> print(channel_plan(32))
    down 32 -> 64 -> 128 -> 256 -> 512, up 512 -> 256+256 -> 128+128 -> 64+64 -> 32+32 -> 32
    """
    levels = plan(width)
    joined = [f"{c}+{c}" for c in reversed(levels[:-1])]
    return f"down {' -> '.join(map(str, levels))}, up {' -> '.join([str(levels[-1]), *joined, str(width)])}"
