"""How unevenly an error rate falls on groups of people, as one number (Grother, NIST IR 8429, 2022)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from facerec.errors import InvalidInput


def inequity(rates: Sequence[float]) -> float:
    """The largest of the groups' rates over their geometric mean: 1 where all are equal.

    `rates` are G >= 2 shares above 0: a group without a single error has no place in a geometric mean, and an
    estimate put there would decide the answer. Noise alone makes it exceed 1, the more so the fewer the errors.
    Raises InvalidInput for fewer groups or a rate of 0.

    >>> round(inequity([0.04, 0.01]), 9)
    2.0
    """
    if len(rates) < 2 or min(rates) <= 0:
        raise InvalidInput("an inequity needs at least two groups, each with at least one error")
    return float(max(rates) / np.exp(np.mean(np.log(rates))))
