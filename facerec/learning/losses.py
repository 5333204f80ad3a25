"""What a batch of embeddings is worth, as functions of rows of length 1; lower is better."""

from __future__ import annotations

import torch

from facerec.learning.miners import Triplets


def distillation(embeddings: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    """Mean of 1 - cosine to a teacher's embedding of the same picture: two (B, 128) of unit rows -> 0..2."""
    return 1 - (embeddings * targets).sum(dim=1).mean()


def triplet(embeddings: torch.Tensor, triplets: Triplets, margin: float = 0.2) -> torch.Tensor:
    """Mean of max(0, |a-p|^2 - |a-n|^2 + margin) over the triplets that violate it (Schroff et al., 2015).

    No violating triplet is worth zero, with a gradient of zero.
    """
    return mean_of_active(violations(embeddings, triplets, margin))


def violations(embeddings: torch.Tensor, triplets: Triplets, margin: float) -> torch.Tensor:
    """max(0, |a-p|^2 - |a-n|^2 + margin) of every triplet: (T,). Zero where the triplet is already told apart."""
    a, p, n = (embeddings[rows] for rows in triplets)
    return torch.relu((a - p).square().sum(1) - (a - n).square().sum(1) + margin)


def mean_of_active(violation: torch.Tensor) -> torch.Tensor:
    """Mean of the positive ones of (T,) violations; 0 where there is none."""
    return violation.sum() / (violation > 0).sum().clamp(min=1)


def share_active(violation: torch.Tensor) -> float:
    """Share of (T,) violations that are positive; 0 where there is no triplet at all."""
    return (violation > 0).sum().item() / max(len(violation), 1)
