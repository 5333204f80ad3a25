"""Regions of a picture brought to one size, whatever their shape, with some of what lies around them (R-CNN, 2014)."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F


def with_context(boxes: Tensor, side: int, context: int) -> Tensor:
    """Boxes enlarged so that, warped to `side` pixels, `context` of them on each side show what is around: (N, 4)."""
    share = context / (side - 2 * context)
    grown = (boxes[:, 2:] - boxes[:, :2]) * share
    return torch.cat([boxes[:, :2] - grown, boxes[:, 2:] + grown], dim=1)


def warp_regions(picture: Tensor, boxes: Tensor, side: int) -> Tensor:
    """Each box stretched to a square, bilinear: (C, H, W), (N, 4) -> (N, C, side, side).

    What lies outside the picture is 0: give the picture less its mean. Regions are only sampled, not smoothed first.
    """
    height, width = picture.shape[1:]
    scale = boxes.new_tensor([2 / width, 2 / height])
    first, last = boxes[:, :2] * scale - 1, boxes[:, 2:] * scale - 1  # grid_sample sees the picture from -1 to 1
    steps = (torch.arange(side, device=boxes.device, dtype=boxes.dtype) + 0.5) / side
    x = first[:, :1] + (last - first)[:, :1] * steps  # (N, side)
    y = first[:, 1:] + (last - first)[:, 1:] * steps
    grid = torch.stack([x[:, None, :].expand(-1, side, -1), y[:, :, None].expand(-1, -1, side)], dim=3)
    pictures = picture.expand(len(boxes), -1, -1, -1)
    return F.grid_sample(pictures, grid, mode="bilinear", padding_mode="zeros", align_corners=False)
