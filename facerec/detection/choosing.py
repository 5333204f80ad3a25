"""From what a network says of all its places to a few detections."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from facerec.errors import InvalidInput
from facerec.geometry import nms_per_class
from facerec.records import Detections

BEFORE = 1000
"""Best candidates of a picture that are compared with each other."""


@dataclass(frozen=True, slots=True)
class Choice:
    """floor: least score; overlap: largest IoU of two detections of a class; most: of a picture."""

    floor: float = 0.25
    overlap: float = 0.45
    most: int = 300

    def __post_init__(self) -> None:
        if not (0 <= self.floor <= 1 and 0 <= self.overlap <= 1 and self.most >= 1):
            raise InvalidInput("a least score and an overlap are 0 to 1, and one detection or more is kept")


USUAL = Choice()
MEASURING = Choice(floor=0.005)
"""Average precision wants the unsure ones too."""


def choose(boxes: np.ndarray, scores: np.ndarray, how: Choice) -> Detections:
    """(P, 4) and a score of each class (P, C) -> the detections, best first. A place may speak for several classes."""
    rows, labels = np.nonzero(scores >= how.floor)
    worth = scores[rows, labels]
    if len(rows) > BEFORE:
        best = np.sort(np.argsort(-worth, kind="stable")[:BEFORE])
        rows, labels, worth = rows[best], labels[best], worth[best]
    kept = nms_per_class(boxes[rows], worth, labels, how.overlap)[: how.most]
    return Detections.best_first(boxes[rows[kept]], worth[kept], labels[kept])
