"""Which triplets, or pairs, of a batch to learn from: functions from embeddings and labels to row numbers."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

import torch


class Triplets(NamedTuple):
    """Row numbers into a batch, each (T,) int64."""

    anchor: torch.Tensor
    positive: torch.Tensor
    negative: torch.Tensor


class Pairs(NamedTuple):
    """Row numbers into a batch, each (T,) int64, first < second, and whether both show one subject, (T,) bool."""

    first: torch.Tensor
    second: torch.Tensor
    same: torch.Tensor


def all_pairs(labels: torch.Tensor) -> Pairs:
    """Every two rows of a batch once: (B,) labels -> B (B - 1) / 2 pairs."""
    first, second = torch.triu_indices(len(labels), len(labels), 1, device=labels.device)
    return Pairs(first, second, labels[first] == labels[second])


def partners(labels: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """For each anchor, which rows may be its positive and which its negative: (B,) labels -> two (B, B) bool."""
    same = labels[:, None] == labels[None, :]
    return same & ~torch.eye(len(labels), dtype=torch.bool, device=labels.device), ~same


def batch_all(labels: torch.Tensor) -> Triplets:
    """Every anchor with each of its positives and each of its negatives (Hermans et al., 2017).

    (B,) labels -> T triplets: 128 rows of 32 subjects give 47,616.
    """
    positive, negative = partners(labels)
    return Triplets(*(positive[:, :, None] & negative[:, None, :]).nonzero().unbind(1))


def random_triplets(labels: torch.Tensor, rng: torch.Generator) -> Triplets:
    """For each anchor one of its positives and one of its negatives, each as likely as the other.

    (B,) labels -> T <= B triplets; anchors lacking either partner are left out. `rng` is the processor's.
    """
    positive, negative = partners(labels)
    anchor = (positive.any(1) & negative.any(1)).nonzero().squeeze(1)
    first, second = (lottery(mask[anchor], rng) for mask in (positive, negative))
    return Triplets(anchor, first, second)


def lottery(mask: torch.Tensor, rng: torch.Generator) -> torch.Tensor:
    """One True column of each row: (T, B) bool -> (T,) int64; T may be 0, but no row may be without one."""
    if not len(mask):
        return torch.zeros(0, dtype=torch.int64, device=mask.device)
    tickets = torch.rand(mask.shape, generator=rng).to(mask.device)
    return tickets.masked_fill(~mask, -1).argmax(1)


@torch.no_grad()
def semi_hard(embeddings: torch.Tensor, labels: torch.Tensor, margin: float) -> Triplets:
    """Every triplet whose negative is farther than the positive, by no more than the margin (Schroff et al., 2015).

    (B, 128) unit rows and (B,) labels -> T triplets. Distances are squared: |a-p|^2 < |a-n|^2 <= |a-p|^2 + margin.
    """
    distance = 2 - 2 * embeddings @ embeddings.T  # (B, B)
    positive, negative = partners(labels)
    excess = distance[:, None, :] - distance[:, :, None]  # [a, p, n] = |a-n|^2 - |a-p|^2
    wanted = positive[:, :, None] & negative[:, None, :] & (excess > 0) & (excess <= margin)
    return Triplets(*wanted.nonzero().unbind(1))


@torch.no_grad()
def batch_hard(embeddings: torch.Tensor, labels: torch.Tensor) -> Triplets:
    """For each anchor its least similar positive and most similar negative (Hermans et al., 2017).

    (B, 128) unit rows and (B,) labels -> T <= B triplets; anchors lacking either partner are left out. B may be 0.
    """
    likeness = embeddings @ embeddings.T  # (B, B)
    positive, negative = partners(labels)
    anchor = (positive.any(1) & negative.any(1)).nonzero().squeeze(1)
    if not len(anchor):
        return Triplets(anchor, anchor, anchor)
    hardest_positive = likeness.masked_fill(~positive, math.inf).argmin(1)
    hardest_negative = likeness.masked_fill(~negative, -math.inf).argmax(1)
    return Triplets(anchor, hardest_positive[anchor], hardest_negative[anchor])


Miner = Callable[[torch.Tensor, torch.Tensor, float, torch.Generator], Triplets]
"""Embeddings (B, 128), labels (B,), the loss's margin and a generator -> triplets."""

MINERS: dict[str, Miner] = {
    "random": lambda rows, labels, margin, rng: random_triplets(labels, rng),
    "batch_all": lambda rows, labels, margin, rng: batch_all(labels),
    "semi_hard": lambda rows, labels, margin, rng: semi_hard(rows, labels, margin),
    "batch_hard": lambda rows, labels, margin, rng: batch_hard(rows, labels),
}
