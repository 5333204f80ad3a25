"""How far two embeddings are, number by number: what a binary head weighs (Taigman et al., DeepFace, 2014).

Each takes two arrays of numpy, or two tensors of torch, and gives one of the shape that they broadcast to; numbers are
0 or more, 0 where both are equal.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from facerec.errors import InvalidInput

TINY = 1e-12
"""Keeps 0 / 0 from being no number."""


def manhattan(a: Any, b: Any) -> Any:
    """|a - b|."""
    return abs(a - b)


def squared_euclidean(a: Any, b: Any) -> Any:
    """(a - b)^2. With equal weights this is 2 - 2 cosine of unit rows: such a head decides as the cosine does."""
    return (a - b) ** 2


def chi_square(a: Any, b: Any) -> Any:
    """(a - b)^2 / (|a| + |b|).

    The distance is made for features that are never negative, and embeddings are of both signs. So each number counts
    as two features, its positive and its negative part, which share a weight: what their two terms add up to is this.
    """
    return (a - b) ** 2 / (abs(a) + abs(b) + TINY)


DIFFERENCES: dict[str, Callable[[Any, Any], Any]] = {
    "manhattan": manhattan,
    "squared_euclidean": squared_euclidean,
    "chi_square": chi_square,
}


def difference_named(name: str) -> Callable[[Any, Any], Any]:
    """A difference by its name. Raises InvalidInput listing the known ones."""
    if name not in DIFFERENCES:
        raise InvalidInput(f"no difference {name!r}; known: {', '.join(DIFFERENCES)}")
    return DIFFERENCES[name]
