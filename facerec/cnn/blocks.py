"""The parts that several classic networks share. Pictures are (B, C, H, W) float tensors throughout."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import nn

from facerec.errors import InvalidInput

Size = int | tuple[int, int]
"""A side, or height and width."""


class Entrance(nn.Module):
    """The door of a network: lets pictures pass unchanged that the layers behind it can take.

    Raises InvalidInput unless they are a float tensor (B, channels, H, W) with H and W at least `smallest`; where
    `fixed`, exactly that.
    """

    def __init__(self, channels: int, smallest: int, fixed: bool = False):
        super().__init__()
        self.channels, self.smallest, self.fixed = channels, smallest, fixed

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        # a trace for ONNX records tensors, and the sizes in it are no numbers
        if not torch.jit.is_tracing():  # type: ignore[attr-defined, no-untyped-call]
            self._require_layout(x)
            self._require_size(*x.shape[2:])
        return x

    def _require_layout(self, x: torch.Tensor) -> None:
        if x.ndim != 4 or x.shape[1] != self.channels or not x.is_floating_point():
            raise InvalidInput(
                f"the network takes float pictures (B, {self.channels}, H, W), got {x.dtype} {tuple(x.shape)}: "
                "convert them, or create the network with another `channels`"
            )

    def _require_size(self, height: int, width: int) -> None:
        small = min(height, width) < self.smallest
        if small or (self.fixed and max(height, width) > self.smallest):
            wanted = f"{'exactly' if self.fixed else 'at least'} {self.smallest}x{self.smallest}"
            raise InvalidInput(f"the network takes pictures of {wanted} pixels, got {height}x{width}: resize them")

    def extra_repr(self) -> str:
        return f"channels={self.channels}, smallest={self.smallest}, fixed={self.fixed}"


class ConvBN(nn.Sequential):
    """Convolution without bias, batch norm, activation: (B, C_in, H, W) -> (B, C_out, H / stride, W / stride).

    The padding keeps the size (up to the stride) unless one is given; `activation=None` leaves the result linear.
    """

    def __init__(
        self,
        c_in: int,
        c_out: int,
        kernel: Size,
        stride: int = 1,
        padding: Size | None = None,
        groups: int = 1,
        activation: Callable[..., nn.Module] | None = nn.ReLU,
        eps: float = 1e-5,
    ):
        padding = half(kernel) if padding is None else padding
        super().__init__(
            nn.Conv2d(c_in, c_out, kernel, stride, padding, groups=groups, bias=False),
            nn.BatchNorm2d(c_out, eps=eps),
        )
        if activation is not None:
            self.append(activation(inplace=True))


class ConvReLU(nn.Sequential):
    """Convolution with bias, then ReLU, as it was done before batch norm; arguments as for `ConvBN`."""

    def __init__(self, c_in: int, c_out: int, kernel: Size, stride: int = 1, padding: Size | None = None):
        padding = half(kernel) if padding is None else padding
        super().__init__(nn.Conv2d(c_in, c_out, kernel, stride, padding), nn.ReLU(inplace=True))


def half(kernel: Size) -> Size:
    """The padding that keeps a picture's size under a filter of odd sides.

    >>> half(7), half((1, 7))
    (3, (0, 3))
    """
    return kernel // 2 if isinstance(kernel, int) else (kernel[0] // 2, kernel[1] // 2)


class Branches(nn.ModuleDict):
    """Every branch sees the same input, and their channels are stacked: (B, C, H, W) -> (B, C', h, w)."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.cat([branch(x) for branch in self.values()], dim=1)


class SqueezeExcitation(nn.Module):
    """Weighs each channel by what the whole picture holds (Hu et al., 2018): (B, C, H, W) -> the same shape.

    Squeeze: the mean of each channel. Excitation: two dense layers, written as 1x1 convolutions, and a sigmoid.
    """

    def __init__(self, channels: int, squeezed: int, activation: Callable[..., nn.Module] = nn.ReLU):
        super().__init__()
        self.pool = nn.AdaptiveAvgPool2d(1)  # (B, C, 1, 1)
        self.fc1 = nn.Conv2d(channels, squeezed, 1)
        self.activation = activation(inplace=True)
        self.fc2 = nn.Conv2d(squeezed, channels, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        weights = torch.sigmoid(self.fc2(self.activation(self.fc1(self.pool(x)))))
        return x * weights


class StochasticDepth(nn.Module):
    """Leaves a residual branch out for a share of the training samples (Huang et al., 2016), scaling the others.

    (B, ...) -> the same shape; in evaluation nothing changes.
    """

    def __init__(self, share: float):
        super().__init__()
        self.share = share

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if not self.training or self.share == 0:
            return x
        shape = (len(x),) + (1,) * (x.ndim - 1)
        kept = torch.empty(shape, dtype=x.dtype, device=x.device).bernoulli_(1 - self.share)
        return x * kept / (1 - self.share)

    def extra_repr(self) -> str:
        return f"share={self.share:.3f}"


class InvertedResidual(nn.Module):
    """Widen, filter each channel by itself, narrow again (Sandler et al., 2018); a shortcut where shapes agree.

    (B, C_in, H, W) -> (B, C_out, H / stride, W / stride). `squeezed` channels in a squeeze and excitation, if any;
    the shortcut stands alone for a share `drop` of the training samples.
    """

    def __init__(
        self,
        c_in: int,
        c_out: int,
        kernel: int,
        stride: int,
        expansion: int,
        activation: Callable[..., nn.Module],
        squeezed: int | None = None,
        drop: float = 0.0,
    ):
        super().__init__()
        wide = c_in * expansion
        self.expand = ConvBN(c_in, wide, 1, activation=activation) if expansion > 1 else nn.Identity()
        self.depthwise = ConvBN(wide, wide, kernel, stride, groups=wide, activation=activation)
        self.squeeze = SqueezeExcitation(wide, squeezed, activation) if squeezed else nn.Identity()
        self.project = ConvBN(wide, c_out, 1, activation=None)
        self.drop = StochasticDepth(drop)
        self.has_shortcut = stride == 1 and c_in == c_out

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y: torch.Tensor = self.project(self.squeeze(self.depthwise(self.expand(x))))
        if self.has_shortcut:
            y = self.drop(y)
            y += x
        return y


class AverageTo(nn.Module):
    """Bring a map to the one size that a dense layer behind it was made for: (B, C, H, W) -> (B, C, side, side).

    A map that has that size already passes untouched, so that a trace for ONNX holds no resampling.
    """

    def __init__(self, side: int):
        super().__init__()
        self.side = side

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if x.shape[2] == self.side and x.shape[3] == self.side:
            return x
        return nn.functional.adaptive_avg_pool2d(x, self.side)

    def extra_repr(self) -> str:
        return f"side={self.side}"


def halve() -> nn.MaxPool2d:
    """Overlapping 3x3 max pooling by 2 that keeps the last row and column."""
    return nn.MaxPool2d(3, stride=2, ceil_mode=True)


class GlobalAveragePool(nn.Sequential):
    """The mean of each channel: (B, C, H, W) -> (B, C)."""

    def __init__(self) -> None:
        super().__init__(nn.AdaptiveAvgPool2d(1), nn.Flatten())


def initialise(network: nn.Module) -> None:
    """Fresh weights for every convolution, normal with variance 2 / fan-in (He et al., 2015), and biases of 0.

    Dense layers and norms keep torch's own start.
    """
    for module in network.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight, nonlinearity="relu")
            if module.bias is not None:
                nn.init.zeros_(module.bias)
