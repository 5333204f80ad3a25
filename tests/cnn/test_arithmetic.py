"""Facts that can be worked out by hand, and the slow way: laying a window on an axis cell by cell."""

import math

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from facerec.cnn.arithmetic import (
    FLOAT32,
    Window,
    conv_multiplications,
    conv_parameters,
    inference_values,
    keeping_padding,
    output_size,
    output_sizes,
    padding_at,
    training_values,
    transposed_padding,
    transposed_size,
)
from facerec.errors import InvalidInput


def positions(size: int, window: Window) -> int:
    """Lay the window on the axis, step by step, and count where it fits."""
    before, after = padding_at(window, size)
    first_cells = range(-before, size + after, window.stride)
    return sum(first + window.dilation * (window.kernel - 1) < size + after for first in first_cells)


WINDOWS = st.builds(
    Window,
    kernel=st.integers(1, 7),
    stride=st.integers(1, 4),
    padding=st.integers(0, 3) | st.sampled_from(["same", "valid"]) | st.tuples(*[st.integers(0, 3)] * 2),
    dilation=st.integers(1, 3),
)


@settings(deadline=None)
@given(size=st.integers(1, 20), window=WINDOWS)
def test_the_size_is_the_number_of_positions(size: int, window: Window) -> None:
    expected = positions(size, window)
    if expected:
        assert output_size(size, window) == expected
    else:
        with pytest.raises(InvalidInput, match="larger input or more padding"):
            output_size(size, window)


@settings(deadline=None)
@given(size=st.integers(1, 99), kernel=st.integers(1, 9), stride=st.integers(1, 5), dilation=st.integers(1, 3))
def test_same_padding_makes_as_many_cells_as_strides(size: int, kernel: int, stride: int, dilation: int) -> None:
    window = Window(kernel, stride, "same", dilation)
    before, after = padding_at(window, size)
    assert output_size(size, window) == math.ceil(size / stride)
    assert after - before in (0, 1)


@settings(deadline=None)
@given(size=st.integers(1, 50), kernel=st.integers(1, 11), dilation=st.integers(1, 4))
def test_the_keeping_padding_keeps_the_size(size: int, kernel: int, dilation: int) -> None:
    assert output_size(size, Window(kernel, padding=keeping_padding(kernel, dilation), dilation=dilation)) == size


@pytest.mark.parametrize(
    "size, window, expected",
    [
        (32, Window(5), 28),
        (32, Window(5, padding="same"), 32),
        (32, Window(5, padding=2), 32),
        (39, Window(3, 1), 37),
        (37, Window(5, 2), 17),
        (17, Window(5, 2), 7),
        (224, Window(7, 2, 3), 112),
        (227, Window(11, 4), 55),
        (112, Window(3, 2, ceil=True), 56),  # GoogLeNet's first pooling
        (112, Window(3, 2), 55),
        (13, Window(3, 2), 6),
        (3, Window(2, 2, 1, ceil=True), 2),  # the third position would read padding alone
        (16, Window(3, dilation=4), 8),
        (10, Window(1, padding=(-2, -3)), 5),  # negative padding cuts
    ],
)
def test_sizes(size: int, window: Window, expected: int) -> None:
    assert output_size(size, window) == expected


@pytest.mark.parametrize(
    "size, window, expected",
    [
        (7, Window(2, 2), 14),
        (4, Window(4, 2, 1), 8),  # DCGAN's doubling
        (5, Window(3), 7),
        (5, Window(3, 2, "same"), 10),
        (5, Window(2, 3, "same"), 15),
        (5, Window(3, dilation=2), 9),
    ],
)
def test_transposed_sizes(size: int, window: Window, expected: int) -> None:
    assert transposed_size(size, window) == expected


@settings(deadline=None)
@given(size=st.integers(1, 30), kernel=st.integers(1, 6), stride=st.integers(1, 4), padding=st.integers(0, 2))
def test_a_transposed_window_undoes_the_sliding_one(size: int, kernel: int, stride: int, padding: int) -> None:
    window = Window(kernel, stride, padding)
    assume(size + 2 * padding >= kernel)
    lost = (size + 2 * padding - kernel) % stride
    assert transposed_size(output_size(size, window), window, extra=lost) == size


def test_an_output_may_be_enlarged_at_the_far_end() -> None:
    assert transposed_size(7, Window(3, 2, 1), extra=1) == 14
    assert transposed_size(7, Window(3, 2, "same"), extra=1) == 15
    assert transposed_padding(Window(2, 3, "same")) == (0, 0)


def test_150_by_100_through_200_filters_of_5_by_5() -> None:
    output = (200, *output_sizes((150, 100), (Window(5, padding="same"),) * 2))
    assert output == (200, 150, 100)
    assert conv_parameters((5, 5), 3, 200) == 15_200
    assert conv_multiplications((5, 5), 3, output) == 225_000_000
    assert math.prod(output) * FLOAT32 == 12_000_000
    assert math.prod(output) * FLOAT32 * 100 == 1_200_000_000


def test_ten_filters_of_3_by_3_by_3() -> None:
    assert conv_parameters((3, 3), 3, 10) == 280


def test_an_inception_branch_with_and_without_its_bottleneck() -> None:
    direct = conv_multiplications((5, 5), 192, (32, 28, 28))
    narrow = conv_multiplications((1, 1), 192, (16, 28, 28)) + conv_multiplications((5, 5), 16, (32, 28, 28))
    assert direct == 120_422_400
    assert narrow == 2_408_448 + 10_035_200 == 12_443_648


def test_a_depthwise_separable_layer_costs_what_the_paper_says() -> None:
    """MobileNet's equation: a share of 1/filters + 1/kernel^2 of the full convolution's."""
    depthwise = conv_multiplications((3, 3), 64, (64, 14, 14), groups=64)
    pointwise = conv_multiplications((1, 1), 64, (128, 14, 14))
    full = conv_multiplications((3, 3), 64, (128, 14, 14))
    assert (depthwise + pointwise) / full == pytest.approx(1 / 128 + 1 / 9)
    assert conv_parameters((3, 3), 64, 64, groups=64, bias=False) == 576


def test_a_dense_layer_is_a_convolution_with_an_empty_kernel() -> None:
    assert conv_parameters((), 400, 120) == 48_120
    assert conv_multiplications((), 400, (120,)) == 48_000


def test_memory_of_a_chain() -> None:
    chain = [(3, 4, 4), (10, 4, 4), (5, 2, 2)]  # 48, 160 and 20 values
    assert inference_values(chain) == 48 + 160
    assert training_values(chain) == 48 + 160 + 20
    assert inference_values([(7,)]) == 7


@pytest.mark.parametrize(
    "call, message",
    [
        (lambda: Window(0), "kernel must be at least 1, got 0"),
        (lambda: Window(3, stride=0), "stride must be at least 1"),
        (lambda: Window(3, dilation=-1), "dilation must be at least 1"),
        (lambda: Window(3, padding="full"), "same, valid or a number"),  # type: ignore[arg-type]
        (lambda: output_size(0, Window(1)), "does not fit into 0"),
        (lambda: transposed_size(1, Window(1, padding=1)), "less padding"),
        (lambda: output_sizes((3, 3), (Window(3),)), "2 axes and 1 windows"),
        (lambda: conv_parameters((3, 3), 3, 10, groups=2), "3 and 10 maps cannot be cut into 2 equal groups"),
        (lambda: conv_multiplications((3, 3), 4, (0, 5, 5)), "4 and 0 maps"),
    ],
)
def test_what_cannot_be_is_refused(call: object, message: str) -> None:
    with pytest.raises(InvalidInput, match=message):
        call()  # type: ignore[operator]
