"""What a network is told about its scores: cross-entropy of each pixel, and Dice of each class."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from facerec.segmentation.masks import IGNORE


def pixel_cross_entropy(scores: Tensor, labels: Tensor, weights: Tensor | None = None) -> Tensor:
    """Mean over the pixels that count, weighted by class: (B, C, H, W), (B, H, W) -> a number; 0 where none counts."""
    total = F.cross_entropy(scores, labels, weights, ignore_index=IGNORE, reduction="sum")
    return total / weight_of(labels, weights).clamp(min=1e-6)


def weight_of(labels: Tensor, weights: Tensor | None) -> Tensor:
    """The weights of all pixels that count, added."""
    counted = labels[labels != IGNORE]
    return torch.tensor(float(len(counted)), device=labels.device) if weights is None else weights[counted].sum()


def dice_loss(scores: Tensor, labels: Tensor) -> Tensor:
    """1 less the mean Dice coefficient of the classes that occur in the batch (Milletari, Navab and Ahmadi, 2016).

    Probabilities stand for the guess, so that it has a slope: 2 sum(p g) / (sum(p^2) + sum(g)). A class that occurs
    nowhere is left out: nothing can be found of it. (B, C, H, W), (B, H, W) -> a number.
    """
    counted = labels != IGNORE
    guessed = torch.softmax(scores, dim=1).permute(1, 0, 2, 3)[:, counted]  # (C, P)
    truth = F.one_hot(labels[counted], scores.shape[1]).T.to(guessed.dtype)
    occurs = truth.sum(dim=1) > 0
    if not occurs.any():
        return scores.sum() * 0
    both = (guessed * truth).sum(dim=1)
    dice = 2 * both / (guessed.square().sum(dim=1) + truth.sum(dim=1)).clamp(min=1e-6)
    return 1 - dice[occurs].mean()


@dataclass(frozen=True, slots=True, eq=False)
class PixelLoss:
    """A sum of both.

    cross_entropy, dice  how much each counts
    weights              (C,) of the classes in the cross-entropy, None for all alike
    """

    cross_entropy: float = 1.0
    dice: float = 0.0
    weights: Tensor | None = None

    def __call__(self, scores: Tensor, labels: Tensor) -> Tensor:
        total = scores.sum() * 0
        if self.cross_entropy:
            total = total + self.cross_entropy * pixel_cross_entropy(scores, labels, self.weights)
        if self.dice:
            total = total + self.dice * dice_loss(scores, labels)
        return total
