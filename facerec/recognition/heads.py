"""The ways to say how alike two embeddings are, each with the thresholds that were measured for it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from facerec.errors import InvalidInput
from facerec.faces.encoder import Encoder
from facerec.faces.head import open_head
from facerec.metrics.operating_points import OperatingPoints
from facerec.metrics.probability import Probability
from facerec.records import Float32


class Head(Protocol):
    """Two lists of embeddings -> the similarity of every pair: (N, 128), (M, 128) -> (N, M) float32."""

    @property
    def points(self) -> OperatingPoints: ...

    def __call__(self, a: Float32, b: Float32, /) -> Float32: ...


@dataclass(frozen=True, slots=True)
class Cosine:
    """The cosine of unit rows, -1 to 1: what everything uses unless it is told otherwise.

    probability  the chance that goes with it, where one was fitted
    """

    points: OperatingPoints
    probability: Probability | None = None

    def __call__(self, a: Float32, b: Float32, /) -> Float32:
        return a @ b.T


HEADS: dict[str, Callable[[Encoder], Head]] = {
    "cosine": lambda encoder: Cosine(encoder.card.operating_points, encoder.card.probability),
    "binary": lambda encoder: open_head(encoder.folder, encoder.digest),
}


def head_named(name: str, encoder: Encoder) -> Head:
    """A head of an encoder by its name. Raises InvalidInput listing the known, and MissingPart where it has none."""
    if name not in HEADS:
        raise InvalidInput(f"no head {name!r}; known: {', '.join(HEADS)}")
    return HEADS[name](encoder)
