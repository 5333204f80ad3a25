"""Weights averaged over the steps of a run, which do better than those of its last step."""

from __future__ import annotations

import torch


@torch.no_grad()
def follow(average: dict[str, torch.Tensor], weights: dict[str, torch.Tensor], decay: float, step: int) -> None:
    """Move the averaged weights towards the current ones; faster while the run is young (Polyak and Juditsky, 1992)."""
    keep = min(decay, (1 + step) / (10 + step))
    for name, value in average.items():
        if value.is_floating_point():
            value.lerp_(weights[name], 1 - keep)
        else:
            value.copy_(weights[name])


def copy_into(average: dict[str, torch.Tensor], stored: dict[str, torch.Tensor]) -> None:
    """Take over stored numbers; each tensor keeps its place and its layout in memory, which is that of its weights."""
    for name, value in average.items():
        value.copy_(stored[name])


def shapes(named: dict[str, torch.Tensor]) -> dict[str, torch.Size]:
    """The shape of each of some weights, by name."""
    return {name: value.shape for name, value in named.items()}
