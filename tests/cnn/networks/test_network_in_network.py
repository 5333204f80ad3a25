"""How network in network begins: docs/results/cnn-small-nets.md shows that it learns from there."""

from __future__ import annotations

import torch
from torch import nn

from facerec.cnn.networks import create


def test_its_fresh_filters_compare_and_its_classes_begin_alive() -> None:
    torch.manual_seed(0)
    network = create("network_in_network", 10, 3).eval()
    convolutions = [module for module in network.modules() if isinstance(module, nn.Conv2d)]
    assert all(layer.weight.mean(dim=(1, 2, 3)).abs().max() < 1e-6 for layer in convolutions)
    with torch.no_grad():
        assert (network(torch.rand(8, 3, 16, 16)) > 0.2).all()
