"""What a run says of itself: step by step, and where it has to stop."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from facerec.errors import FacerecError
from facerec.records import Int64

SPAN = 20
"""Steps over which the pace is measured."""


class Diverged(FacerecError):
    """The loss or a gradient is no longer a number; says at which step and on which crops.

    rows  (B,) int64, the batch's row numbers in the crops that the run learns from
    """

    code = "diverged"

    def __init__(self, what: str, step: int, rows: Int64, sources: np.ndarray):
        shown = ", ".join(f"{source} (row {row})" for row, source in zip(rows[:3], sources, strict=False))
        super().__init__(
            f"the {what} is not a finite number at step {step}, on {len(rows)} crops: {shown}, ...; look at them, "
            "or start again in another folder with a lower learning_rate"
        )
        self.step, self.rows = step, rows


@dataclass(frozen=True, slots=True)
class Report:
    """What one step did.

    step               how many steps are finished
    active             share of the batch's triplets that still teach; 1 where the loss has no triplets
    images_per_second  over the last steps, waiting for views, saving and validation included
    learning_rate      that the step was made with
    tar                true accept rate on people outside the training, where it was measured after this step
    """

    step: int
    loss: float
    active: float
    images_per_second: float
    learning_rate: float
    tar: float | None = None


class Pace:
    """Images per second over the last few steps."""

    def __init__(self, clock: Callable[[], float] = time.perf_counter):
        self.clock, self.images = clock, 0
        self.marks: deque[tuple[float, int]] = deque([(clock(), 0)], maxlen=SPAN + 1)

    def __call__(self, images: int) -> float:
        """So many more are done."""
        self.images += images
        self.marks.append((self.clock(), self.images))
        (began, before), (now, after) = self.marks[0], self.marks[-1]
        return (after - before) / max(now - began, 1e-9)
