"""The arithmetic on paper agrees with what torch makes, in one, two and three dimensions."""

import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from torch import nn

from facerec.cnn.arithmetic import Window, conv_parameters, keeping_padding, output_size, transposed_size
from facerec.cnn.layers import SamePad
from facerec.errors import InvalidInput

CONVOLUTIONS = {1: nn.Conv1d, 2: nn.Conv2d, 3: nn.Conv3d}
TRANSPOSED = {1: nn.ConvTranspose1d, 2: nn.ConvTranspose2d, 3: nn.ConvTranspose3d}


def meta(*shape: int) -> torch.Tensor:
    return torch.empty(shape, device="meta")


@settings(deadline=None)
@given(
    size=st.integers(1, 20),
    kernel=st.integers(1, 5),
    stride=st.integers(1, 3),
    padding=st.integers(0, 2),
    dilation=st.integers(1, 3),
    axes=st.integers(1, 3),
)
def test_convolution(size: int, kernel: int, stride: int, padding: int, dilation: int, axes: int) -> None:
    window = Window(kernel, stride, padding, dilation)
    layer = CONVOLUTIONS[axes](2, 4, kernel, stride, padding, dilation, device="meta")
    try:
        expected = output_size(size, window)
    except InvalidInput:
        with pytest.raises(RuntimeError):
            layer(meta(1, 2, *[size] * axes))
        return
    assert layer(meta(1, 2, *[size] * axes)).shape == (1, 4, *[expected] * axes)
    assert sum(w.numel() for w in layer.parameters()) == conv_parameters([kernel] * axes, 2, 4)


@settings(deadline=None)
@given(
    size=st.integers(1, 12),
    kernel=st.integers(1, 5),
    stride=st.integers(1, 3),
    padding=st.integers(0, 2),
    dilation=st.integers(1, 3),
    extra=st.integers(0, 2),
    axes=st.integers(1, 3),
)
def test_transposed(size: int, kernel: int, stride: int, padding: int, dilation: int, extra: int, axes: int) -> None:
    assume(extra < max(stride, dilation) and (size - 1) * stride + dilation * (kernel - 1) + extra >= 2 * padding)
    expected = transposed_size(size, Window(kernel, stride, padding, dilation), extra)
    layer = TRANSPOSED[axes](2, 4, kernel, stride, padding, extra, dilation=dilation, device="meta")
    assert layer(meta(1, 2, *[size] * axes)).shape == (1, 4, *[expected] * axes)


@settings(deadline=None)
@given(
    size=st.integers(1, 20),
    kernel=st.integers(1, 5),
    stride=st.integers(1, 4),
    share=st.integers(0, 2),
    ceil=st.booleans(),
)
def test_pooling(size: int, kernel: int, stride: int, share: int, ceil: bool) -> None:
    padding = min(share, kernel // 2)
    assume(size + 2 * padding >= kernel)
    pooled = nn.MaxPool2d(kernel, stride, padding, ceil_mode=ceil)(meta(1, 1, size, size))
    assert pooled.shape[-1] == output_size(size, Window(kernel, stride, padding, ceil=ceil))


@pytest.mark.filterwarnings("ignore:Using padding='same' with even kernel")
@settings(deadline=None)
@given(kernel=st.integers(1, 7), dilation=st.integers(1, 3))
def test_same_is_torchs_where_torch_has_it(kernel: int, dilation: int) -> None:
    """An impulse shows where the window lies, so that the two ends cannot be swapped unseen."""
    x, weight = torch.zeros(1, 1, 40), torch.arange(1.0, kernel + 1).reshape(1, 1, -1)
    x[..., 20] = 1
    ours = nn.functional.pad(x, keeping_padding(kernel, dilation))
    expected = nn.functional.conv1d(x, weight, padding="same", dilation=dilation)
    assert torch.equal(nn.functional.conv1d(ours, weight, dilation=dilation), expected)


@pytest.mark.parametrize(
    "size, kernel, stride, dilation",
    [
        (7, 3, 2, 1),
        (8, 3, 2, 1),
        (9, 2, 3, 1),
        (10, 3, 2, 2),
    ],
)
def test_same_padding_with_a_stride(size: int, kernel: int, stride: int, dilation: int) -> None:
    """The slow way: every stride-th result of a convolution of stride 1, from where TensorFlow starts."""
    x = torch.rand(1, 1, size, size + 1)
    weight = torch.rand(1, 1, kernel, kernel)
    y = nn.functional.conv2d(SamePad(kernel, stride, dilation)(x), weight, stride=stride, dilation=dilation)
    assert y.shape[2:] == (-(-size // stride), -(-(size + 1) // stride))
    wide = nn.functional.pad(x, [20] * 4)
    every = nn.functional.conv2d(wide, weight, dilation=dilation)
    window = Window(kernel, stride, "same", dilation)
    top, left = (20 - max((-(-n // stride) - 1) * stride + window.reach - n, 0) // 2 for n in x.shape[2:])
    slow = every[..., top::stride, left::stride][..., : y.shape[2], : y.shape[3]]
    assert torch.allclose(y, slow)


def test_a_signal_and_a_volume_through_two_layers() -> None:
    signal = nn.Sequential(nn.Conv1d(1, 16, 5), nn.Conv1d(16, 32, 5)).to("meta")
    assert [tuple(signal[:n](meta(1, 1, 14)).shape[1:]) for n in (1, 2)] == [(16, 10), (32, 6)]
    volume = nn.Sequential(nn.Conv3d(1, 16, 5), nn.Conv3d(16, 32, 5)).to("meta")
    shapes = [tuple(volume[:n](meta(1, 1, 14, 14, 14)).shape[1:]) for n in (1, 2)]
    assert shapes == [(16, 10, 10, 10), (32, 6, 6, 6)]


def test_a_1x1_convolution_is_a_dense_layer_at_every_place() -> None:
    layer, x = nn.Conv2d(5, 3, 1), torch.rand(2, 5, 4, 6)
    dense = x.permute(0, 2, 3, 1) @ layer.weight[:, :, 0, 0].T + layer.bias
    assert torch.allclose(layer(x), dense.permute(0, 3, 1, 2), atol=1e-6)


def test_a_separable_convolution_is_a_full_one_of_rank_one() -> None:
    depthwise = nn.Conv2d(4, 4, 3, padding=1, groups=4, bias=False)
    pointwise = nn.Conv2d(4, 6, 1, bias=False)
    full = pointwise.weight * depthwise.weight[:, 0]  # (6, 4, 3, 3)
    x = torch.rand(1, 4, 7, 7)
    assert torch.allclose(pointwise(depthwise(x)), nn.functional.conv2d(x, full, padding=1), atol=1e-5)


def test_a_dilated_convolution_is_one_with_holes() -> None:
    layer, x = nn.Conv2d(2, 3, 3, dilation=2, bias=False), torch.rand(1, 2, 9, 9)
    holes = torch.zeros(3, 2, 5, 5)
    holes[..., ::2, ::2] = layer.weight.detach()
    assert torch.allclose(layer(x), nn.functional.conv2d(x, holes), atol=1e-6)


def test_a_transposed_convolution_spreads_a_stamp_for_every_cell() -> None:
    layer, x = nn.ConvTranspose2d(1, 1, 3, stride=2, bias=False), torch.rand(1, 1, 4, 5)
    sheet = torch.zeros(9, 11)
    for row in range(4):
        for column in range(5):
            sheet[2 * row : 2 * row + 3, 2 * column : 2 * column + 3] += x[0, 0, row, column] * layer.weight[0, 0]
    assert torch.allclose(layer(x)[0, 0], sheet, atol=1e-6)
