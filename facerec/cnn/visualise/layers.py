"""The first layer's filters, and the feature maps of any layer."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from facerec.cnn.paint import enlarged, levels, sheet, signed
from facerec.cnn.visualise.sight import Sight
from facerec.errors import InvalidInput
from facerec.records import Image

Float32 = NDArray[np.float32]


class Reached(Exception):
    """The layer that was asked for is done; what follows need not run."""


def first_filters(net: nn.Module) -> Float32:
    """Weights of the first convolution: (K, h, w, C). Raises InvalidInput where there is none over pictures."""
    for module in net.modules():
        if isinstance(module, nn.Conv2d):
            filters: Float32 = module.weight.detach().permute(0, 2, 3, 1).numpy()
            return filters
    raise InvalidInput("this network has no convolution over pictures, so no filters to show")


def output_of(net: nn.Module, layer: str, batch: Tensor) -> Tensor:
    """What the named module makes of a batch; the layers behind it do not run.

    Raises InvalidInput for an unknown name, or a module that was not reached.
    """
    held: list[Tensor] = []

    def stop(module: nn.Module, inputs: Any, output: Any) -> None:
        held.append(output)
        raise Reached

    with module_named(net, layer).register_forward_hook(stop), torch.no_grad():
        try:
            net(batch)
        except Reached:
            return held[0]
    raise InvalidInput(f"layer {layer!r} does not work in evaluation: choose another")


def module_named(net: nn.Module, layer: str) -> nn.Module:
    """The module of that dotted name. Raises InvalidInput for an unknown one, listing those that compute."""
    modules: dict[str, nn.Module] = dict(net.named_modules())
    if not layer or layer not in modules:
        leaves = ", ".join(name for name, module in modules.items() if name and not list(module.children()))
        raise InvalidInput(f"no layer {layer!r}; this network has: {leaves}")
    return modules[layer]


def feature_maps(sight: Sight, layer: str, image: Image) -> Float32:
    """A layer's maps of a picture: (K, h, w). Raises InvalidInput for a layer that makes no maps."""
    output = output_of(sight.net, layer, sight.input(image))
    if output.ndim != 4:
        raise InvalidInput(f"layer {layer!r} makes {tuple(output.shape[1:])}, not maps: choose one before it")
    maps: Float32 = output[0].numpy()
    return maps


def paint_filters(filters: Float32, side: int = 48) -> Image:
    """Every filter as a tile of about `side` pixels: (K, h, w, C) -> RGB.

    With three channels in colour; otherwise every channel in grey, a row for each filter. Zero is mid-grey, and
    all filters share one scale.
    """
    count, height, _, channels = filters.shape
    times = max(side // height, 1)
    if channels == 3:
        painted = np.split(signed(filters.reshape(count * height, -1, 3)), count)
        return sheet([enlarged(tile, times) for tile in painted], columns_for(count))
    rows = filters.transpose(0, 3, 1, 2).reshape(count * channels * height, -1)
    painted = np.split(signed(rows), count * channels)
    return sheet([enlarged(tile, times) for tile in painted], channels if channels > 1 else columns_for(count))


def paint_maps(maps: Float32, side: int = 96) -> Image:
    """Every map as a tile of about `side` pixels, from its smallest value in black to its largest in white."""
    times = max(side // maps.shape[1], 1)
    return sheet([enlarged(levels(one), times) for one in maps], columns_for(len(maps)))


def columns_for(count: int) -> int:
    """So many columns that the sheet is about square, rather wide than high."""
    return math.ceil(math.sqrt(count))
