"""A progress bar on standard error, where that is a terminal."""

from __future__ import annotations

import math
import time
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, TypeVar

from facerec.cli.answers import note as say_beside

if TYPE_CHECKING:
    from rich.progress import Progress

Item = TypeVar("Item")


def bar(items: Iterable[Item], total: int, label: str) -> Iterator[Item]:
    """The items as they come, with a bar that counts them."""
    with columns() as progress:
        yield from progress.track(items, total=total, description=label)


def columns() -> Progress:
    """What a bar shows; nothing at all where nobody looks."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    console = Console(stderr=True)
    shown = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    return Progress(*shown, console=console, transient=True, disable=not console.is_terminal)


class Counter:
    """The same bar for a callback `(done, total)`: use as a context, pass it on.

    For work of hours: where nobody looks at a bar, a line every so many seconds instead.
    """

    def __init__(self, label: str, seconds_between_lines: float = math.inf):
        self._progress = columns()
        self._task = self._progress.add_task(label, total=None)
        self._label, self._pause = label, seconds_between_lines if self._progress.disable else math.inf
        self._said = time.monotonic()

    def __enter__(self) -> Counter:
        self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._progress.stop()

    def __call__(self, done: int, total: int, note: str = "") -> None:
        self._progress.update(self._task, completed=done, total=total, description=note or None)
        if time.monotonic() - self._said >= self._pause:
            self._said = time.monotonic()
            say_beside(f"{done}/{total}  {note or self._label}")
