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


def test_average_pooling_is_a_filter_of_equal_weights_in_each_channel_by_itself() -> None:
    x = torch.rand(2, 3, 7, 9)
    equal = torch.full((3, 1, 2, 2), 1 / 4)
    assert torch.allclose(nn.AvgPool2d(2)(x), nn.functional.conv2d(x, equal, stride=2, groups=3), atol=1e-6)


def test_max_pooling_takes_the_largest_of_each_window() -> None:
    x = torch.randn(1, 2, 6, 4)
    windows = x.unfold(2, 3, 3).unfold(3, 2, 2)  # (1, 2, 2, 2, 3, 2)
    assert torch.equal(nn.MaxPool2d((3, 2))(x), windows.amax(dim=(4, 5)))


def test_a_maximum_may_move_within_its_window_unseen_and_a_mean_too_but_not_across_the_edge() -> None:
    spots = torch.zeros(3, 1, 4, 4)
    for picture, column in enumerate((0, 1, 2)):
        spots[picture, 0, 1, column] = 1
    for pool in (nn.MaxPool2d(2), nn.AvgPool2d(2)):
        stays, moved, crossed = pool(spots)
        assert torch.equal(stays, moved) and not torch.equal(stays, crossed)
    assert not torch.equal(spots[0], spots[1])
