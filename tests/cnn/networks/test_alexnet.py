"""AlexNet's own parts against the paper's formulas."""

from __future__ import annotations

import torch
from torch import nn

from facerec.cnn.networks.alexnet import alexnet, response_norm


def test_response_normalisation_is_the_papers_formula() -> None:
    """Section 3.3: k = 2, n = 5, alpha = 1e-4, beta = 0.75."""
    a = 100 * torch.rand(1, 8, 2, 3)
    b = response_norm()(a)
    for i in range(8):
        neighbours = range(max(0, i - 2), min(7, i + 2) + 1)
        total = sum(a[0, j].square() for j in neighbours)
        assert torch.allclose(b[0, i], a[0, i] / (2 + 1e-4 * total) ** 0.75)


def test_the_second_third_fourth_and_fifth_convolutions_see_what_the_paper_says() -> None:
    """Figure 2: 48 deep, all 256, 192 deep, 192 deep; one half of the maps cannot reach the other."""
    with torch.device("meta"):
        convolutions = [part for part in alexnet().features if isinstance(part, nn.Conv2d)]
    kernels = [tuple(conv.weight.shape) for conv in convolutions]
    assert kernels == [(96, 3, 11, 11), (256, 48, 5, 5), (384, 256, 3, 3), (384, 192, 3, 3), (256, 192, 3, 3)]
