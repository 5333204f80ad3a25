"""How much memory a painting takes, told before anything is computed."""

from __future__ import annotations

import math
from pathlib import Path

import torch
from torch import Tensor
from torch.autograd.graph import saved_tensors_hooks

from facerec.cnn.trace import meta_weights, storage
from facerec.errors import ImageTooLarge
from facerec.style.features import Features

PICTURES = 32
"""Copies of the picture that L-BFGS and its line search hold."""
KEPT = 0.8
"""The share of the free memory that may be asked for."""


def needed(features: Features, height: int, width: int) -> int:
    """Bytes that a step on a picture of that size takes: what the backward pass reads, followed without computing.

    Beside it there are two buffers of the largest map, for gradients, and what the optimizer remembers.
    """
    saved: dict[int, Tensor] = {}
    largest = 0

    def keep(tensor: Tensor) -> Tensor:
        nonlocal largest
        largest = max(largest, tensor.untyped_storage().nbytes())
        saved[storage(tensor)] = tensor
        return tensor

    weights = meta_weights(features)
    with torch.device("meta"), torch.enable_grad(), saved_tensors_hooks(keep, lambda tensor: tensor):
        picture = torch.empty((1, 3, height, width), requires_grad=True)
        maps = torch.func.functional_call(features, weights, (picture,))
    del maps
    for tensor in weights.values():
        saved.pop(storage(tensor), None)
    return sum(t.untyped_storage().nbytes() for t in saved.values()) + 2 * largest + PICTURES * 12 * height * width


def available() -> float:
    """Bytes that a process may still take, as the system and its control group say; infinity where nothing says."""
    found = [math.inf]
    for line in lines(Path("/proc/meminfo")):
        if line.startswith("MemAvailable:"):
            found.append(1024 * float(line.split()[1]))
    limit, used = (lines(Path("/sys/fs/cgroup") / name) for name in ("memory.max", "memory.current"))
    if limit and used and limit[0].isdecimal():
        found.append(float(limit[0]) - float(used[0]))
    return min(found)


def lines(path: Path) -> list[str]:
    """The lines of a file; none where it cannot be read."""
    try:
        return path.read_text(encoding="utf-8").split("\n")
    except OSError:
        return []


def require_memory(features: Features, size: tuple[int, int], free: float | None = None) -> None:
    """Raise ImageTooLarge, with the longer side that fits, where a painting of (height, width) does not."""
    height, width = size
    take, free = needed(features, height, width), KEPT * (available() if free is None else free)
    if take > free:
        fits = int(max(size) * math.sqrt(free / take))
        raise ImageTooLarge(
            f"painting {width} x {height} pixels takes about {take / 1e9:.1f} GB, and {free / 1e9:.1f} GB may be used: "
            f"--size {fits} fits"
        )
