"""A binary head fitted to embeddings that stay as they are: logistic regression on the differences of pairs."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch

from facerec.errors import InvalidInput
from facerec.learning.heads import BinaryHead
from facerec.learning.losses import binary
from facerec.records import Float32, Int64

GENUINE_PER_SUBJECT = 60
"""Pairs of one subject: a few people with hundreds would be all that the head learns to know."""
NEAREST, DRAWS = 256, 4
"""Crops around each crop among which its impostors are drawn, and how many: what is far from it teaches nothing."""
EVEN = 0.1
"""Price of the weights' spread around their mean: even weights tell likeness much as the cosine does."""
STEPS = 100


class Fitted(NamedTuple):
    """A head, and how many pairs of each kind it was fitted to."""

    head: BinaryHead
    genuine: int
    impostor: int


def genuine_pairs(subjects: Int64, rng: np.random.Generator, most: int = GENUINE_PER_SUBJECT) -> Int64:
    """Pairs of rows of one subject, at most so many of each, drawn by chance: (N,) -> (G, 2) int64."""
    pairs = [np.zeros((0, 2), np.int64)]
    for name in np.unique(subjects):
        own = np.flatnonzero(subjects == name)
        first, second = np.triu_indices(len(own), 1)
        chosen = rng.permutation(len(first))[:most]
        pairs.append(np.stack([own[first[chosen]], own[second[chosen]]], axis=1))
    return np.concatenate(pairs)


def impostor_pairs(embeddings: Float32, subjects: Int64, rng: np.random.Generator, nearest: int = NEAREST) -> Int64:
    """Each row with some that are near it and show somebody else: (N, 128) unit rows and (N,) -> (I, 2) int64.

    They are drawn by chance from the others among the `nearest` rows around it, which exact search finds.
    """
    import faiss

    index = faiss.IndexFlatIP(embeddings.shape[1])
    index.add(embeddings)
    _, rows = index.search(embeddings, min(nearest + 1, len(embeddings)))
    return np.concatenate([chosen_stranger(rows, subjects, rng) for _ in range(DRAWS)])


def chosen_stranger(candidates: Int64, subjects: Int64, rng: np.random.Generator) -> Int64:
    """Each row with one of its candidates (N, C) that shows somebody else; rows without any are left out: (<= N, 2)."""
    tickets = np.where(subjects[candidates] != subjects[:, None], rng.random(candidates.shape), -1.0)
    best, row = tickets.argmax(axis=1), np.arange(len(subjects))
    pairs = np.stack([row, candidates[row, best]], axis=1)
    held: Int64 = pairs[tickets[row, best] >= 0]
    return held


def fit_binary(embeddings: Float32, subjects: Int64, difference: str, rng: np.random.Generator) -> Fitted:
    """The head that tells pairs of one subject from pairs of two: (N, 128) unit rows and (N,) numbers of subjects.

    Raises InvalidInput for an unknown difference, and where there is no pair of one kind.
    """
    genuine, impostor = genuine_pairs(subjects, rng), impostor_pairs(embeddings, subjects, rng)
    if not len(genuine) or not len(impostor):
        raise InvalidInput("a binary head needs two subjects, one of them with two crops")
    first, second = torch.from_numpy(np.concatenate([genuine, impostor])).unbind(1)
    same = torch.arange(len(first)) < len(genuine)
    rows, head = torch.from_numpy(embeddings), BinaryHead(difference)
    optimizer = torch.optim.LBFGS(head.parameters(), max_iter=STEPS, line_search_fn="strong_wolfe")

    def closure() -> torch.Tensor:
        optimizer.zero_grad()
        spread = (head.weight / head.weight.mean() - 1).square().mean()
        loss = binary(head(rows[first], rows[second]), same) + EVEN * spread
        loss.backward()  # type: ignore[no-untyped-call]
        return loss

    optimizer.step(closure)  # type: ignore[no-untyped-call]
    return Fitted(head, len(genuine), len(impostor))
