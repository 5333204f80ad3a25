"""`facerec cnn`: convolutional networks on paper and from inside."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import click

from facerec.cli.answers import FOUND, answering, say
from facerec.cli.cnn_show import show

if TYPE_CHECKING:
    from facerec.cnn.arithmetic import Padding
    from facerec.cnn.receptive_field import ReceptiveField
    from facerec.cnn.stack import Kind, Layer, Step
    from facerec.cnn.summary import Summary
    from facerec.cnn.trace import Call


class Sizes(click.ParamType):
    """Whole numbers with an x between them, one for each axis: 150x100."""

    name = "sizes"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[int, ...]:
        if isinstance(value, tuple):
            return value
        if not all(part.isdecimal() for part in value.split("x")):
            self.fail(f"{value!r} is not a number, or numbers with an x between them as in 150x100", param, ctx)
        return tuple(map(int, value.split("x")))


class PaddingType(click.ParamType):
    """same, valid, or a number of cells."""

    name = "padding"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Padding:
        if value in ("same", "valid"):
            return "same" if value == "same" else "valid"
        if not str(value).isdecimal():
            self.fail(f"{value!r} is not same, valid or a number of cells", param, ctx)
        return int(value)


@click.group()
def cnn() -> None:
    """Convolutional networks: what they cost, and what they see."""


cnn.add_command(show)


@cnn.command()
@click.argument("net")
@click.option("--input", "sizes", type=int, nargs=2, metavar="HEIGHT WIDTH", help="Default: as published.")
@click.option("--classes", type=int, help="Default: as published.")
@click.option("--channels", type=int, help="Default: as published.")
@answering
def summary(
    net: str, sizes: tuple[int, int] | None, classes: int | None, channels: int | None, as_json: bool
) -> int:
    """Every layer of NET: shape of its output (maps first), parameters, multiply-adds, memory, receptive field.

    Memory is of the output, for one picture in float32; 0 where a layer writes over its input. The receptive field
    is what a cell sees, the step from one cell to the next, and the middle of the first, in pixels.
    """
    from facerec.cnn.summary import summarise_network

    found = summarise_network(net, sizes, classes, channels)
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
    return {"layer": call.name, "kind": call.kind, "shape": call.shape, "parameters": call.parameters,
            "multiply_adds": call.multiplications, "bytes": call.bytes, **field_answer(call.fields)}


def total_text(found: Summary) -> str:
    """The whole network, in words."""
    sees = field_words(found.fields)[0]
    return (f"\n{by(found.input)} -> {by(found.output)}: {found.parameters:,} parameters, "
            f"{found.multiplications:,} multiply-adds\n"
            f"activations: {size(found.inference_bytes)} at once in inference, "
            f"{size(found.training_bytes)} kept in training, for each picture\n"
            f"a cell of the last map sees {sees} pixels")


def total_answer(found: Summary) -> dict[str, Any]:
    """The whole network as an object."""
    return {"input": found.input, "output": found.output, "parameters": found.parameters,
            "multiply_adds": found.multiplications, "inference_bytes": found.inference_bytes,
            "training_bytes": found.training_bytes, **field_answer(found.fields)}


def aligned(cells: Sequence[str], widths: Sequence[int]) -> str:
    """A line of the table."""
    words = [cell.ljust(width) for cell, width in zip(cells[:LEFT], widths, strict=False)]
    numbers = [cell.rjust(width) for cell, width in zip(cells[LEFT:], widths[LEFT:], strict=True)]
    return "  ".join(words + numbers).rstrip()


def by(numbers: Sequence[float]) -> str:
    """(200, 150, 100) as 200x150x100; the same number for every axis of a field only once."""
    return "x".join(f"{number:,g}".replace(",", "") for number in numbers)


def field_words(fields: Sequence[ReceptiveField]) -> list[str]:
    """Size, jump and centre along the axes."""
    return [by([getattr(field, name) for field in fields]) for name in ("size", "jump", "centre")]


def field_answer(fields: Sequence[ReceptiveField]) -> dict[str, Any]:
    """Size, jump and centre along the axes."""
    names = {"receptive_field": "size", "jump": "jump", "centre": "centre"}
    return {word: [getattr(field, name) for field in fields] for word, name in names.items()}


def size(count: int) -> str:
    """Bytes for people: 1,234,567 as 1.2 MB."""
    for unit, divisor in (("GB", 10**9), ("MB", 10**6), ("kB", 10**3)):
        if count >= divisor:
            return f"{count / divisor:.1f} {unit}"
    return f"{count} bytes"
