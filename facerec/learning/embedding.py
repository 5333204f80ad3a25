"""What a trunk says of crops while it is still learning."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch
from torch import nn

from facerec.learning.augment import plain
from facerec.records import DIM, Float32


@contextmanager
def evaluating(net: nn.Module) -> Iterator[None]:
    """Evaluation mode for the block; afterwards every part has its own mode again, a frozen one for instance."""
    modes = {part: part.training for part in net.modules()}
    net.eval()
    try:
        yield
    finally:
        for part, mode in modes.items():
            part.training = mode


@torch.no_grad()
def embed(trunk: nn.Module, pixels: np.ndarray, size: int = 112, batch: int = 64) -> Float32:
    """The embeddings of crops as they are: (N, 128, 128, 3) uint8 -> (N, 128) rows of length 1. N may be 0."""
    device = next((weight.device for weight in trunk.parameters()), torch.device("cpu"))
    parts = (torch.from_numpy(pixels[at : at + batch]).to(device) for at in range(0, len(pixels), batch))
    with evaluating(trunk):
        rows = [trunk(plain(part, size)).float().cpu() for part in parts]
    return torch.cat([torch.zeros(0, DIM), *rows]).numpy()
