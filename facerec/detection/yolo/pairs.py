"""Overlaps of boxes as tensors, where a gradient or a GPU needs them; `facerec.geometry` has them for arrays."""

from __future__ import annotations

import torch
from torch import Tensor

TINY = 1e-9


def area(boxes: Tensor) -> Tensor:
    """(..., 4) -> (...) square pixels."""
    return (boxes[..., 2:] - boxes[..., :2]).clamp(min=0).prod(dim=-1)


def iou_of_pairs(a: Tensor, b: Tensor, generalised: bool = False) -> Tensor:
    """IoU, or generalised IoU, of each box with its partner: (..., 4), (..., 4) -> (...)."""
    shared = (torch.minimum(a[..., 2:], b[..., 2:]) - torch.maximum(a[..., :2], b[..., :2])).clamp(min=0).prod(dim=-1)
    union = area(a) + area(b) - shared
    overlap = shared / union.clamp(min=TINY)
    if not generalised:
        return overlap
    around = (torch.maximum(a[..., 2:], b[..., 2:]) - torch.minimum(a[..., :2], b[..., :2])).prod(dim=-1)
    return overlap - (around - union) / around.clamp(min=TINY)


def overlaps(a: Tensor, b: Tensor) -> Tensor:
    """IoU of every pair: (N, 4), (M, 4) -> (N, M)."""
    return iou_of_pairs(a[:, None], b[None])
