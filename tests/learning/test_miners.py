"""The miners against slow ones and against pytorch-metric-learning."""

from __future__ import annotations

import pytest
import torch
from pytorch_metric_learning.distances import DotProductSimilarity, LpDistance
from pytorch_metric_learning.miners import BatchHardMiner, TripletMarginMiner
from pytorch_metric_learning.utils.loss_and_miner_utils import get_all_triplets_indices
from torch.nn.functional import normalize

from facerec.learning.miners import MINERS, Triplets, batch_all, batch_hard, random_triplets, semi_hard

BATCHES = {
    "P x K": torch.arange(32) // 4,
    "uneven, some alone": torch.tensor([3, 1, 1, 2, 5, 3, 3, 8, 2, 9, 1, 3]),
    "one pair": torch.tensor([0, 0, 1, 2, 3]),
}


def embeddings(count: int, seed: int = 0) -> torch.Tensor:
    return normalize(torch.randn(count, 128, generator=torch.Generator().manual_seed(seed)), dim=1)


def slow_batch_hard(rows: torch.Tensor, labels: torch.Tensor) -> set[tuple[int, int, int]]:
    """Every anchor in turn, comparing it with every other row."""
    found = set()
    for a in range(len(rows)):
        distance = [((rows[a] - other) ** 2).sum().item() for other in rows]
        positives = [k for k in range(len(rows)) if k != a and labels[k] == labels[a]]
        negatives = [k for k in range(len(rows)) if labels[k] != labels[a]]
        if positives and negatives:
            found.add((a, max(positives, key=distance.__getitem__), min(negatives, key=distance.__getitem__)))
    return found


def as_set(triplets: Triplets | tuple[torch.Tensor, ...]) -> set[tuple[int, ...]]:
    return set(zip(*(part.tolist() for part in triplets), strict=True))


@pytest.mark.parametrize("name", BATCHES)
@pytest.mark.parametrize("seed", range(3))
def test_batch_hard_agrees_with_the_slow_one(name: str, seed: int) -> None:
    labels = BATCHES[name]
    rows = embeddings(len(labels), seed)
    found = batch_hard(rows, labels)
    assert as_set(found) == slow_batch_hard(rows, labels) and len(found.anchor) == len(as_set(found)) > 0


@pytest.mark.parametrize("name", BATCHES)
@pytest.mark.parametrize("distance", [
    DotProductSimilarity(normalize_embeddings=False), LpDistance(normalize_embeddings=False, p=2, power=2),
])  # fmt: skip
def test_batch_hard_agrees_with_pytorch_metric_learning(name: str, distance: object) -> None:
    labels = BATCHES[name]
    rows = embeddings(len(labels), seed=11)
    assert as_set(batch_hard(rows, labels)) == as_set(BatchHardMiner(distance=distance)(rows, labels))


def slow_batch_all(labels: torch.Tensor) -> set[tuple[int, int, int]]:
    """Three loops."""
    count = range(len(labels))
    return {
        (a, p, n)
        for a in count for p in count for n in count
        if a != p and labels[a] == labels[p] and labels[a] != labels[n]
    }  # fmt: skip


@pytest.mark.parametrize("name", BATCHES)
def test_batch_all_agrees_with_the_slow_one_and_with_pytorch_metric_learning(name: str) -> None:
    labels = BATCHES[name]
    found = batch_all(labels)
    assert as_set(found) == slow_batch_all(labels) == as_set(get_all_triplets_indices(labels))
    assert len(found.anchor) == len(as_set(found)) > 0


@pytest.mark.parametrize("name", BATCHES)
@pytest.mark.parametrize("margin", [0.05, 0.2, 1.0])
def test_semi_hard_agrees_with_the_slow_one_and_with_pytorch_metric_learning(name: str, margin: float) -> None:
    labels = BATCHES[name]
    rows = embeddings(len(labels), seed=4).double()
    squared = [[((a - b) ** 2).sum().item() for b in rows] for a in rows]
    expected = {(a, p, n) for a, p, n in slow_batch_all(labels) if 0 < squared[a][n] - squared[a][p] <= margin}
    theirs = TripletMarginMiner(
        margin, type_of_triplets="semihard", distance=LpDistance(normalize_embeddings=False, power=2)
    )(rows, labels)
    assert as_set(semi_hard(rows, labels, margin)) == expected == as_set(theirs)


def test_semi_hard_leaves_out_what_is_harder_and_what_is_easier() -> None:
    angles = torch.tensor([0.0, 0.5, 0.4, 0.6, 2.0])  # anchor, positive, harder, semi-hard, easy
    rows = torch.stack([angles.cos(), angles.sin()], dim=1)
    found = semi_hard(rows, torch.tensor([0, 0, 1, 2, 3]), margin=0.2)
    assert {(p, n) for a, p, n in as_set(found) if a == 0} == {(1, 3)}


def test_random_triplets_are_each_as_likely_as_the_other() -> None:
    labels, rng = torch.tensor([0, 0, 0, 1, 1, 2]), torch.Generator().manual_seed(0)
    drawn = [random_triplets(labels, rng) for _ in range(3000)]
    assert all(found.anchor.tolist() == [0, 1, 2, 3, 4] for found in drawn)
    assert {one for found in drawn for one in as_set(found)} == slow_batch_all(labels)
    for anchor in range(5):
        chosen = [(int(found.positive[anchor]), int(found.negative[anchor])) for found in drawn]
        shares = torch.tensor([chosen.count(pair) / 3000 for pair in set(chosen)])
        assert (shares - 1 / len(shares)).abs().max() < 0.03  # 1/6 or 1/4, four standard deviations


def test_random_triplets_hang_on_the_generator_only() -> None:
    labels = torch.arange(64) // 4
    first, again, other = (random_triplets(labels, torch.Generator().manual_seed(seed)) for seed in (1, 1, 2))
    assert as_set(first) == as_set(again) != as_set(other)


@pytest.mark.parametrize("name", MINERS)
@pytest.mark.parametrize("labels", [[], [4], [1, 1, 1], [1, 2, 3]])
def test_a_batch_without_both_partners_gives_no_triplet(name: str, labels: list[int]) -> None:
    found = MINERS[name](embeddings(len(labels)), torch.tensor(labels, dtype=torch.int64), 0.2, torch.Generator())
    assert [part.tolist() for part in found] == [[], [], []]


@pytest.mark.parametrize("name", MINERS)
def test_mining_asks_for_no_gradient(name: str) -> None:
    rows = embeddings(8).requires_grad_()
    found = MINERS[name](rows, torch.arange(8) // 2, 2.0, torch.Generator())
    assert len(found.anchor) and not any(part.requires_grad or part.dtype != torch.int64 for part in found)
