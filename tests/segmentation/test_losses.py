"""Losses of pixels, against torch's own and by hand."""

from __future__ import annotations

import pytest
import torch
from torch.nn import functional as F

from facerec.segmentation.losses import PixelLoss, dice_loss, pixel_cross_entropy

torch.manual_seed(0)
SCORES, LABELS = torch.randn(2, 3, 4, 5), torch.randint(0, 3, (2, 4, 5))
HOLED = torch.where(torch.rand(2, 4, 5) < 0.3, 255, LABELS)
WEIGHTS = torch.tensor([1.0, 3.0, 0.5])


@pytest.mark.parametrize("weights", [None, WEIGHTS])
def test_cross_entropy_is_torchs(weights: torch.Tensor | None) -> None:
    wanted = F.cross_entropy(SCORES, HOLED, weights, ignore_index=255)
    torch.testing.assert_close(pixel_cross_entropy(SCORES, HOLED, weights), wanted)


def test_nothing_that_counts_costs_nothing() -> None:
    scores = SCORES.clone().requires_grad_()
    loss = PixelLoss(1.0, 1.0, WEIGHTS)(scores, torch.full_like(LABELS, 255))
    loss.backward()
    assert loss.item() == 0 and scores.grad.abs().sum() == 0


def test_dice_is_none_where_all_is_right_and_near_one_where_nothing_is() -> None:
    sure = 50.0 * F.one_hot(LABELS, 3).permute(0, 3, 1, 2).float()
    assert dice_loss(sure, LABELS).item() == pytest.approx(0, abs=1e-6)
    assert dice_loss(sure, (LABELS + 1) % 3).item() == pytest.approx(1, abs=1e-6)


def test_dice_by_hand() -> None:
    """Half a pixel of each of two classes guessed everywhere: 2 (2 x 0.5) / (4 x 0.25 + 2)."""
    labels = torch.tensor([[[0, 0, 1, 1]]])
    assert dice_loss(torch.zeros(1, 2, 1, 4), labels).item() == pytest.approx(1 - 2 / 3)


def test_losses_add_up() -> None:
    both = PixelLoss(0.3, 0.7, WEIGHTS)(SCORES, HOLED)
    wanted = 0.3 * pixel_cross_entropy(SCORES, HOLED, WEIGHTS) + 0.7 * dice_loss(SCORES, HOLED)
    torch.testing.assert_close(both, wanted)
