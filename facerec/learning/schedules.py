"""Learning rate factors, 0..1: functions of progress, 0..1 of the whole run, or of the number of an epoch, from 0."""

from __future__ import annotations

import math
from collections.abc import Sequence


def warm_cosine(progress: float, warmup: float = 0.03) -> float:
    """Rise linearly over the first `warmup` share, then fall as half a cosine to zero (Loshchilov and Hutter, 2017).

    >>> [round(warm_cosine(p, 0.1), 3) for p in (0.05, 0.1, 0.55, 1.0)]
    [0.5, 1.0, 0.5, 0.0]
    """
    if progress < warmup:
        return progress / warmup
    return 0.5 * (1 + math.cos(math.pi * (progress - warmup) / (1 - warmup)))


def steps(epoch: int, every: int, factor: float = 0.1) -> float:
    """Times `factor` after each `every` epochs, as torch's StepLR: Krizhevsky et al. (2012) divided by 10.

    >>> [steps(epoch, 2, 0.5) for epoch in range(5)]
    [1.0, 1.0, 0.5, 0.5, 0.25]
    """
    return float(factor ** (epoch // every))


def milestones(epoch: int, at: Sequence[int], factor: float = 0.1) -> float:
    """Times `factor` at each of the given epochs, as torch's MultiStepLR.

    >>> [milestones(epoch, (1, 3), 0.5) for epoch in range(4)]
    [1.0, 0.5, 0.5, 0.25]
    """
    return float(factor ** sum(epoch >= start for start in at))


def exponential(epoch: int, factor: float) -> float:
    """Times `factor` after each epoch, as torch's ExponentialLR."""
    return float(factor**epoch)


def polynomial(epoch: int, epochs: int, power: float = 1.0) -> float:
    """From 1 to 0 over the run as a power of what is left of it, as torch's PolynomialLR; a line where power is 1."""
    return float((1 - min(epoch, epochs) / epochs) ** power)


def cosine(epoch: int, epochs: int) -> float:
    """Half a cosine from 1 to 0 over the run, as torch's CosineAnnealingLR (Loshchilov and Hutter, 2017)."""
    return 0.5 * (1 + math.cos(math.pi * min(epoch, epochs) / epochs))


def restarting_cosine(epoch: int, first: int, growth: int = 1) -> float:
    """Half a cosine of `first` epochs, then again, each `growth` times as long (SGDR: Loshchilov and Hutter, 2017)."""
    length = first
    while epoch >= length:
        epoch, length = epoch - length, length * growth
    return cosine(epoch, length)
