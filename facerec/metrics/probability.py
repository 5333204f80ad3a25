"""From a similarity to a chance: how probable it is that two pictures show one subject, if before they were compared
that was as probable as not.

A logistic curve, whose slope and place are fitted on labelled people (Platt, 2000). Where the two are not equally
probable beforehand, its odds have to be multiplied by the odds beforehand: among a thousand enrolled, a similarity that
means 99 % here means 9 % for each.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from facerec.errors import InvalidInput
from facerec.metrics.scores import Float64

SCHEMA = 1
PRIOR = 0.5


@dataclass(frozen=True, slots=True)
class Probability:
    """A similarity, or an array of them -> the chance of one subject, 0..1, at a prior of 50:50.

    slope, intercept  of the log odds
    most              the highest chance it says, and 1 - most the lowest: the data speak of no higher ones
    missed            share of the genuine comparisons that are less alike than `even`
    subjects          how many people it was fitted on
    """

    slope: float
    intercept: float
    most: float
    missed: float
    subjects: int

    def __post_init__(self) -> None:
        if not (self.slope > 0 and math.isfinite(self.intercept) and 0.5 < self.most < 1):
            raise InvalidInput(f"a probability needs a rising curve and a highest value from 0.5 to 1, got {self}")

    def __call__(self, similarities: np.ndarray | float) -> Float64:
        odds = np.asarray(self.slope * np.asarray(similarities, np.float64) + self.intercept)
        small = np.exp(-np.abs(odds))
        chance = np.where(odds >= 0, 1.0, small) / (1 + small)
        return np.asarray(np.clip(chance, 1 - self.most, self.most), np.float64)

    @property
    def even(self) -> float:
        """The similarity at which one subject is as probable as two."""
        return -self.intercept / self.slope

    def as_dict(self) -> dict[str, Any]:
        """What an encoder's card holds under `probability`."""
        return {"schema": SCHEMA, "prior": PRIOR, **asdict(self), "even": self.even}

    @classmethod
    def of(cls, kept: Mapping[str, Any]) -> Probability:
        """From what `as_dict` gave. Raises InvalidInput for another schema or something missing."""
        if kept.get("schema") != SCHEMA:
            raise InvalidInput(f"a probability must have schema {SCHEMA}, not {kept.get('schema')}")
        try:
            return cls(**{name: kept[name] for name in cls.__dataclass_fields__})
        except KeyError as missing:
            raise InvalidInput(f"a probability lacks {missing}") from missing


def fit_logistic(scores: Float64, genuine: Float64, impostor: Float64) -> tuple[float, float]:
    """Slope and intercept of the log odds: (B,) scores, and how much genuine and impostor weight each has (B,).

    Both kinds count the same in sum, which is the prior of 50:50. Maximum likelihood by Newton's method.
    Raises InvalidInput where the curve has no finite slope, since no impostor is more alike than any genuine one.
    """
    for name, weight in (("genuine", genuine), ("impostor", impostor)):
        if not weight.sum() > 0:
            raise InvalidInput(f"a probability needs {name} comparisons")
    true, false = genuine / genuine.sum(), impostor / impostor.sum()
    centre = float((scores @ true + scores @ false) / 2)
    matrix, line = np.stack([scores - centre, np.ones(len(scores))], axis=1), np.zeros(2)
    for _ in range(100):
        chance = 1 / (1 + np.exp(-np.clip(matrix @ line, -700, 700)))
        slope = matrix.T @ (true - (true + false) * chance)
        curvature = (matrix * ((true + false) * chance * (1 - chance))[:, None]).T @ matrix
        step = _damped(curvature, slope)
        line += step
        if np.abs(step).max() < 1e-9 * max(1.0, float(np.abs(line).max())):
            return float(line[0]), float(line[1] - line[0] * centre)
    raise InvalidInput("genuine and impostor similarities do not overlap: no probability can be fitted")


def _damped(curvature: Float64, slope: Float64) -> Float64:
    """Newton's step, cut where it would leap."""
    try:
        step = np.linalg.solve(curvature, slope)
    except np.linalg.LinAlgError as error:
        raise InvalidInput("genuine and impostor similarities do not overlap: no probability can be fitted") from error
    return np.asarray(step * min(1.0, 20 / max(20.0, float(np.abs(step).max()))), np.float64)
