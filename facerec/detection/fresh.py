"""Fresh weights for the heads of detectors."""

from __future__ import annotations

from torch import nn


def begin(layer: nn.Linear | nn.Conv2d, deviation: float, bias: float = 0.0) -> None:
    """Small weights, normal with the given deviation, and one bias for all outputs."""
    nn.init.normal_(layer.weight, std=deviation)
    if layer.bias is not None:
        nn.init.constant_(layer.bias, bias)
