"""A chain of layers worked out on paper: sizes, parameters, multiplications, memory, receptive field; no torch."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from typing import Literal

from facerec.cnn.arithmetic import (
    FLOAT32,
    Padding,
    Shape,
    Window,
    conv_multiplications,
    conv_parameters,
    inference_values,
    output_sizes,
    training_values,
    transposed_sizes,
    zip_axes,
)
from facerec.cnn.receptive_field import ReceptiveField
from facerec.errors import InvalidInput

Kind = Literal["conv", "pool", "transposed"]


@dataclass(frozen=True, slots=True)
class Layer:
    """One layer of a chain.

    windows  one for each axis
    filters  maps that it makes; a pooling leaves their number as it is
    """

    kind: Kind
    windows: tuple[Window, ...]
    filters: int = 1
    groups: int = 1
    bias: bool = True

    @property
    def kernel(self) -> Shape:
        return tuple(window.kernel for window in self.windows)


@dataclass(frozen=True, slots=True)
class Step:
    """What one layer makes of its input, for one sample.

    shape            (C, *sizes) of the output
    parameters       weights and biases
    multiplications  each with its addition
    fields           receptive field along each axis
    """

    shape: Shape
    parameters: int
    multiplications: int
    fields: tuple[ReceptiveField, ...]

    @property
    def bytes(self) -> int:
        """Of the output in float32."""
        return math.prod(self.shape) * FLOAT32


def walk(shape: Shape, layers: Iterable[Layer]) -> list[Step]:
    """The input itself, then what each layer makes: `shape` is (C, *sizes).

    Raises InvalidInput where a window does not fit, or the maps cannot be cut into the layer's groups.
    """
    steps = [Step(shape, 0, 0, (ReceptiveField(),) * (len(shape) - 1))]
    for layer in layers:
        steps.append(apply(layer, steps[-1]))
    return steps


def apply(layer: Layer, before: Step) -> Step:
    """What this layer makes of the output of the one before."""
    sizes = before.shape[1:]
    if layer.kind == "pool":
        output = (before.shape[0], *output_sizes(sizes, layer.windows))
        return Step(output, 0, 0, slide(layer.windows, before))
    if layer.kind == "transposed":
        output = (layer.filters, *transposed_sizes(sizes, layer.windows))
        multiplications = conv_multiplications(layer.kernel, layer.filters, before.shape, layer.groups)
        return Step(output, parameters(layer, before.shape[0]), multiplications, spread(layer.windows, before))
    output = (layer.filters, *output_sizes(sizes, layer.windows))
    multiplications = conv_multiplications(layer.kernel, before.shape[0], output, layer.groups)
    return Step(output, parameters(layer, before.shape[0]), multiplications, slide(layer.windows, before))


def parameters(layer: Layer, maps_in: int) -> int:
    """Weights and biases of a convolution layer, transposed or not."""
    return conv_parameters(layer.kernel, maps_in, layer.filters, layer.groups, layer.bias)


def slide(windows: Sequence[Window], before: Step) -> tuple[ReceptiveField, ...]:
    """Receptive fields after windows that slide over the axes."""
    axes = zip_axes(before.shape[1:], windows)
    return tuple(field.through(window, size) for field, (size, window) in zip(before.fields, axes, strict=True))


def spread(windows: Sequence[Window], before: Step) -> tuple[ReceptiveField, ...]:
    """Receptive fields after transposed windows."""
    return tuple(field.through_transposed(window) for field, window in zip(before.fields, windows, strict=True))


def inference_bytes(steps: Sequence[Step], batch: int = 1) -> int:
    """Activations in float32 when nothing is learned: only two neighbouring layers are held at once."""
    return inference_values([step.shape for step in steps]) * FLOAT32 * batch


def training_bytes(steps: Sequence[Step], batch: int = 1) -> int:
    """Activations in float32 in training, where every layer's output waits for the backward pass."""
    return training_values([step.shape for step in steps]) * FLOAT32 * batch


def windows_for(
    axes: int, kernel: Shape, stride: Shape = (1,), padding: Padding = 0, dilation: Shape = (1,)
) -> tuple[Window, ...]:
    """A window for every axis, from one number for all of them or one for each.

    >>> [window.kernel for window in windows_for(2, kernel=(1, 7))]
    [1, 7]
    """
    columns = (numbers * axes if len(numbers) == 1 else numbers for numbers in (kernel, stride, dilation))
    rows = list(zip_longest(*columns))
    if len(rows) != axes or any(None in row for row in rows):
        raise InvalidInput(f"give kernel, stride and dilation as one number, or as {axes}: one for each axis")
    return tuple(Window(size, step, padding, gap) for size, step, gap in rows)


def parse_layer(text: str, axes: int, padding: Padding = 0) -> Layer:
    """A convolution written as kernel,stride,filters or a pooling written as kernel,stride.

    >>> parse_layer("5,2,20", axes=2).filters, parse_layer("2,2", axes=2).kind
    (20, 'pool')

    Raises InvalidInput for anything else.
    """
    try:
        numbers = [int(part) for part in text.split(",")]
    except ValueError:
        numbers = []
    if len(numbers) not in (2, 3):
        raise InvalidInput(
            f"cannot read the layer {text!r}: write kernel,stride,filters for a convolution "
            "or kernel,stride for a pooling"
        )
    windows = (Window(numbers[0], numbers[1], padding),) * axes
    return Layer("pool", windows) if len(numbers) == 2 else Layer("conv", windows, filters=numbers[2])
