"""Every term of the loss by its name: what it is worth, what it learns beside the trunk, what still teaches."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch.nn.functional import normalize

from facerec.errors import InvalidInput
from facerec.learning import losses
from facerec.learning.datasets import Crops
from facerec.learning.heads import BinaryHead
from facerec.learning.miners import MINERS, all_pairs, batch_hard
from facerec.learning.objectives import TERMS, objective_of
from facerec.learning.settings import OF_PAIRS, TrainSettings
from facerec.learning.settings import TERMS as WEIGHTS
from tests.drawn_crops import drawn_crops


def settings(**others: object) -> TrainSettings:
    return TrainSettings.of({"distil": 0.0} | others)


def rows_and_crops() -> tuple[torch.Tensor, Crops]:
    rows = torch.randn(12, 128, generator=torch.Generator().manual_seed(3)) + 0.1
    return normalize(rows, dim=1).requires_grad_(), drawn_crops(4, 3)


def test_every_weight_has_its_term_and_every_term_its_weight() -> None:
    assert tuple(TERMS) == WEIGHTS and set(OF_PAIRS) < set(WEIGHTS)
    assert all(isinstance(getattr(TrainSettings(), name), float) for name in WEIGHTS)


@pytest.mark.parametrize("name", TERMS)
def test_every_term_teaches_the_trunk_and_its_own_weights(name: str) -> None:
    rows, crops = rows_and_crops()
    objective = objective_of(settings(**{name: 2.0}), subjects=4)
    loss, active = objective(rows, crops)
    loss.backward()
    assert loss.shape == () and loss.item() > 0 and 0 <= active <= 1
    assert rows.grad.isfinite().all() and rows.grad.abs().max() > 0
    assert all(p.grad.isfinite().all() and p.grad.abs().max() > 0 for p in objective.parameters())
    assert bool(list(objective.parameters())) == (name in ("binary", "cosface", "arcface"))


def test_terms_add_up_and_the_least_active_one_is_told() -> None:
    rows, crops = rows_and_crops()
    labels = torch.from_numpy(crops.labels)
    found, active = objective_of(settings(triplet=2.0, contrastive=0.5, relation=3.0, contrastive_margin=0.9), 4)(
        rows, crops
    )
    violation = losses.violations(rows, batch_hard(rows, labels), 0.2)
    near, far = losses.contrastive_terms(rows, all_pairs(labels), 0.9)
    expected = 2 * losses.mean_of_active(violation) + 0.5 * (losses.mean_of_active(near) + losses.mean_of_active(far))
    expected = expected + 3 * losses.relation(rows, torch.from_numpy(crops.targets))
    assert found.item() == pytest.approx(expected.item(), rel=1e-6)
    assert active == min(losses.share_active(violation), losses.share_active(far)) < 1


@pytest.mark.parametrize("miner", MINERS)
def test_the_miner_is_the_one_that_is_named(miner: str) -> None:
    rows, crops = rows_and_crops()
    loss, _ = objective_of(settings(triplet=1.0, miner=miner, margin=0.3, seed=4), 4)(rows, crops)
    rng = torch.Generator().manual_seed(4 * 1_000_003)
    expected = losses.triplet(rows, MINERS[miner](rows, torch.from_numpy(crops.labels), 0.3, rng), 0.3)
    assert loss.item() == pytest.approx(expected.item(), rel=1e-6)


def test_the_random_miner_goes_on_where_a_checkpoint_left_it() -> None:
    rows, crops = rows_and_crops()
    told = settings(triplet=1.0, miner="random")
    whole = objective_of(told, 4)
    worth = [whole(rows, crops)[0].item() for _ in range(4)]
    assert len(set(worth)) == 4
    half, rest = objective_of(told, 4), objective_of(told, 4)
    before = [half(rows, crops)[0].item() for _ in range(2)]
    rest.load_state_dict(half.state_dict())
    assert before + [rest(rows, crops)[0].item() for _ in range(2)] == worth
    assert not objective_of(settings(triplet=1.0), 4).state_dict()  # other miners leave nothing in a checkpoint


def test_the_binary_heads_share_is_of_pairs_judged_wrongly() -> None:
    rows, crops = rows_and_crops()
    objective = objective_of(settings(binary=1.0, difference="chi_square"), 4)
    loss, active = objective(rows, crops)
    head, pairs = BinaryHead("chi_square"), all_pairs(torch.from_numpy(crops.labels))
    scores = head(rows[pairs.first], rows[pairs.second])
    assert loss.item() == pytest.approx(losses.binary(scores, pairs.same).item(), rel=1e-6)
    assert active == ((scores > 0) != pairs.same).double().mean().item() > 0


def test_margin_softmax_needs_somebody_known_and_passes_over_whoever_is_not() -> None:
    rows, crops = rows_and_crops()
    with pytest.raises(InvalidInput, match="needs crops with a subject"):
        objective_of(settings(cosface=1.0), subjects=0)
    objective = objective_of(settings(arcface=1.0), 4)
    unknown = replace(crops, labels=np.where(np.arange(12) < 6, crops.labels, -1))
    loss, _ = objective(rows, unknown)
    assert loss.item() == pytest.approx(objective(rows[:6], crops[np.arange(6)])[0].item(), rel=1e-6)
