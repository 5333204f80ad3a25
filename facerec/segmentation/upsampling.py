"""Enlarging maps: by bilinear interpolation, or by a transposed convolution that starts as one and then learns."""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional as F

from facerec.errors import InvalidInput


def triangle(factor: int, kernel: int) -> torch.Tensor:
    """How much a cell counts at each place around it, when lines are drawn between cells: (kernel,) float32.

    >>> triangle(2, 4).tolist(), triangle(2, 3).tolist()
    ([0.25, 0.75, 0.75, 0.25], [0.5, 1.0, 0.5])
    """
    away = torch.arange(kernel) - (kernel - 1) / 2
    return (1 - away.abs() / factor).clamp(min=0)


@torch.no_grad()
def begin_bilinear(layer: nn.ConvTranspose2d) -> None:
    """Let a transposed convolution interpolate each channel by itself (Long, Shelhamer and Darrell, 2015)."""
    rows, columns = (triangle(s, k) for s, k in zip(layer.stride, layer.kernel_size, strict=True))
    layer.weight.zero_()
    for channel in range(min(layer.weight.shape[:2])):
        layer.weight[channel, channel] = rows[:, None] * columns
    if layer.bias is not None:
        layer.bias.zero_()


class Upsampling(nn.Module):
    """Enlarge a map `factor` times, so that it lies over a finer one: (B, C, h, w) -> (B, C, height, width).

    first    where the middle of the first cell comes to lie, in cells of the finer map from the middle of its first
    learned  the transposed convolution learns; else it stays what it begins as, bilinear interpolation

    Beyond its border a map is taken to go on as it ends. Raises InvalidInput where the cells lie so that no transposed
    convolution meets them.
    """

    def __init__(self, channels: int, factor: int, first: float, learned: bool = True):
        super().__init__()
        kernel = 2 * factor - (first == int(first))
        padding = (kernel - 1) / 2 - first + factor  # one more cell in front of the first
        if padding != int(padding) or padding < 0 or factor < 1:
            raise InvalidInput(f"maps {factor} times as coarse and {first} cells apart cannot be laid over each other")
        self.conv = nn.ConvTranspose2d(channels, channels, kernel, factor, int(padding), bias=False)
        begin_bilinear(self.conv)
        self.conv.requires_grad_(learned)

    def forward(self, x: torch.Tensor, size: tuple[int, int]) -> torch.Tensor:
        return cropped(self.conv(F.pad(x, (1, 1, 1, 1), mode="replicate")), size)


def cropped(x: torch.Tensor, size: tuple[int, int]) -> torch.Tensor:
    """The upper left (B, C, height, width) of a map, with zeros where it ends too early."""
    height, width = size
    below, beside = height - x.shape[2], width - x.shape[3]
    if below > 0 or beside > 0:
        x = F.pad(x, (0, max(beside, 0), 0, max(below, 0)))
    return x[:, :, :height, :width]


def filled(x: torch.Tensor, multiple: int) -> torch.Tensor:
    """Repeat the last row and column until both sides are multiples: (B, C, H, W) -> (B, C, H', W').

    A map that fits already passes untouched, so that a trace for ONNX holds no filling.
    """
    below, beside = (-side % multiple for side in x.shape[2:])
    return F.pad(x, (0, beside, 0, below), mode="replicate") if below or beside else x
