"""Pooling of regions, against the papers' loops cell by cell; against torchvision's where it works."""

import math

import pytest
import torch

from facerec.detection.roi_pool import position_sensitive_pool, roi_max_pool
from tests import reference

REGIONS = torch.tensor(
    [[0.0, 0, 31, 23], [3, 5, 11, 9], [20, 2, 60, 70], [-9, -6, 12, 10], [7, 7, 7, 7], [200, 10, 220, 20], [4, 4, 2, 2]]
)
OWNERS = torch.tensor([0, 1, 0, 1, 1, 0, 0])


def slow_max_pool(maps: torch.Tensor, region: list[float], cells: int, scale: float) -> torch.Tensor:
    """(C, H, W) -> (C, cells, cells), as Fast R-CNN's layer is written."""
    _, height, width = maps.shape
    x1, y1, x2, y2 = (math.floor(abs(v * scale) + 0.5) * (1 if v >= 0 else -1) for v in region)
    wide, high = max(x2 - x1 + 1, 1), max(y2 - y1 + 1, 1)
    out = torch.zeros(len(maps), cells, cells)
    for row in range(cells):
        for column in range(cells):
            top = min(max(y1 + row * high // cells, 0), height)
            bottom = min(max(y1 + -(-(row + 1) * high // cells), 0), height)
            left = min(max(x1 + column * wide // cells, 0), width)
            right = min(max(x1 + -(-(column + 1) * wide // cells), 0), width)
            if bottom > top and right > left:
                out[:, row, column] = maps[:, top:bottom, left:right].amax(dim=(1, 2))
    return out


def slow_position_sensitive(maps: torch.Tensor, region: list[float], cells: int, scale: float) -> torch.Tensor:
    """(cells^2 * C, H, W) -> (C, cells, cells), as R-FCN's layer is written."""
    depth, height, width = maps.shape
    x1, y1 = (math.floor(abs(v) + 0.5) * (1 if v >= 0 else -1) * scale for v in region[:2])
    x2, y2 = ((math.floor(abs(v) + 0.5) * (1 if v >= 0 else -1) + 1) * scale for v in region[2:])
    wide, high = max(x2 - x1, 0.1) / cells, max(y2 - y1, 0.1) / cells
    out = torch.zeros(depth // cells**2, cells, cells)
    for c in range(len(out)):
        for row in range(cells):
            for column in range(cells):
                top, bottom = (
                    min(max(v, 0), height) for v in (math.floor(y1 + row * high), math.ceil(y1 + (row + 1) * high))
                )
                left, right = (
                    min(max(v, 0), width) for v in (math.floor(x1 + column * wide), math.ceil(x1 + (column + 1) * wide))
                )
                if bottom > top and right > left:
                    out[c, row, column] = maps[(c * cells + row) * cells + column, top:bottom, left:right].mean()
    return out


@pytest.mark.parametrize("cells, scale", [(3, 0.25), (7, 0.25), (2, 1.0)])
def test_max_pooling_is_the_loop_s(cells: int, scale: float) -> None:
    maps = torch.randn(2, 4, 20, 26)
    ours = roi_max_pool(maps, REGIONS, OWNERS, cells, scale)
    slow = [slow_max_pool(maps[o], r, cells, scale) for o, r in zip(OWNERS.tolist(), REGIONS.tolist(), strict=True)]
    torch.testing.assert_close(ours, torch.stack(slow))


def test_the_gradient_reaches_the_largest_cell_alone() -> None:
    maps = torch.arange(24.0).reshape(1, 1, 4, 6).requires_grad_()
    roi_max_pool(maps, torch.tensor([[0.0, 0, 5, 3]]), torch.tensor([0]), 1, 1.0).sum().backward()
    assert maps.grad is not None
    assert maps.grad.sum() == maps.grad[0, 0, 3, 5] == 1


@pytest.mark.parametrize("cells, scale", [(3, 0.25), (2, 1.0)])
def test_position_sensitive_pooling_is_the_loop_s(cells: int, scale: float) -> None:
    maps, inside = torch.randn(2, 5 * cells**2, 20, 26), torch.tensor([0, 1, 2, 3, 4, 5])
    ours = position_sensitive_pool(maps, REGIONS[inside], OWNERS[inside], cells, scale)
    slow = [
        slow_position_sensitive(maps[o], r, cells, scale)
        for o, r in zip(OWNERS[inside].tolist(), REGIONS[inside].tolist(), strict=True)
    ]
    torch.testing.assert_close(ours, torch.stack(slow), atol=1e-5, rtol=1e-5)


def test_no_region_is_no_row() -> None:
    none = torch.zeros(0, 4), torch.zeros(0, dtype=torch.long)
    assert roi_max_pool(torch.randn(1, 3, 4, 4), *none, 2, 1.0).shape == (0, 3, 2, 2)
    assert position_sensitive_pool(torch.randn(1, 12, 4, 4), *none, 2, 1.0).shape == (0, 3, 2, 2)


def test_torchvision_s_own_layers_agree() -> None:
    reference.torchvision()
    if not hasattr(torch.ops.torchvision, "roi_pool"):
        pytest.skip("torchvision's compiled operators do not fit this torch")
    from torchvision.ops import ps_roi_pool, roi_pool

    rows = torch.cat([OWNERS[:, None].float(), REGIONS], dim=1)[:4]
    maps = torch.randn(2, 9, 20, 26)
    torch.testing.assert_close(roi_max_pool(maps, REGIONS[:4], OWNERS[:4], 7, 0.25), roi_pool(maps, rows, 7, 0.25))
    ours = position_sensitive_pool(maps, REGIONS[:4], OWNERS[:4], 3, 0.25)
    torch.testing.assert_close(ours, ps_roi_pool(maps, rows, 3, 0.25), atol=1e-5, rtol=1e-5)
