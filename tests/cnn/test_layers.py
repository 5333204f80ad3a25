"""Layers beside torch's own, or beside the slow way."""

import pytest
import torch
from torch import nn

from facerec.cnn.layers import ChannelMaxPool, ChannelResponseNorm
from facerec.errors import InvalidInput


@pytest.mark.parametrize("n", [1, 2, 3, 5, 9])
@pytest.mark.parametrize("shape", [(2, 7, 4, 3), (1, 2, 5), (1, 1, 2, 2, 2)])
def test_response_norm_is_torchs_with_alpha_times_n(n: int, shape: tuple[int, ...]) -> None:
    x = 10 * torch.randn(shape)
    theirs = nn.LocalResponseNorm(n, alpha=n * 0.02, beta=0.75, k=2.0)
    assert torch.allclose(ChannelResponseNorm(n, alpha=0.02)(x), theirs(x), atol=1e-5)


def test_response_norm_by_hand() -> None:
    """The middle of three channels 1, 2, 3 sees all of them: 2 / (2 + 1 + 4 + 9)."""
    x = torch.tensor([1.0, 2.0, 3.0]).reshape(1, 3, 1, 1)
    normed = ChannelResponseNorm(n=3, alpha=1.0, beta=1.0, k=2.0)(x)
    assert torch.allclose(normed.flatten(), torch.tensor([1 / 7, 2 / 16, 3 / 15]))


def test_channel_pooling_takes_the_largest_of_each_group() -> None:
    x = torch.randn(2, 6, 3, 4)
    pooled = ChannelMaxPool(3)(x)
    assert torch.equal(pooled, torch.stack([x[:, :3].max(1).values, x[:, 3:].max(1).values], dim=1))


def test_channel_pooling_over_all_channels_leaves_one() -> None:
    x = torch.randn(1, 5, 2, 2)
    assert torch.equal(ChannelMaxPool(5)(x), x.max(dim=1, keepdim=True).values)
    assert torch.equal(ChannelMaxPool(1)(x), x)


@pytest.mark.parametrize("group", [4, 0, -1])
def test_channels_that_cannot_be_grouped_are_refused(group: int) -> None:
    with pytest.raises(InvalidInput, match=f"6 channels cannot be pooled in groups of {group}"):
        ChannelMaxPool(group)(torch.zeros(1, 6, 2, 2))


def test_global_average_pooling_makes_any_size_one_number_per_channel() -> None:
    pool = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten())
    for size in ((7, 7), (3, 11)):
        x = torch.rand(2, 5, *size)
        assert torch.allclose(pool(x), x.sum(dim=(2, 3)) / (size[0] * size[1]), atol=1e-6)
