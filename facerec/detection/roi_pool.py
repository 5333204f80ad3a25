"""Cutting regions out of a feature map, each brought to the same few cells.

`roi_max_pool` is Fast R-CNN's (Girshick, 2015): corners rounded to cells, the largest value of each bin.
`position_sensitive_pool` is R-FCN's (Dai et al., 2016): each bin takes the mean of a channel group of its own.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F


def roi_max_pool(maps: Tensor, regions: Tensor, owners: Tensor, cells: int, scale: float) -> Tensor:
    """The largest value in each bin of each region: maps (B, C, H, W), regions (N, 4) -> (N, C, cells, cells).

    regions   x1 y1 x2 y2, pixels of the picture; `scale` brings them to cells of the map
    owners    (N,) int64, whose map each region lies on
    A region reaches from the cell that its corner rounds to up to the one its far corner rounds to, both inclusive,
    and is at least one cell large. Bins beyond the map are 0. The gradient goes to the cell that was largest.
    """
    _, channels, height, width = maps.shape
    if not len(regions):
        return maps.new_zeros(0, channels, cells, cells)
    places = torch.stack(
        [
            _largest_places(maps[owner].detach(), corner, cells)
            for owner, corner in zip(owners.tolist(), _rounded(regions, scale), strict=True)
        ]
    )  # (N, C, cells * cells), -1 where a bin is empty
    flat = maps.transpose(0, 1).reshape(channels, -1)  # all pictures' cells in a row
    where = places.clamp(min=0) + (owners * height * width)[:, None, None]
    found = flat.gather(1, where.transpose(0, 1).reshape(channels, -1)).reshape(channels, len(regions), -1)
    return found.transpose(0, 1).masked_fill(places < 0, 0.0).reshape(-1, channels, cells, cells)


def _rounded(regions: Tensor, scale: float) -> list[list[int]]:
    """First and last column and row of each region, halves rounded away from 0 as C does."""
    cells = (regions.detach() * scale).double()
    return (torch.sign(cells) * torch.floor(cells.abs() + 0.5)).long().tolist()


def _largest_places(maps: Tensor, corners: list[int], cells: int) -> Tensor:
    """Where on the flattened map each bin of one region is largest: (C, H, W) -> (C, cells * cells)."""
    _, height, width = maps.shape
    x1, y1, x2, y2 = corners
    x2, y2 = max(x2, x1), max(y2, y1)
    left, top, right, bottom = max(x1, 0), max(y1, 0), min(x2, width - 1), min(y2, height - 1)
    if left > right or top > bottom:
        return torch.full((len(maps), cells * cells), -1, device=maps.device)
    crop = maps[:, top : bottom + 1, left : right + 1]
    outside = (left - x1, x2 - right, top - y1, y2 - bottom)
    if any(outside):
        crop = F.pad(crop, outside, value=-torch.inf)
    values, where = F.adaptive_max_pool2d(crop, cells, return_indices=True)
    rows, columns = where // crop.shape[2] + y1, where % crop.shape[2] + x1
    return (rows * width + columns).masked_fill(values == -torch.inf, -1).flatten(1)


def position_sensitive_pool(maps: Tensor, regions: Tensor, owners: Tensor, cells: int, scale: float) -> Tensor:
    """Each bin's mean over its own group of channels: (B, cells^2 * C, H, W), (N, 4) -> (N, C, cells, cells).

    Channel c * cells^2 + row * cells + column answers for class c in that bin. Edges are rounded as R-FCN's authors
    do: the region from its rounded corner to one cell past its rounded far corner, bins to whole cells outwards.
    """
    batch, depth, height, width = maps.shape
    if not len(regions):
        return maps.new_zeros(0, depth // cells**2, cells, cells)
    sums = F.pad(maps.double().cumsum(2).cumsum(3), (1, 0, 1, 0))  # (B, D, H + 1, W + 1): any rectangle in four reads
    size = (height + 1) * (width + 1)
    sums = sums.reshape(batch, -1, cells * cells, size).permute(1, 2, 0, 3).reshape(-1, cells * cells, batch * size)
    corners = torch.tensor(_rounded(regions, 1.0), device=maps.device).double()
    x1, y1, x2, y2 = (*(corners[:, :2] * scale).T, *((corners[:, 2:] + 1) * scale).T)
    left, right = _bins(x1, x2, cells, width)  # (N, cells)
    top, bottom = _bins(y1, y2, cells, height)

    def read(row: Tensor, column: Tensor) -> Tensor:
        place = (row[:, :, None] * (width + 1) + column[:, None, :]).flatten(1) + owners[:, None] * size
        return sums.gather(2, place.T.expand(len(sums), -1, -1)).permute(2, 0, 1)  # (N, C, cells^2)

    total = read(bottom, right) - read(top, right) - read(bottom, left) + read(top, left)  # (N, C, cells^2)
    areas = ((bottom - top)[:, :, None] * (right - left)[:, None, :]).reshape(len(regions), 1, -1)
    return (total / areas.clamp(min=1)).to(maps.dtype).reshape(len(regions), -1, cells, cells)


def _bins(first: Tensor, last: Tensor, cells: int, length: int) -> tuple[Tensor, Tensor]:
    """First and one past the last cell of every bin along one axis: (N,), (N,) -> (N, cells) each."""
    size = (last - first).clamp(min=0.1)[:, None] / cells
    bins = torch.arange(cells, device=first.device)
    begin = torch.floor(first[:, None] + bins * size).clamp(0, length).long()
    end = torch.ceil(first[:, None] + (bins + 1) * size).clamp(0, length).long()
    return begin, end.maximum(begin)
