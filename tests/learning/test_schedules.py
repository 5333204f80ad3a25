"""The learning rate over a run."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch.optim import lr_scheduler as torchs

from facerec.learning import schedules
from facerec.learning.schedules import SCHEDULES, Course, warm_cosine, warmed


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


IN_A_RUN = {
    "StepLR": lambda sgd: torchs.StepLR(sgd, 3, 0.3),
    "MultiStepLR": lambda sgd: torchs.MultiStepLR(sgd, [2, 7], 0.3),
    "ExponentialLR": lambda sgd: torchs.ExponentialLR(sgd, 0.3),
    "PolynomialLR": lambda sgd: torchs.PolynomialLR(sgd, 9),
    "CosineAnnealingLR": lambda sgd: torchs.CosineAnnealingLR(sgd, 9),
}


@pytest.mark.parametrize("name", IN_A_RUN)
def test_the_schedules_named_as_torchs_change_the_rate_as_torchs_do_once_an_epoch(name: str) -> None:
    course = Course(epochs=9, every=3, factor=0.3, milestones=(2, 7))
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=1.0)
    scheduler = IN_A_RUN[name](optimizer)
    for epoch in range(9):
        for step in range(4):
            progress = (4 * epoch + step) / 36
            assert warmed(name, progress, course, 0) == pytest.approx(optimizer.param_groups[0]["lr"], abs=1e-6)
        optimizer.step()
        scheduler.step()


def test_the_restarting_cosine_goes_by_the_batch_as_torchs() -> None:
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=1.0)
    scheduler = torchs.CosineAnnealingWarmRestarts(optimizer, 3)
    for step in range(36):
        scheduler.step(step / 4)
        course = Course(epochs=9, every=3)
        ours = warmed("CosineAnnealingWarmRestarts", step / 36, course, 0)
        assert ours == pytest.approx(optimizer.param_groups[0]["lr"], abs=1e-6)


@pytest.mark.parametrize("name", SCHEDULES)
def test_every_schedule_begins_slowly_where_it_is_warmed(name: str) -> None:
    course = Course(epochs=10, factor=0.9, milestones=(5,))
    rates = [warmed(name, progress, course, 0.1) for progress in (0, 0.05, 0.1)]
    assert rates[0] == 0 and 0.45 < rates[1] / rates[2] < 0.6
    assert warmed(name, 0.5, course, 0) == warmed(name, 0.5, course, 0.1) or name == "cosine"
