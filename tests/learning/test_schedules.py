"""The learning rate over a run."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch.optim import lr_scheduler as torchs

from facerec.learning import schedules
from facerec.learning.schedules import warm_cosine


@pytest.mark.parametrize("progress, expected", [
    (0, 0),
    (0.05, 0.5),  # half way up
    (0.1, 1),
    (0.325, (1 + math.sqrt(0.5)) / 2),  # a quarter of the way down the cosine
    (0.55, 0.5),
    (1, 0),
])  # fmt: skip
def test_warm_cosine_at_points_computed_by_hand(progress: float, expected: float) -> None:
    assert warm_cosine(progress, warmup=0.1) == pytest.approx(expected, abs=1e-12)


def test_it_rises_to_one_and_then_only_falls() -> None:
    factors = np.array([warm_cosine(p, 0.03) for p in np.linspace(0, 1, 1001)])
    peak = factors.argmax()
    assert factors.max() == pytest.approx(1) and peak == 30
    assert (np.diff(factors[: peak + 1]) > 0).all() and (np.diff(factors[peak:]) < 0).all()


def test_without_warmup_it_starts_at_one() -> None:
    assert warm_cosine(0, warmup=0) == 1


EPOCHS = 12


@pytest.mark.parametrize("ours, theirs", [
    (lambda epoch: schedules.steps(epoch, 5, 0.3), lambda sgd: torchs.StepLR(sgd, 5, 0.3)),
    (lambda epoch: schedules.milestones(epoch, (2, 7)), lambda sgd: torchs.MultiStepLR(sgd, [2, 7])),
    (lambda epoch: schedules.exponential(epoch, 0.9), lambda sgd: torchs.ExponentialLR(sgd, 0.9)),
    (lambda epoch: schedules.polynomial(epoch, EPOCHS, 2), lambda sgd: torchs.PolynomialLR(sgd, EPOCHS, 2)),
    (lambda epoch: schedules.cosine(epoch, EPOCHS), lambda sgd: torchs.CosineAnnealingLR(sgd, EPOCHS)),
    (lambda epoch: schedules.restarting_cosine(epoch, 2, 2), lambda sgd: torchs.CosineAnnealingWarmRestarts(sgd, 2, 2)),
], ids=["steps", "milestones", "exponential", "polynomial", "cosine", "restarting"])  # fmt: skip
def test_by_epoch_they_agree_with_torchs(
    ours: Callable[[int], float], theirs: Callable[..., torchs.LRScheduler]
) -> None:
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=1.0)
    scheduler = theirs(optimizer)
    for epoch in range(EPOCHS + 1):
        assert ours(epoch) == pytest.approx(optimizer.param_groups[0]["lr"], abs=1e-6)
        optimizer.step()
        scheduler.step()
