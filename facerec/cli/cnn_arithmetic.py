"""`facerec cnn arithmetic`: single questions about layers, answered on paper and without torch."""

from __future__ import annotations

import functools
from collections.abc import Callable
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import click

from facerec.cli.answers import FOUND, answering, say
from facerec.cli.cnn_words import COUNT, PaddingType, Sizes, by, field_answer, field_words, size

if TYPE_CHECKING:
    from facerec.cnn.arithmetic import Padding, Shape
    from facerec.cnn.stack import Kind, Step

sizes = click.option(
    "--input", "sizes", type=Sizes(), required=True, metavar="N[xN...]", help="Size of every axis.",
)  # fmt: skip
channels = click.option("--channels", type=COUNT, default=1, show_default=True, help="Maps of the input.")
batch = click.option("--batch", type=COUNT, default=1, show_default=True, help="Samples, for the memory.")
Command = Callable[..., None]
WINDOW = (
    sizes,
    channels,
    click.option("--kernel", type=Sizes(), required=True, metavar="N[xN...]", help="One number, or one an axis."),
    click.option("--stride", type=Sizes(), default="1", show_default=True, metavar="N[xN...]"),
    click.option("--padding", type=PaddingType(), default="valid", show_default=True, metavar="same|valid|N"),
    click.option("--dilation", type=Sizes(), default="1", show_default=True, metavar="N[xN...]"),
    batch,
)
WEIGHTS = (
    click.option("--filters", type=COUNT, default=1, show_default=True, help="Maps of the output."),
    click.option("--groups", type=COUNT, default=1, show_default=True),
    click.option("--bias/--no-bias", default=True, show_default=True),
)


def taking(*options: Callable[[Command], Command]) -> Callable[[Command], Command]:
    """Several options at once, in this order."""
    return lambda command: functools.reduce(lambda made, option: option(made), reversed(options), command)


@click.group()
def arithmetic() -> None:
    """Sizes, parameters, multiplications, memory and receptive field of layers, worked out on paper."""


@arithmetic.command()
@taking(*WINDOW, *WEIGHTS)
@answering
def conv(**options: Any) -> int:
    """A convolution over an axis (32), a picture (150x100) or a volume (14x14x14)."""
    return one_layer("conv", **options)


@arithmetic.command()
@taking(*WINDOW, *WEIGHTS)
@answering
def transposed(**options: Any) -> int:
    """A transposed convolution, which enlarges."""
    return one_layer("transposed", **options)


@arithmetic.command()
@taking(*WINDOW)
@answering
def pool(**options: Any) -> int:
    """A pooling, which leaves the number of maps as it is."""
    return one_layer("pool", **options)


def one_layer(
    kind: Kind,
    sizes: Shape,
    channels: int,
    kernel: Shape,
    stride: Shape,
    padding: Padding,
    dilation: Shape,
    batch: int,
    as_json: bool,
    **weights: Any,
) -> int:
    """Say what one layer makes of the input."""
    from facerec.cnn.stack import Layer, walk, windows_for

    layer = Layer(kind, windows_for(len(sizes), kernel, stride, padding, dilation), **weights)
    before, after = walk((channels, *sizes), [layer])
    say(as_json, step_text(before, after, batch), step_answer(after, batch))
    return FOUND


@arithmetic.command()
@click.argument("layers", nargs=-1, required=True, metavar="LAYER...")
@taking(sizes, channels, batch)
@click.option("--padding", type=PaddingType(), default="valid", show_default=True, metavar="same|valid|N")
@answering
def chain(layers: tuple[str, ...], sizes: Shape, channels: int, batch: int, padding: Padding, as_json: bool) -> int:
    """Layers one after the other: kernel,stride,filters is a convolution, kernel,stride a pooling.

    Example: facerec cnn arithmetic chain --input 39x39 --channels 3 3,1,10 5,2,20 5,2,40
    """
    from facerec.cnn.stack import inference_bytes, parse_layer, training_bytes, walk

    steps = walk((channels, *sizes), [parse_layer(text, len(sizes), padding) for text in layers])
    for before, after in pairwise(steps):
        say(as_json, step_text(before, after, batch), step_answer(after, batch))
    total = {
        "parameters": sum(step.parameters for step in steps),
        "multiplications": sum(step.multiplications for step in steps),
        "inference_bytes": inference_bytes(steps, batch),
        "training_bytes": training_bytes(steps, batch),
    }
    say(as_json, total_text(total), total)
    return FOUND


@arithmetic.command()
@click.option("--kernel", type=int, required=True)
@click.option("--dilation", type=int, default=1, show_default=True)
@answering
def keep(kernel: int, dilation: int, as_json: bool) -> int:
    """The padding with which a window of stride 1 keeps the size."""
    from facerec.cnn.arithmetic import keeping_padding

    before, after = keeping_padding(kernel, dilation)
    say(as_json, f"{before} before, {after} after", {"before": before, "after": after})
    return FOUND


def step_text(before: Step, after: Step, batch: int) -> str:
    """A layer in words; maps come first in shapes."""
    sees, jump, centre = field_words(after.fields)
    together = f" ({size(after.bytes * batch)} for {batch})" if batch > 1 else ""
    return (
        f"{by(before.shape)} -> {by(after.shape)}: {after.parameters:,} parameters, "
        f"{after.multiplications:,} multiplications, {size(after.bytes)} a sample{together}, "
        f"a cell sees {sees}, one every {jump}, the first around {centre}"
    )


def step_answer(after: Step, batch: int) -> dict[str, Any]:
    """A layer as an object; maps come first in shapes."""
    return {
        "shape": after.shape,
        "parameters": after.parameters,
        "multiplications": after.multiplications,
        "bytes": after.bytes,
        "batch_bytes": after.bytes * batch,
        **field_answer(after.fields),
    }


def total_text(total: dict[str, int]) -> str:
    """A chain in words."""
    return (
        f"together: {total['parameters']:,} parameters, {total['multiplications']:,} multiplications, "
        f"{size(total['inference_bytes'])} at once in inference, {size(total['training_bytes'])} in training"
    )
