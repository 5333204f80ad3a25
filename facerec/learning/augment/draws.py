"""Random numbers for a batch of images, always drawn on the CPU: the same ones whatever the images lie on."""

from __future__ import annotations

import torch


def uniform(count: int, spread: float, rng: torch.Generator) -> torch.Tensor:
    """(count,) numbers in -spread..spread."""
    return (torch.rand(count, generator=rng) * 2 - 1) * spread


def between(count: int, low: float, high: float, rng: torch.Generator) -> torch.Tensor:
    """(count,) numbers in low..high."""
    return low + (high - low) * torch.rand(count, generator=rng)


def chosen(count: int, probability: float, rng: torch.Generator) -> torch.Tensor:
    """(count,) bool, True with the probability."""
    return torch.rand(count, generator=rng) < probability


def some(count: int, probability: float, rng: torch.Generator) -> torch.Tensor:
    """The row numbers, int64, of those that are chosen. A probability of 0 draws nothing."""
    if not probability:
        return torch.zeros(0, dtype=torch.int64)
    return chosen(count, probability, rng).nonzero().squeeze(1)
