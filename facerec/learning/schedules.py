"""Learning rate factors as functions of progress, 0..1 of the whole run."""

from __future__ import annotations

import math


def warm_cosine(progress: float, warmup: float = 0.03) -> float:
    """Rise linearly over the first `warmup` share, then fall as half a cosine to zero (Loshchilov and Hutter, 2017).

    >>> [round(warm_cosine(p, 0.1), 3) for p in (0.05, 0.1, 0.55, 1.0)]
    [0.5, 1.0, 0.5, 0.0]
    """
    if progress < warmup:
        return progress / warmup
    return 0.5 * (1 + math.cos(math.pi * (progress - warmup) / (1 - warmup)))
