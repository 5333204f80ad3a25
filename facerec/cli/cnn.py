"""`facerec cnn`: convolutional networks on paper and from inside."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click

from facerec.cli.answers import FOUND, answering, say
from facerec.cli.cnn_arithmetic import arithmetic
from facerec.cli.cnn_classify import classify
from facerec.cli.cnn_show import show
from facerec.cli.cnn_train import train
from facerec.cli.cnn_words import COUNT, by, field_answer, field_words, size

if TYPE_CHECKING:
    from facerec.cnn.summary import Summary
    from facerec.cnn.trace import Call


@click.group()
def cnn() -> None:
    """Convolutional networks: what they cost, and what they see."""


cnn.add_command(arithmetic)
cnn.add_command(classify)
cnn.add_command(show)
cnn.add_command(train)


@cnn.command()
@click.argument("net")
@click.option("--input", "sizes", type=COUNT, nargs=2, metavar="HEIGHT WIDTH", help="Default: as published.")
@click.option("--classes", type=COUNT, help="Default: as published.")
@click.option("--channels", type=COUNT, help="Default: as published.")
@answering
def summary(net: str, sizes: tuple[int, int] | None, classes: int | None, channels: int | None, as_json: bool) -> int:
    """Every layer of NET: shape of its output (maps first), parameters, multiply-adds, memory, receptive field.

    Memory is of the output, for one picture in float32; 0 where a layer writes over its input. The receptive field
    is what a cell sees, the step from one cell to the next, and the middle of the first, in pixels.
    """
    from facerec.cnn.summary import summarise_network

    return say_layers(net, summarise_network(net, sizes, classes, channels), as_json)


@cnn.command()
@click.argument("name")
@click.option("--side", type=int, help="Of the face, pixels. Default: what the trunk is made for.")
@answering
def trunk(name: str, side: int | None, as_json: bool) -> int:
    """The same of an encoder's trunk, such as residual or mobile: NAME is what training settings call it."""
    from facerec.faces.trunks import summarise_trunk

    return say_layers(name, summarise_trunk(name, side), as_json)


def say_layers(net: str, found: Summary, as_json: bool) -> int:
    """Print a network layer by layer, then as a whole."""
    lines = [layer_line(call) for call in found.layers]
    widths = [max(map(len, column)) for column in zip(HEAD, *lines, strict=True)]
    if not as_json:
        click.echo(aligned(HEAD, widths))
    for call, line in zip(found.layers, lines, strict=True):
        say(as_json, aligned(line, widths), layer_answer(call))
    say(as_json, total_text(found), {"network": net, **total_answer(found)})
    return FOUND


HEAD = ["layer", "kind", "output", "parameters", "multiply-adds", "bytes", "sees", "step", "middle"]
LEFT = 3
"""So many columns of the table are words, and stand to the left."""


def layer_line(call: Call) -> list[str]:
    """The cells of a layer in the table."""
    numbers = (f"{number:,}" for number in (call.parameters, call.multiplications, call.bytes))
    return [call.name, call.kind, by(call.shape), *numbers, *field_words(call.fields)]


def layer_answer(call: Call) -> dict[str, Any]:
    """A layer as an object."""
    return {
        "layer": call.name,
        "kind": call.kind,
        "shape": call.shape,
        "parameters": call.parameters,
        "multiply_adds": call.multiplications,
        "bytes": call.bytes,
        **field_answer(call.fields),
    }


def total_text(found: Summary) -> str:
    """The whole network, in words."""
    sees = field_words(found.fields)[0]
    return (
        f"\n{by(found.input)} -> {by(found.output)}: {found.parameters:,} parameters, "
        f"{found.multiplications:,} multiply-adds\n"
        f"activations: {size(found.inference_bytes)} at once in inference, "
        f"{size(found.training_bytes)} kept in training, for each picture\n"
        f"a cell of the last map sees {sees} pixels"
    )


def total_answer(found: Summary) -> dict[str, Any]:
    """The whole network as an object."""
    return {
        "input": found.input,
        "output": found.output,
        "parameters": found.parameters,
        "multiply_adds": found.multiplications,
        "inference_bytes": found.inference_bytes,
        "training_bytes": found.training_bytes,
        **field_answer(found.fields),
    }


def aligned(cells: Sequence[str], widths: Sequence[int]) -> str:
    """A line of the table."""
    words = [cell.ljust(width) for cell, width in zip(cells[:LEFT], widths, strict=False)]
    numbers = [cell.rjust(width) for cell, width in zip(cells[LEFT:], widths[LEFT:], strict=True)]
    return "  ".join(words + numbers).rstrip()
