"""What a sliding window does to sizes, and what a layer costs: whole numbers only, and no torch.

A `Window` is one axis of a convolution or a pooling; pictures have two of them, signals one, volumes three. Shapes
are (C, *sizes): maps first, then the sizes of the axes. Sizes follow Dumoulin and Visin, "A guide to convolution
arithmetic for deep learning" (2016); "same" is TensorFlow's, with the odd cell of padding at the far end.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

from facerec.errors import InvalidInput

Shape = tuple[int, ...]
Padding = int | tuple[int, int] | Literal["same", "valid"]

FLOAT32 = 4
"""Bytes of a value."""


@dataclass(frozen=True, slots=True)
class Window:
    """A window that slides along one axis, in cells.

    kernel    how many cells it reads, at least 1
    stride    from one position to the next, at least 1
    padding   cells added at either end, or (before, after), or "same" (as many outputs as strides fit into the
              axis) or "valid" (none); negative numbers cut cells off
    dilation  from one cell that it reads to the next, at least 1
    ceil      also keep the last position where it hangs over the end, as pooling may
    """

    kernel: int
    stride: int = 1
    padding: Padding = 0
    dilation: int = 1
    ceil: bool = False

    def __post_init__(self) -> None:
        for name in ("kernel", "stride", "dilation"):
            if getattr(self, name) < 1:
                raise InvalidInput(f"{name} must be at least 1, got {getattr(self, name)}")
        if isinstance(self.padding, str) and self.padding not in ("same", "valid"):
            raise InvalidInput(f"padding must be same, valid or a number of cells, got {self.padding!r}")

    @property
    def reach(self) -> int:
        """Cells from the first that it reads to the last, both counted."""
        return self.dilation * (self.kernel - 1) + 1


def padding_at(window: Window, size: int) -> tuple[int, int]:
    """Cells added before and after an axis of `size` cells.

    >>> padding_at(Window(5, stride=2, padding="same"), 32)
    (1, 2)
    """
    if window.padding == "valid":
        return 0, 0
    if window.padding == "same":
        outputs = math.ceil(size / window.stride)
        return halves(max((outputs - 1) * window.stride + window.reach - size, 0))
    return window.padding if isinstance(window.padding, tuple) else (window.padding, window.padding)


def halves(cells: int) -> tuple[int, int]:
    """Share padding out between the two ends; the odd cell goes to the far one."""
    return cells // 2, cells - cells // 2


def keeping_padding(kernel: int, dilation: int = 1) -> tuple[int, int]:
    """The padding before and after with which a window of stride 1 keeps the size.

    >>> keeping_padding(5), keeping_padding(3, dilation=4), keeping_padding(2)
    ((2, 2), (4, 4), (0, 1))
    """
    return halves(Window(kernel, dilation=dilation).reach - 1)


def output_size(size: int, window: Window) -> int:
    """Positions of the window on an axis of `size` cells. Raises InvalidInput where it does not fit once.

    >>> output_size(39, Window(3)), output_size(32, Window(5, padding="same"))
    (37, 32)
    """
    before, after = padding_at(window, size)
    room = size + before + after - window.reach
    if size < 1 or room < 0:
        raise InvalidInput(
            f"a window that reaches over {window.reach} cells does not fit into "
            f"{size} with padding {before} and {after}: give a larger input or more padding"
        )
    if not window.ceil:
        return room // window.stride + 1
    last = math.ceil(room / window.stride)
    hangs_over_padding_alone = last * window.stride >= size + before
    return last if hangs_over_padding_alone else last + 1


def transposed_size(size: int, window: Window, extra: int = 0) -> int:
    """Cells that a transposed convolution makes of `size`; `extra` ones are added at the far end.

    With "same" every cell becomes `stride` cells. Raises InvalidInput where the padding cuts everything off.

    >>> transposed_size(7, Window(2, stride=2)), transposed_size(7, Window(3, stride=2, padding="same"))
    (14, 14)
    """
    if window.padding == "same":
        return size * window.stride + extra
    before, after = transposed_padding(window)
    cells = (size - 1) * window.stride + window.reach - before - after + extra
    if size < 1 or cells < 1:
        raise InvalidInput(
            f"a transposed window over {window.reach} cells makes no output of {size} "
            f"with padding {before} and {after}: give a larger input or less padding"
        )
    return cells


def transposed_padding(window: Window) -> tuple[int, int]:
    """Cells that a transposed convolution cuts off before and after; the odd cell of "same" at the far end.

    >>> transposed_padding(Window(3, stride=2, padding="same"))
    (0, 1)
    """
    if window.padding == "same":
        return halves(max(window.reach - window.stride, 0))
    return padding_at(window, size=1)


def output_sizes(sizes: Sequence[int], windows: Sequence[Window]) -> Shape:
    """Axis by axis. Raises InvalidInput unless there is a window for every axis."""
    return tuple(output_size(size, window) for size, window in zip_axes(sizes, windows))


def transposed_sizes(sizes: Sequence[int], windows: Sequence[Window]) -> Shape:
    """Axis by axis. Raises InvalidInput unless there is a window for every axis."""
    return tuple(transposed_size(size, window) for size, window in zip_axes(sizes, windows))


def zip_axes(sizes: Sequence[int], windows: Sequence[Window]) -> zip[tuple[int, Window]]:
    """Every axis beside its window."""
    if len(sizes) != len(windows):
        raise InvalidInput(f"{len(sizes)} axes and {len(windows)} windows: give one window for each axis")
    return zip(sizes, windows, strict=True)


def conv_parameters(kernel: Sequence[int], maps_in: int, maps_out: int, groups: int = 1, bias: bool = True) -> int:
    """Weights and biases of a convolution, of a dense layer with an empty kernel.

    >>> conv_parameters((3, 3), 3, 10)
    280
    """
    require_groups(groups, maps_in, maps_out)
    return math.prod(kernel) * (maps_in // groups) * maps_out + (maps_out if bias else 0)


def conv_multiplications(kernel: Sequence[int], maps_in: int, output: Shape, groups: int = 1) -> int:
    """Multiplications (each with its addition) of a convolution that makes `output`, (C, *sizes).

    Padding counts like any other cell, as is usual. For a transposed convolution give its input's shape as
    `output` and its output's maps as `maps_in`: it is the same sum read backwards.
    """
    require_groups(groups, maps_in, output[0])
    return math.prod(kernel) * (maps_in // groups) * math.prod(output)


def require_groups(groups: int, *maps: int) -> None:
    """Raise InvalidInput unless every number of maps can be cut into so many groups."""
    if groups < 1 or any(count < 1 or count % groups for count in maps):
        raise InvalidInput(f"{' and '.join(map(str, maps))} maps cannot be cut into {groups} equal groups")


def inference_values(shapes: Sequence[Shape]) -> int:
    """Values held at once in a chain of layers without training: the two neighbours that need most.

    `shapes` starts with the input; what is before the previous layer is free again.
    """
    counts = [math.prod(shape) for shape in shapes]
    return max((a + b for a, b in pairwise(counts)), default=sum(counts))


def training_values(shapes: Sequence[Shape]) -> int:
    """Values held in training: the backward pass reads the output of every layer, so all of them stay."""
    return sum(math.prod(shape) for shape in shapes)
