"""Measuring a trunk on strangers while it learns."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from facerec.errors import InvalidInput
from facerec.learning import validation
from facerec.learning.embedding import evaluating
from facerec.learning.validation import Validation, some_of_each, tar
from tests.drawn_crops import drawn_crops
from tests.people import clusters


def test_tar_is_what_counting_pairs_gives() -> None:
    rows, names = clusters(np.random.default_rng(0), [4] * 15, spread=0.14)
    labels = np.unique(names, return_inverse=True)[1]
    genuine, impostor = [], []
    for i in range(60):
        for k in range(i):
            (genuine if labels[i] == labels[k] else impostor).append(float(rows[i] @ rows[k]))
    allowed = int(0.05 * len(impostor))
    threshold = sorted(impostor, reverse=True)[allowed]
    expected = np.mean(np.array(genuine) > threshold + 1e-7)
    assert 0 < expected < 1 and tar(rows, labels, 0.05) == pytest.approx(expected, abs=1e-9)


def test_some_of_each_takes_the_first_few_of_every_known_subject(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(validation, "MOST_PER_SUBJECT", 2)
    labels = np.array([1, -1, 0, 1, 1, 0, 2, -1])
    assert some_of_each(labels).tolist() == [0, 2, 3, 5, 6]
    monkeypatch.setattr(validation, "MOST", 3)
    assert some_of_each(labels).tolist() == [0, 2, 5]
    assert some_of_each(np.array([-1, -1])).tolist() == []


class Colours(nn.Module):
    """The mean colour of coarse cells, as an embedding; a trunk that has nothing to learn."""

    def __init__(self) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.ones(()))
        self.sides: list[int] = []

    def forward(self, views: torch.Tensor) -> torch.Tensor:
        self.sides.append(views.shape[-1])
        cells = nn.functional.adaptive_avg_pool2d(views, (6, 7)).flatten(1)
        return nn.functional.normalize(nn.functional.pad(cells * self.scale, (0, 2)), dim=1)


def test_drawn_people_are_told_apart_at_the_size_that_is_asked_for() -> None:
    trunk = Colours()
    measure = Validation.of(drawn_crops(12, 3), 64, 0.01)
    assert measure(trunk) > 0.9 and set(trunk.sides) == {64}
    assert measure(trunk) == measure(trunk)


def test_what_cannot_be_shown_is_refused_at_once() -> None:
    crops = drawn_crops(4, 2)
    with pytest.raises(InvalidInput, match="24 impostor comparisons can show"):
        Validation.of(crops, 64, 0.01)
    for labels in (np.arange(8), np.full(8, -1)):
        with pytest.raises(InvalidInput, match="subjects with two pictures"):
            Validation.of(replace(crops, labels=labels), 64, 0.2)


def test_every_part_gets_its_own_mode_back() -> None:
    net = nn.Sequential(nn.BatchNorm1d(2).eval(), nn.Dropout(), nn.Sequential(nn.BatchNorm1d(2)))
    before = [part.training for part in net.modules()]
    with evaluating(net):
        assert not any(part.training for part in net.modules())
    assert [part.training for part in net.modules()] == before == [True, False, True, True, True]
