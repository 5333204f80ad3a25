"""What a painted picture is measured by: like the content in place, like the style in what goes with what, and smooth.

Gatys, Ecker, Bethge, "A neural algorithm of artistic style", 2015. Maps are (B, N, H, W): N filters' activations at
M = H * W places. Every cost is a sum over the batch, a tensor without axes.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from facerec.errors import InvalidInput


def content_cost(content: Tensor, generated: Tensor) -> Tensor:
    """J(C, G) = 1/2 ||a(C) - a(G)||^2, over all activations of a layer. Raises InvalidInput for different shapes.

    >>> content_cost(torch.zeros(1, 1, 1, 2), torch.tensor([[[[3.0, 4.0]]]])).item()
    12.5
    """
    if content.shape != generated.shape:
        raise InvalidInput(f"maps {tuple(content.shape)} cannot be compared with {tuple(generated.shape)}")
    return 0.5 * (content - generated).square().sum()


def gram(maps: Tensor) -> Tensor:
    """Gram matrix of the maps as a matrix A of (M, N): A^T A, (B, N, N). How often two filters are active together.

    >>> gram(torch.tensor([[[[1.0, 2.0]], [[3.0, 4.0]]]])).tolist()
    [[[5.0, 11.0], [11.0, 25.0]]]
    """
    found: Tensor = Gram.apply(maps.flatten(2))  # type: ignore[no-untyped-call]
    return found


class Gram(torch.autograd.Function):
    """A^T A of (B, N, M), which costs half: numpy knows that such a product is symmetric, where torch computes both
    halves; and the gradient takes one product, where autograd, which sees two factors, makes two."""

    @staticmethod
    def forward(ctx: Any, rows: Tensor) -> Tensor:
        ctx.save_for_backward(rows)
        if rows.device.type != "cpu":
            return rows @ rows.transpose(1, 2)
        return torch.stack([torch.from_numpy(one @ one.T) for one in rows.detach().numpy()])

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        (rows,) = ctx.saved_tensors
        product: Tensor = (gradient + gradient.transpose(1, 2)) @ rows
        return product


def correlations(maps: Tensor, where: Tensor | None = None) -> Tensor:
    """The Gram matrix divided by the number of places: (B, N, N), comparable between pictures of different size.

    `where` (H, W), 0..1, weighs the places (Gatys et al., 2017, guided Gram matrices): maps are multiplied by it, and
    the sum of its squares takes the place of M.
    """
    if where is None:
        return gram(maps) / (maps.shape[-2] * maps.shape[-1])
    return gram(maps * where) / where.square().sum().clamp(min=1e-6)


def layer_style_cost(style: Tensor, generated: Tensor) -> Tensor:
    """A layer's share: 1 / (4 N^2) times the squared differences of two `correlations` (B, N, N).

    For pictures of one size this is Gatys et al.'s 1 / (4 N^2 M^2) times those of the Gram matrices.

    >>> layer_style_cost(torch.zeros(1, 2, 2), torch.full((1, 2, 2), 2.0)).item()
    1.0
    """
    count = generated.shape[-1]
    return (style - generated).square().sum() / (4 * count**2)


def total_variation(picture: Tensor) -> Tensor:
    """Squared differences of neighbours below and to the right, a mean over all numbers of a picture (B, C, H, W).

    Mahendran, Vedaldi, "Understanding deep image representations by inverting them", 2015, with their exponent 2.

    >>> total_variation(torch.tensor([[[[0.0, 1.0], [0.0, 1.0]]]])).item()
    0.5
    """
    down = (picture[..., 1:, :] - picture[..., :-1, :]).square().sum()
    right = (picture[..., 1:] - picture[..., :-1]).square().sum()
    return (down + right) / picture.numel()
