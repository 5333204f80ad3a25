"""The capsule network's mathematics, written out slowly."""

from __future__ import annotations

import math

import pytest
import torch

from facerec.cnn.networks.capsule import CapsuleNetwork, lengths, margin_loss, route, squash


@pytest.mark.parametrize("length, expected", [(0.0, 0.0), (0.1, 0.01 / 1.01), (1.0, 0.5), (10.0, 100 / 101)])
def test_squash_brings_a_length_below_one(length: float, expected: float) -> None:
    s = torch.tensor([0.6, 0.8]) * length
    v = squash(s)
    assert v.norm().item() == pytest.approx(expected, abs=1e-4)
    if length:
        assert torch.allclose(v / v.norm(), s / s.norm())


def test_routing_is_procedure_1() -> None:
    votes = torch.randn(1, 5, 3, 4, generator=torch.Generator().manual_seed(0))
    b = [[0.0] * 3 for _ in range(5)]
    for _ in range(3):
        c = [[math.exp(x) / sum(map(math.exp, row)) for x in row] for row in b]
        v = [squash(sum(c[i][j] * votes[0, i, j] for i in range(5))) for j in range(3)]
        b = [[b[i][j] + float(votes[0, i, j] @ v[j]) for j in range(3)] for i in range(5)]
    assert torch.allclose(route(votes)[0], torch.stack(v), atol=1e-5)


def test_routing_listens_to_those_that_agree() -> None:
    votes = torch.zeros(1, 3, 2, 2)
    votes[0, :2, 0] = torch.tensor([1.0, 0.0])  # two agree on class 0
    votes[0, 0, 1], votes[0, 1, 1] = torch.tensor([1.0, 0.0]), torch.tensor([-1.0, 0.0])  # and contradict on 1
    found = lengths(route(votes))[0]
    assert found[0] > 0.4 > 0.1 > found[1]


def test_margin_loss_by_hand() -> None:
    scores = torch.tensor([[0.5, 0.3, 0.05], [0.95, 0.1, 0.0]])
    first = (0.9 - 0.5) ** 2 + 0.5 * (0.3 - 0.1) ** 2
    assert margin_loss(scores, torch.tensor([0, 0])).item() == pytest.approx(first / 2)


def test_only_the_chosen_capsule_is_drawn() -> None:
    network = CapsuleNetwork(classes=3).eval()
    capsules = torch.rand(1, 3, 16)
    drawn = network.reconstruct(capsules, torch.tensor([1]))
    capsules[:, [0, 2]] = 0
    assert drawn.shape == (1, 1, 28, 28) and drawn.min() >= 0 and drawn.max() <= 1
    assert torch.equal(network.reconstruct(capsules, torch.tensor([1])), drawn)
    assert not torch.equal(network.reconstruct(capsules, torch.tensor([2])), drawn)
