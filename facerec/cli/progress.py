"""A progress bar on standard error, where that is a terminal."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, TypeVar

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
    """The same bar for a callback `(done, total)`: use as a context, pass it on."""

    def __init__(self, label: str):
        self._progress = columns()
        self._task = self._progress.add_task(label, total=None)

    def __enter__(self) -> Counter:
        self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._progress.stop()

    def __call__(self, done: int, total: int, note: str = "") -> None:
        self._progress.update(self._task, completed=done, total=total, description=note or None)
