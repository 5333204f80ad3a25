"""Which triplets of a batch to learn from: functions from embeddings and labels to row numbers."""

from __future__ import annotations

import math
from typing import NamedTuple

import torch


class Triplets(NamedTuple):
    """Row numbers into a batch, each (T,) int64."""

    anchor: torch.Tensor
    positive: torch.Tensor
    negative: torch.Tensor


@torch.no_grad()
def batch_hard(embeddings: torch.Tensor, labels: torch.Tensor) -> Triplets:
    """For each anchor its least similar positive and most similar negative (Hermans et al., 2017).

    (B, 128) unit rows and (B,) labels -> T <= B triplets; anchors lacking either partner are left out. B may be 0.
    """
    likeness = embeddings @ embeddings.T  # (B, B)
    same = labels[:, None] == labels[None, :]
    positive = same & ~torch.eye(len(labels), dtype=torch.bool, device=labels.device)
    anchor = (positive.any(1) & ~same.all(1)).nonzero().squeeze(1)
    if not len(anchor):
        return Triplets(anchor, anchor, anchor)
    hardest_positive = likeness.masked_fill(~positive, math.inf).argmin(1)
    hardest_negative = likeness.masked_fill(same, -math.inf).argmax(1)
    return Triplets(anchor, hardest_positive[anchor], hardest_negative[anchor])
