"""Transposed convolutions begin as bilinear interpolation, wherever the cells of two maps lie."""

from __future__ import annotations

import pytest
import torch
from torch.nn import functional as F

from facerec.errors import InvalidInput
from facerec.segmentation.upsampling import Upsampling, filled


@pytest.mark.parametrize("factor", [2, 8, 16, 32])
def test_it_begins_as_bilinear_interpolation(factor: int) -> None:
    x = torch.randn(2, 3, 5, 4)
    up = Upsampling(3, factor, (factor - 1) / 2)
    wanted = F.interpolate(x, scale_factor=factor, mode="bilinear", align_corners=False)
    torch.testing.assert_close(up(x, (5 * factor, 4 * factor)), wanted)


@pytest.mark.parametrize(("factor", "first"), [(2, 1), (2, 0), (8, 6), (4, 1.5), (4, 2.5)])
def test_cells_come_to_lie_where_they_belong(factor: int, first: float) -> None:
    """A map that holds its own places, enlarged, holds at every place between two cells that place."""
    places = first + factor * torch.arange(6.0)
    enlarged = Upsampling(1, factor, first)(places.expand(1, 1, 6, 6), (30, 30))
    inside = (torch.arange(30.0) >= first) & (torch.arange(30.0) <= places[-1])
    torch.testing.assert_close(enlarged[0, 0, 5, inside], torch.arange(30.0)[inside])


def test_it_learns_only_where_it_may() -> None:
    assert [w.requires_grad for w in Upsampling(2, 2, 0.5, learned=False).parameters()] == [False]
    assert [w.requires_grad for w in Upsampling(2, 2, 0.5).parameters()] == [True]


def test_cells_between_the_grid_are_refused() -> None:
    with pytest.raises(InvalidInput, match="cannot be laid"):
        Upsampling(1, 2, 0.25)


def test_filling_repeats_the_border() -> None:
    x = torch.arange(6.0).reshape(1, 1, 2, 3)
    assert filled(x, 4).shape == (1, 1, 4, 4)
    assert filled(x, 4)[0, 0, :, 3].tolist() == [2, 5, 5, 5]
    assert filled(x, 1) is x
