"""Layers that torch has no single line for. Pictures are (B, C, H, W) float tensors."""

from __future__ import annotations

import torch
from torch import nn

from facerec.cnn.arithmetic import Window, padding_at
from facerec.errors import InvalidInput


class ChannelMaxPool(nn.Module):
    """The largest of every `group` neighbouring channels at each place: (B, C, H, W) -> (B, C / group, H, W).

    Pooling over depth makes a layer blind to what its filters were made to differ in, as pooling over places makes
    it blind to where; over all of a layer's pieces it is maxout (Goodfellow et al., 2013).
    Raises InvalidInput unless the channels can be cut into such groups.
    """

    def __init__(self, group: int):
        super().__init__()
        self.group = group

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if self.group < 1 or x.shape[1] % self.group:
            raise InvalidInput(f"{x.shape[1]} channels cannot be pooled in groups of {self.group}")
        groups = x.reshape(len(x), -1, self.group, *x.shape[2:])
        return groups.amax(dim=2)

    def extra_repr(self) -> str:
        return f"group={self.group}"


class ChannelResponseNorm(nn.Module):
    """Local response normalisation over channels as AlexNet's paper writes it (Krizhevsky et al., 2012, 3.3).

    (B, C, ...) -> the same shape: b = a / (k + alpha * sum of a^2 over the `n` channels around) ** beta. Channels
    beyond the first and last count as zero. `nn.LocalResponseNorm` divides alpha by n, the paper does not.
    """

    def __init__(self, n: int = 5, alpha: float = 1e-4, beta: float = 0.75, k: float = 2.0):
        super().__init__()
        self.n, self.alpha, self.beta, self.k = n, alpha, beta, k

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        beside = (self.n // 2, (self.n - 1) // 2)
        squares = nn.functional.pad(x.square(), (*(0, 0) * (x.ndim - 2), *beside))
        total = torch.stack([squares.narrow(1, first, x.shape[1]) for first in range(self.n)]).sum(dim=0)
        return x / (self.k + self.alpha * total) ** self.beta

    def extra_repr(self) -> str:
        return f"n={self.n}, alpha={self.alpha}, beta={self.beta}, k={self.k}"


class SamePad(nn.Module):
    """Zeros around a picture so that a window after it makes ceil(size / stride) cells: TensorFlow's "same".

    `nn.Conv2d(padding="same")` refuses strides above 1. (B, C, H, W) -> (B, C, H + padding, W + padding).
    """

    def __init__(self, kernel: int, stride: int = 1, dilation: int = 1):
        super().__init__()
        self.window = Window(kernel, stride, "same", dilation)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        top_bottom, left_right = (padding_at(self.window, size) for size in x.shape[2:])
        return nn.functional.pad(x, (*left_right, *top_bottom))

    def extra_repr(self) -> str:
        return f"kernel={self.window.kernel}, stride={self.window.stride}, dilation={self.window.dilation}"
