"""What learns beside a trunk: a row per subject for margin softmax, and the head that says "one subject or two"."""

from __future__ import annotations

import torch
from torch import nn

from facerec.learning.losses import Penalty, margin_softmax
from facerec.metrics.differences import difference_named
from facerec.records import DIM

BOUNDARY = 0.3
"""The cosine where a fresh binary head changes its mind: strangers are near 0, two pictures of one subject above."""
STEEP = 8.0
"""How sure a fresh binary head is: the score's change from cosine 1 to the boundary."""


class MarginSoftmax(nn.Module):
    """A row for each of C subjects, and the loss of telling them apart: see `losses.margin_softmax`."""

    def __init__(self, subjects: int, penalty: Penalty, margin: float, scale: float):
        super().__init__()
        self.penalty, self.margin, self.scale = penalty, margin, scale
        self.classes = nn.Parameter(torch.randn(subjects, DIM) / DIM**0.5)

    def forward(self, embeddings: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        """(B, 128) unit rows and (B,) labels below C, -1 for nobody known -> the loss."""
        return margin_softmax(embeddings, self.classes, labels, self.penalty, self.margin, self.scale)


class BinaryHead(nn.Module):
    """A weight for each number of the difference of two embeddings, and a bias: (T, 128), (T, 128) -> (T,) scores.

    Above 0 is "one subject"; the sigmoid of a score is how sure that is (Taigman et al., DeepFace, 2014).
    Raises InvalidInput for an unknown difference.
    """

    def __init__(self, difference: str = "manhattan"):
        super().__init__()
        self.difference, weight = difference_named(difference), STEEP / typical(difference)
        self.weight = nn.Parameter(torch.full((DIM,), -weight))
        self.bias = nn.Parameter(torch.tensor(STEEP))

    def forward(self, a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
        scores: torch.Tensor = self.difference(a, b) @ self.weight + self.bias
        return scores


def typical(difference: str) -> float:
    """The difference of two unit rows at the boundary, all numbers added, in the mean of some that are drawn."""
    rng = torch.Generator().manual_seed(0)
    first, other = nn.functional.normalize(torch.randn(2, 256, DIM, generator=rng), dim=2)
    aside = nn.functional.normalize(other - (other * first).sum(1, keepdim=True) * first, dim=1)
    second = BOUNDARY * first + (1 - BOUNDARY**2) ** 0.5 * aside
    return float(difference_named(difference)(first, second).sum(1).mean())
