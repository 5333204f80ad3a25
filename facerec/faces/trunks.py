"""The networks that turn an aligned face into an embedding: (B, 3, S, S) -> (B, 128) rows of length 1.

Input is RGB in -1..1, S = 112 by default; any S that is a multiple of 16 works, and training starts with a smaller one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import torch
from torch import nn

from facerec.errors import InvalidInput
from facerec.records import DIM

GRID = 7
"""Height and width of the last feature map at S = 112."""


def conv_bn(c_in: int, c_out: int, kernel: int, stride: int = 1) -> nn.Sequential:
    """Convolution that keeps the size up to its stride, then batch norm."""
    return nn.Sequential(nn.Conv2d(c_in, c_out, kernel, stride, padding=kernel // 2, bias=False), nn.BatchNorm2d(c_out))


class ResidualBlock(nn.Module):
    """Two 3x3 convolutions beside a shortcut (He et al., 2015), pooled where the size halves (He et al., 2019).

    (B, C_in, H, W) -> (B, C_out, H / stride, W / stride)
    """

    def __init__(self, c_in: int, c_out: int, stride: int):
        super().__init__()
        self.first = conv_bn(c_in, c_out, 3, stride)
        self.second = conv_bn(c_out, c_out, 3)
        shortcut: list[nn.Module] = [nn.AvgPool2d(stride)] if stride > 1 else []
        if c_in != c_out:
            shortcut.append(conv_bn(c_in, c_out, 1))
        self.shortcut = nn.Sequential(*shortcut)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = self.second(torch.relu(self.first(x)))
        return torch.relu(y + self.shortcut(x))


class EmbeddingHead(nn.Module):
    """One weight per place and channel instead of an average over places (Chen et al., MobileFaceNets, 2018).

    (B, C, h, w) -> (B, 128) rows of length 1. A face is aligned, so a place in the map is a place in the face. A map of
    another size than 7x7 is resampled to it, which lets one head serve several input sizes.
    """

    def __init__(self, channels: int):
        super().__init__()
        self.place = nn.Conv2d(channels, channels, GRID, groups=channels, bias=False)
        self.norm = nn.BatchNorm2d(channels)
        self.project = nn.Linear(channels, DIM)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if x.shape[-1] != GRID:
            x = nn.functional.interpolate(x, (GRID, GRID), mode="bilinear", align_corners=False)
        x = self.norm(self.place(x)).flatten(1)  # (B, C)
        return nn.functional.normalize(self.project(x).float(), dim=1)


class ResidualTrunk(nn.Sequential):
    """A plain residual network, thin where the map is large: (B, 3, S, S) -> (B, 128) rows of length 1."""

    def __init__(self, stem: int = 32, widths: Sequence[int] = (64, 128, 256), depths: Sequence[int] = (2, 3, 2)):
        layers: list[nn.Module] = [conv_bn(3, stem, 3, stride=2), nn.ReLU()]  # (B, 32, 56, 56)
        channels = stem
        for width, depth in zip(widths, depths, strict=True):  # 28x28, 14x14, 7x7
            for place in range(depth):
                layers.append(ResidualBlock(channels, width, stride=2 if place == 0 else 1))
                channels = width
        super().__init__(*layers, EmbeddingHead(channels))


TRUNKS: dict[str, Callable[[], nn.Module]] = {
    "residual": ResidualTrunk,
}


def create_trunk(name: str) -> nn.Module:
    """Build the named trunk with fresh weights. Raises InvalidInput listing the known names."""
    if name not in TRUNKS:
        raise InvalidInput(f"no trunk {name!r}; known: {', '.join(sorted(TRUNKS))}")
    return TRUNKS[name]()


def load_weights(trunk: nn.Module, weights: Mapping[str, torch.Tensor]) -> None:
    """Put stored weights into a trunk, of any precision. Raises InvalidInput where they are another network's."""
    own, given = ({name: value.shape for name, value in w.items()} for w in (trunk.state_dict(), weights))
    if differing := sorted(name for name in own.keys() | given.keys() if own.get(name) != given.get(name)):
        raise InvalidInput(f"these weights are another network's: {len(differing)} differ, the first {differing[0]}")
    trunk.load_state_dict(dict(weights))
