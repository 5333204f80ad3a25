"""The batch-hard miner against a slow one and against pytorch-metric-learning."""

from __future__ import annotations

import pytest
import torch
from pytorch_metric_learning.distances import DotProductSimilarity, LpDistance
from pytorch_metric_learning.miners import BatchHardMiner
from torch.nn.functional import normalize

from facerec.learning.miners import Triplets, batch_hard

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


@pytest.mark.parametrize("labels", [[], [4], [1, 1, 1], [1, 2, 3]])
def test_a_batch_without_both_partners_gives_no_triplet(labels: list[int]) -> None:
    found = batch_hard(embeddings(len(labels)), torch.tensor(labels, dtype=torch.int64))
    assert [part.tolist() for part in found] == [[], [], []]


def test_mining_asks_for_no_gradient() -> None:
    rows = embeddings(8).requires_grad_()
    assert not any(part.requires_grad for part in batch_hard(rows, torch.arange(8) // 2))
