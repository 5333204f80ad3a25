"""How sizes, shapes and receptive fields are read from the command line, and written."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from facerec.cnn.arithmetic import Padding
    from facerec.cnn.receptive_field import ReceptiveField


COUNT = click.IntRange(1)
"""Of pixels, maps, classes: none at all makes no sense."""


class Sizes(click.ParamType):  # type: ignore[type-arg]
    """Whole numbers with an x between them, one for each axis: 150x100."""

    name = "sizes"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[int, ...]:
        if isinstance(value, tuple):
            return value
        if not all(part.isdecimal() for part in value.split("x")):
            self.fail(f"{value!r} is not a number, or numbers with an x between them as in 150x100", param, ctx)
        return tuple(map(int, value.split("x")))


class PaddingType(click.ParamType):  # type: ignore[type-arg]
    """same, valid, or a number of cells."""

    name = "padding"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Padding:
        if value in ("same", "valid"):
            return "same" if value == "same" else "valid"
        if not str(value).isdecimal():
            self.fail(f"{value!r} is not same, valid or a number of cells", param, ctx)
        return int(value)


def by(numbers: Sequence[float]) -> str:
    """(200, 150, 2.5) as 200x150x2.5."""
    return "x".join(f"{number:.0f}" if number == int(number) else f"{number:.4g}" for number in numbers)


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
