"""The shared parts, each against a slow and obvious version of itself."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from facerec.cnn.blocks import (
    AverageTo,
    Branches,
    ConvBN,
    Entrance,
    InvertedResidual,
    SqueezeExcitation,
    StochasticDepth,
    initialise,
)
from facerec.errors import InvalidInput


@pytest.fixture(autouse=True)
def seed() -> None:
    torch.manual_seed(0)


def test_the_entrance_changes_nothing() -> None:
    x = torch.rand(1, 3, 8, 9)
    assert Entrance(3, 8)(x) is x


@pytest.mark.parametrize("shape", [(3, 8, 8), (1, 1, 8, 8), (1, 3, 7, 8), (1, 3, 8, 7)])
def test_the_entrance_refuses_what_does_not_fit(shape: tuple[int, ...]) -> None:
    with pytest.raises(InvalidInput):
        Entrance(3, 8)(torch.rand(shape))


def test_a_fixed_entrance_refuses_larger_pictures() -> None:
    with pytest.raises(InvalidInput, match="exactly 8x8"):
        Entrance(3, 8, fixed=True)(torch.rand(1, 3, 8, 9))


@pytest.mark.parametrize("kernel, stride, size", [(1, 1, 10), (3, 1, 10), (7, 2, 5), ((1, 7), 1, 10)])
def test_a_convolution_keeps_the_size_up_to_its_stride(kernel: int, stride: int, size: int) -> None:
    assert ConvBN(3, 4, kernel, stride)(torch.rand(2, 3, 10, 10)).shape == (2, 4, size, size)


def test_without_activation_a_convolution_stays_linear() -> None:
    x = torch.randn(4, 3, 6, 6)
    assert (ConvBN(3, 4, 3, activation=None)(x) < 0).any()
    assert not (ConvBN(3, 4, 3)(x) < 0).any()


def test_branches_are_stacked_in_order() -> None:
    x = torch.rand(1, 2, 3, 3)
    y = Branches({"as_it_is": nn.Identity(), "nothing": nn.Threshold(2, 0)})(x)
    assert torch.equal(y[:, :2], x) and not y[:, 2:].any()


def test_squeeze_and_excitation_by_hand() -> None:
    block, x = SqueezeExcitation(6, 2), torch.randn(3, 6, 4, 5)
    first, second = block.fc1.weight.flatten(1), block.fc2.weight.flatten(1)
    for sample in range(3):
        means = torch.stack([x[sample, channel].mean() for channel in range(6)])
        hidden = (first @ means + block.fc1.bias).clamp(min=0)
        weights = 1 / (1 + torch.exp(-(second @ hidden + block.fc2.bias)))
        for channel in range(6):
            expected = x[sample, channel] * weights[channel]
            assert torch.allclose(block(x)[sample, channel], expected, atol=1e-6)


def test_stochastic_depth_drops_whole_samples_and_keeps_the_mean() -> None:
    x = torch.ones(4000, 2, 1, 1)
    y = StochasticDepth(0.25)(x)
    assert y.unique().tolist() == pytest.approx([0, 4 / 3])
    assert torch.equal(y[:, 0], y[:, 1])
    assert y.mean().item() == pytest.approx(1, abs=0.05)


def test_stochastic_depth_rests_in_evaluation() -> None:
    x = torch.ones(10, 1)
    assert StochasticDepth(0.9).eval()(x) is x


@pytest.mark.parametrize("c_out, stride, expected", [(4, 1, True), (4, 2, False), (6, 1, False)])
def test_an_inverted_residual_has_a_shortcut_where_shapes_agree(c_out: int, stride: int, expected: bool) -> None:
    block = InvertedResidual(4, c_out, 3, stride, expansion=6, activation=nn.ReLU6).eval()
    nn.init.zeros_(block.project[0].weight)
    x = torch.rand(2, 4, 8, 8)
    y = block(x)
    assert y.shape == (2, c_out, 8 // stride, 8 // stride)
    assert torch.equal(y, x) if expected else not y.any()


def test_a_map_of_the_right_size_passes_untouched() -> None:
    x = torch.rand(1, 2, 6, 6)
    assert AverageTo(6)(x) is x


def test_a_larger_map_is_averaged() -> None:
    x = torch.arange(16.0).reshape(1, 1, 4, 4)
    assert AverageTo(2)(x).flatten().tolist() == [2.5, 4.5, 10.5, 12.5]


@pytest.mark.parametrize("groups", [1, 64])
def test_fresh_convolutions_keep_the_variance_under_relu(groups: int) -> None:
    conv = nn.Conv2d(64, 256, 3, padding=1, groups=groups)
    initialise(conv)
    x = torch.relu(torch.randn(8, 64, 16, 16))
    inner = conv(x)[:, :, 1:-1, 1:-1]  # the rim sees padding
    assert inner.square().mean().item() / 2 == pytest.approx(x.square().mean().item(), rel=0.25)
    assert not conv.bias.any()
