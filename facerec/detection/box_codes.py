"""Boxes as tensors: overlap, and how far a box lies from a reference box in the units that networks learn.

A code is (dx, dy, dw, dh): the centre's way in widths and heights of the reference, and the logarithms of the ratios of
the sizes (Girshick et al., 2014, appendix C), each times a weight that brings its deviation near 1. R-CNN, Faster
R-CNN, SSD and EfficientDet all speak it. Boxes are x1 y1 x2 y2, pixels, far edges exclusive.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

Weights = tuple[float, float, float, float]
PLAIN: Weights = (1.0, 1.0, 1.0, 1.0)
HEAD: Weights = (10.0, 10.0, 5.0, 5.0)
"""Of Fast R-CNN's head and of SSD, whose "variances" are 0.1 and 0.2."""
LARGEST = math.log(1000 / 16)
"""Of dw and dh when decoded, so that a wild guess stays a number."""


def overlaps(a: Tensor, b: Tensor) -> Tensor:
    """IoU of every pair: (N, 4), (M, 4) -> (N, M); 0 where both areas are 0."""
    corner, far = torch.maximum(a[:, None, :2], b[:, :2]), torch.minimum(a[:, None, 2:], b[:, 2:])
    shared = (far - corner).clamp(min=0).prod(dim=2)
    areas = [(each[:, 2:] - each[:, :2]).clamp(min=0).prod(dim=1) for each in (a, b)]
    union = areas[0][:, None] + areas[1] - shared
    return torch.where(union > 0, shared / union.clamp(min=1e-12), torch.zeros_like(union))


def centres_and_sizes(boxes: Tensor) -> tuple[Tensor, Tensor]:
    """(N, 4) -> centres (N, 2) and sizes (N, 2)."""
    return (boxes[:, :2] + boxes[:, 2:]) / 2, boxes[:, 2:] - boxes[:, :2]


def encode(boxes: Tensor, references: Tensor, weights: Weights = PLAIN) -> Tensor:
    """Codes of boxes, each seen from its reference: (N, 4), (N, 4) -> (N, 4). Sizes must be above 0."""
    (centres, sizes), (from_centres, from_sizes) = centres_and_sizes(boxes), centres_and_sizes(references)
    code = torch.cat([(centres - from_centres) / from_sizes, torch.log(sizes / from_sizes)], dim=1)
    return code * code.new_tensor(weights)


def decode(codes: Tensor, references: Tensor, weights: Weights = PLAIN) -> Tensor:
    """The boxes that codes mean: (N, 4), (N, 4) -> (N, 4), the inverse of `encode`."""
    code = codes / codes.new_tensor(weights)
    centres, sizes = centres_and_sizes(references)
    centres, sizes = centres + code[:, :2] * sizes, sizes * code[:, 2:].clamp(max=LARGEST).exp()
    return torch.cat([centres - sizes / 2, centres + sizes / 2], dim=1)


def clipped(boxes: Tensor, width: int, height: int) -> Tensor:
    """Boxes cut to the picture: (N, 4) -> (N, 4)."""
    return boxes.clamp(min=0).minimum(boxes.new_tensor([width, height, width, height]))
