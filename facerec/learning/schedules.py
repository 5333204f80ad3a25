"""Learning rate factors, 0..1: functions of progress, 0..1 of the whole run, or of the number of an epoch, from 0."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass


def warm_cosine(progress: float, warmup: float = 0.03) -> float:
    """Rise linearly over the first `warmup` share, then fall as half a cosine to zero (Loshchilov and Hutter, 2017).

    >>> [round(warm_cosine(p, 0.1), 3) for p in (0.05, 0.1, 0.55, 1.0)]
    [0.5, 1.0, 0.5, 0.0]
    """
    if progress < warmup:
        return progress / warmup
    return 0.5 * (1 + math.cos(math.pi * (progress - warmup) / (1 - warmup)))


def steps(epoch: float, every: float, factor: float = 0.1) -> float:
    """Times `factor` after each `every` epochs, as torch's StepLR: Krizhevsky et al. (2012) divided by 10.

    >>> [steps(epoch, 2, 0.5) for epoch in range(5)]
    [1.0, 1.0, 0.5, 0.5, 0.25]
    """
    return float(factor ** (epoch // every))


def milestones(epoch: float, at: Sequence[float], factor: float = 0.1) -> float:
    """Times `factor` at each of the given epochs, as torch's MultiStepLR.

    >>> [milestones(epoch, (1, 3), 0.5) for epoch in range(4)]
    [1.0, 0.5, 0.5, 0.25]
    """
    return float(factor ** sum(epoch >= start for start in at))


def exponential(epoch: float, factor: float) -> float:
    """Times `factor` after each epoch, as torch's ExponentialLR."""
    return float(factor**epoch)


def polynomial(epoch: float, epochs: float, power: float = 1.0) -> float:
    """From 1 to 0 over the run as a power of what is left of it, as torch's PolynomialLR; a line where power is 1."""
    return float((1 - min(epoch, epochs) / epochs) ** power)


def cosine(epoch: float, epochs: float) -> float:
    """Half a cosine from 1 to 0 over the run, as torch's CosineAnnealingLR (Loshchilov and Hutter, 2017)."""
    return 0.5 * (1 + math.cos(math.pi * min(epoch, epochs) / epochs))


def restarting_cosine(epoch: float, first: float, growth: int = 1) -> float:
    """Half a cosine of `first` epochs, then again, each `growth` times as long (SGDR: Loshchilov and Hutter, 2017)."""
    length = first
    while epoch >= length:
        epoch, length = epoch - length, length * growth
    return cosine(epoch, length)


@dataclass(frozen=True, slots=True)
class Course:
    """What a schedule may want to know besides the epoch; the other numbers are in epochs too.

    epochs      of the whole run
    every       epochs between two falls of `step`, and of the first period of the restarting cosine
    factor      of each fall
    milestones  epochs of the falls of MultiStepLR
    """

    epochs: float
    every: float = 10.0
    factor: float = 0.1
    milestones: tuple[float, ...] = ()


SCHEDULES: dict[str, Callable[[float, Course], float]] = {
    "constant": lambda epoch, course: 1.0,
    "cosine": lambda epoch, course: cosine(epoch, course.epochs),
    "step": lambda epoch, course: steps(epoch, course.every, course.factor),
    "exponential": lambda epoch, course: exponential(epoch, course.factor),
    "StepLR": lambda epoch, course: steps(epoch, course.every, course.factor),
    "MultiStepLR": lambda epoch, course: milestones(epoch, course.milestones, course.factor),
    "ExponentialLR": lambda epoch, course: exponential(math.floor(epoch), course.factor),
    "PolynomialLR": lambda epoch, course: polynomial(math.floor(epoch), course.epochs),
    "CosineAnnealingLR": lambda epoch, course: cosine(math.floor(epoch), course.epochs),
    "CosineAnnealingWarmRestarts": lambda epoch, course: restarting_cosine(epoch, course.every),
}
"""The factor of the learning rate at an epoch, or between two. The names from torch change it as torch's do when they
are stepped once an epoch, except for the last, which torch steps at every batch too."""


def warmed(name: str, progress: float, course: Course, warmup: float) -> float:
    """The factor of a schedule at a share of the run, after a linear rise over its first `warmup` share.

    The cosine begins where the rise ends (`warm_cosine`); the others go by the epoch, and are held down until then.
    """
    if name == "cosine":
        return warm_cosine(progress, warmup)
    rise = min(1.0, progress / warmup) if warmup else 1.0
    return rise * SCHEDULES[name](progress * course.epochs, course)
