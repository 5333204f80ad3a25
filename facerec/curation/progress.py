"""How whoever waits hears of work under way."""

from __future__ import annotations

from typing import Protocol


class Progress(Protocol):
    """Told how many of how many are done."""

    def __call__(self, done: int, total: int, /) -> None: ...


def silent(done: int, total: int, /) -> None:
    """The default: say nothing."""
