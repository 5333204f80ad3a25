"""Networks with more than one output in training: auxiliary classifiers, or a picture drawn again."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

import torch
from torch import nn


@runtime_checkable
class ManyHeads(Protocol):
    """A network that training asks for more than its logits."""

    def heads(self, x: torch.Tensor) -> tuple[torch.Tensor, ...]:
        """(B, C, H, W) -> the logits (B, classes) first, then what the network's docstring says."""
        ...


def training_outputs(network: nn.Module, x: torch.Tensor) -> tuple[torch.Tensor, ...]:
    """Every output that a training loss is taken of, the logits first: of most networks it is the only one."""
    return network.heads(x) if isinstance(network, ManyHeads) else (network(x),)
