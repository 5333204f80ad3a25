"""What torch's operators do to an axis and how often they multiply, read off their arguments."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch

from facerec.cnn.arithmetic import Window, conv_multiplications, output_size
from facerec.cnn.receptive_field import ReceptiveField
from facerec.errors import InvalidInput

aten = torch.ops.aten
Given = Mapping[str, Any]
"""An operator's arguments by name."""

PRODUCTS = {
    aten.mm: ("self", "mat2"),
    aten.addmm: ("mat1", "mat2"),
    aten.bmm: ("self", "mat2"),
    aten.baddbmm: ("batch1", "batch2"),
}
POOLS = {
    aten.max_pool2d_with_indices,
    aten.max_pool3d_with_indices,
    aten.avg_pool1d,
    aten.avg_pool2d,
    aten.avg_pool3d,
}
ADAPTIVE_POOLS = {
    aten._adaptive_avg_pool2d,
    aten._adaptive_avg_pool3d,
    aten.adaptive_max_pool2d,
    aten.adaptive_max_pool3d,
}
ENLARGEMENTS = {
    aten.upsample_nearest1d: 1,
    aten.upsample_nearest2d: 1,
    aten.upsample_nearest3d: 1,
    aten.upsample_linear1d: 2,
    aten.upsample_bilinear2d: 2,
    aten.upsample_trilinear3d: 2,
    aten.upsample_bicubic2d: 4,
}


def arguments(func: Any, args: Sequence[Any], kwargs: Mapping[str, Any]) -> dict[str, Any]:
    """What an operator was called with, by the names of its schema, its defaults included."""
    schema = func._schema.arguments
    given = {argument.name: argument.default_value for argument in schema if argument.has_default_value()}
    given.update(zip((argument.name for argument in schema), args, strict=False))
    return {**given, **kwargs}


def require_fitting_weights(func: Any, given: Given) -> None:
    """Raise InvalidInput where a layer's weights were made for another number of maps or values."""
    operator = func.overloadpacket
    if operator is aten.convolution:
        x, weight = given["input"], given["weight"]
        wanted = weight.shape[0] if given["transposed"] else weight.shape[1] * given["groups"]
        if x.shape[1] != wanted:
            raise InvalidInput(f"made for {wanted} channels, got {x.shape[1]}: give an input with {wanted}")
    elif operator in PRODUCTS:
        left, right = (given[name] for name in PRODUCTS[operator])
        if left.shape[-1] != right.shape[-2]:
            raise InvalidInput(
                f"made for {right.shape[-2]:,} values, got {left.shape[-1]:,}: "
                "give the input size that this network was made for"
            )


def multiplications(func: Any, given: Given, output: Any) -> int:
    """Multiplications of a convolution or a matrix product; 0 for everything else."""
    operator = func.overloadpacket
    if operator in PRODUCTS:
        left, right = (given[name] for name in PRODUCTS[operator])
        return int(left.numel() * right.shape[-1])
    if operator is not aten.convolution:
        return 0
    x, weight, groups = given["input"], given["weight"], given["groups"]
    kernel = tuple(weight.shape[2:])
    if given["transposed"]:
        return len(x) * conv_multiplications(kernel, weight.shape[1] * groups, tuple(x.shape[1:]), groups)
    return len(x) * conv_multiplications(kernel, x.shape[1], tuple(output.shape[1:]), groups)


def per_axis(values: int | Sequence[int], axes: int) -> list[int]:
    """One value for each of the last axes: torch writes a single one for all, or one for each.

    >>> per_axis(2, 2), per_axis([3], 2), per_axis([1, 5], 1)
    ([2, 2], [3, 3], [5])
    """
    listed = [values] if isinstance(values, int) else list(values)
    return (listed * axes if len(listed) == 1 else listed)[-axes:]


def windows(func: Any, given: Given, sizes: Sequence[int]) -> tuple[Window, ...] | None:
    """The window that slides over each axis; None for an operator that slides none.

    `sizes` are the axes' sizes before it.
    """
    operator, axes = func.overloadpacket, len(sizes)
    if operator is aten.convolution and not given["transposed"]:
        return windows_along(axes, given["weight"].shape[2:], given)
    if operator in POOLS:
        return windows_along(axes, given["kernel_size"], given)
    if operator in ADAPTIVE_POOLS:
        return tuple(map(adaptive_window, sizes, per_axis(given["output_size"], axes)))
    if operator is aten.constant_pad_nd:
        return pad_windows(given["pad"], axes)
    if operator is aten.replication_pad2d:
        return pad_windows(given["padding"], axes)
    if operator is aten.slice:
        return slice_windows(given, axes)
    return None


def windows_along(axes: int, kernel: Sequence[int], given: Given) -> tuple[Window, ...]:
    """Of a convolution or a pooling, from the names that both use."""
    stride, padding = given["stride"] or kernel, given["padding"]
    columns = (per_axis(values, axes) for values in (kernel, stride, padding, given.get("dilation", 1)))
    ceil = given.get("ceil_mode", False)
    return tuple(Window(k, s, p, d, ceil) for k, s, p, d in zip(*columns, strict=True))


def adaptive_window(size: int, outputs: int) -> Window:
    """The widest window with which an axis is cut into so many parts that may overlap."""
    stride = max(size // outputs, 1)
    return Window(max(size - (outputs - 1) * stride, 1), stride)


def pad_windows(pad: Sequence[int], axes: int) -> tuple[Window, ...]:
    """Padding as windows over one cell; torch counts pairs from the last axis."""
    pairs = list(zip(pad[::2], pad[1::2], strict=True))[:axes]
    return tuple(Window(1, padding=pair) for pair in reversed(pairs + [(0, 0)] * (axes - len(pairs))))


def slice_windows(given: Given, axes: int) -> tuple[Window, ...] | None:
    """A cut along one of the last axes as a window over one cell; None for a cut along another."""
    axis = given["dim"] % given["self"].ndim - (given["self"].ndim - axes)
    if axis < 0:
        return None
    start = slice(given["start"], None).indices(given["self"].shape[given["dim"]])[0]
    cut = Window(1, given["step"], (-start, 0))
    return tuple(cut if place == axis else Window(1) for place in range(axes))


def fields_after(
    func: Any, given: Given, fields: Sequence[ReceptiveField], before: Sequence[int], after: Sequence[int]
) -> tuple[ReceptiveField, ...]:
    """Receptive fields of the output, of which `before` and `after` are the axes' sizes around the operator.

    Raises InvalidInput where a window does not fit. An operator that is not known and changes the sizes, as a
    flattening does, reads everything.
    """
    operator = func.overloadpacket
    sliding = windows(func, given, before)
    if sliding is not None:
        return tuple(f.through(window, size) for f, window, size in zip(fields, sliding, before, strict=True))
    if operator is aten.convolution:
        transposed = windows_along(len(before), given["weight"].shape[2:], given)
        return tuple(field.through_transposed(window) for field, window in zip(fields, transposed, strict=True))
    if operator in ENLARGEMENTS:
        scales = (new / old for new, old in zip(after, before, strict=True))
        return tuple(f.stretched(scale, ENLARGEMENTS[operator]) for f, scale in zip(fields, scales, strict=True))
    if operator in PRODUCTS or list(before) != list(after):
        return tuple(field.whole(cells) for field, cells in zip(fields, before, strict=True))
    return tuple(fields)


def require_fitting_windows(func: Any, given: Given, sizes: Sequence[int]) -> None:
    """Raise InvalidInput where a window does not fit into an axis even once."""
    for size, window in zip(sizes, windows(func, given, sizes) or (), strict=False):
        output_size(size, window)
