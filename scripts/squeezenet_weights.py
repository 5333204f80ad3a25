"""SqueezeNet's published ImageNet weights as a file for `facerec cnn show --net squeezenet --weights`.

    FACEREC_DATA=... python scripts/squeezenet_weights.py squeezenet.safetensors

The authors' weights want BGR levels 0..255 less a mean for each channel. The first layer pads nothing, so it can
take that over, and the network takes RGB 0..1.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import save_file

from facerec.cnn.networks import create

MEANS = torch.tensor([104.0, 117.0, 123.0])
"""Of blue, green and red."""


def caffe_names(published: list[str]) -> list[str]:
    """The authors' layers in the order of ours: each fire module squeezes, then expands 1x1 and 3x3."""
    fires = [f"fire{number}.{part}" for number in range(2, 10) for part in ("conv1x1_1", "conv1x1_2", "conv3x3_2")]
    names = [f"{layer}.{kind}" for layer in ("conv1", *fires, "conv_final") for kind in ("weight", "bias")]
    if sorted(names) != sorted(published):
        sys.exit(f"these are not the names of SqueezeNet's layers: {', '.join(published)}")
    return names


def folded(weight: torch.Tensor, bias: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """A first layer that takes RGB 0..1 in place of BGR 0..255 less the means."""
    offset = (weight.sum(dim=(2, 3)) * MEANS).sum(dim=1)
    return 255 * weight.flip(1), bias - offset


source = Path(os.environ["FACEREC_DATA"]) / "weights" / "squeezenet1_0-imagenet.npz"
with np.load(source, allow_pickle=False) as published:
    tensors = [torch.from_numpy(published[name]).float() for name in caffe_names(published.files)]
tensors[0], tensors[1] = folded(tensors[0], tensors[1])
network = create("squeezenet")
state = dict(zip(network.state_dict(), tensors, strict=True))
network.load_state_dict(state)
save_file({name: tensor.contiguous() for name, tensor in state.items()}, sys.argv[1])
