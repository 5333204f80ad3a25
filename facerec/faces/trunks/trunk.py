"""What all trunks share: the door that looks at what comes in, and the heads that end in rows of length 1."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping

import torch
from torch import nn

from facerec.errors import InvalidInput
from facerec.records import DIM

GRID = 7
"""Height and width of the last feature map of a face of 112x112."""


class Trunk(nn.Sequential):
    """Named layers, one after the other: (B, 3, S, S) float RGB in -1..1 -> (B, 128) float32 rows of length 1.

    `side` is the S that the network is made for. It also takes every other multiple of `step` from `smallest` on;
    without `smallest` it takes no other. Raises InvalidInput for any other input.
    """

    def __init__(self, layers: Mapping[str, nn.Module], side: int, smallest: int | None = None, step: int = 1):
        super().__init__(OrderedDict(layers))
        self.side, self.smallest, self.step = side, smallest, step

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        # a trace for ONNX records tensors, and the sizes in it are no numbers
        if not torch.jit.is_tracing():  # type: ignore[attr-defined, no-untyped-call]
            self.require_faces(x)
        for layer in self:
            x = layer(x)
        return x

    def takes(self, side: int) -> bool:
        """Whether faces of `side` x `side` pixels may come in."""
        if self.smallest is None:
            return side == self.side
        return side >= self.smallest and side % self.step == 0

    def require_faces(self, x: torch.Tensor) -> None:
        """Raise InvalidInput unless `x` is what the layers are made for."""
        if x.ndim != 4 or x.shape[1] != 3 or not x.is_floating_point():
            raise InvalidInput(f"a trunk takes float faces (B, 3, S, S) in -1..1, got {x.dtype} {tuple(x.shape)}")
        if x.shape[2] != x.shape[3] or not self.takes(x.shape[2]):
            raise InvalidInput(f"this trunk takes {self.sides()}, got {x.shape[2]}x{x.shape[3]}: resize them")

    def sides(self) -> str:
        """The sides that it takes, in words."""
        if self.smallest is None:
            return f"faces of {self.side}x{self.side} pixels"
        multiples = f" and multiples of {self.step}" if self.step > 1 else ""
        return f"square faces of {self.side}x{self.side} pixels or others from {self.smallest} on{multiples}"


class UnitRows(nn.Module):
    """Scale rows to length 1, in float32 whatever came: (B, D) -> (B, D)."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return nn.functional.normalize(x.float(), dim=1)


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
