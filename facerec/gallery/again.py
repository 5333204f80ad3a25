"""What failed for a reason that passes is done again, a few times and not all at one moment.

Only what was certainly not done is done again: a transaction whose commit was cut off is looked for by its mark first.
"""

from __future__ import annotations

import functools
import random
import time
from collections.abc import Callable, Iterator
from typing import Concatenate, ParamSpec, Protocol, TypeVar

from facerec.errors import GalleryUnusable

TRIES = 4
FIRST_PAUSE = 0.05
"""Seconds, doubled each time and drawn between half and all of it, so that those who met do not meet again."""


class Interrupted(GalleryUnusable):
    """The database let go of a transaction, or it was begun on wrong premises: nothing was stored, and it may be begun
    again."""


class Looking(Protocol):
    """Something that can look again at how its gallery is."""

    def look_again(self) -> None: ...


Self = TypeVar("Self", bound=Looking)
Arguments = ParamSpec("Arguments")
Answer = TypeVar("Answer")


def again(
    method: Callable[Concatenate[Self, Arguments], Answer],
) -> Callable[Concatenate[Self, Arguments], Answer]:
    """A method that is one transaction: begun again when that was interrupted, after a pause."""

    @functools.wraps(method)
    def tried(self: Self, /, *arguments: Arguments.args, **named: Arguments.kwargs) -> Answer:
        for pause in pauses(random.random):
            try:
                return method(self, *arguments, **named)
            except Interrupted:
                time.sleep(pause)
                self.look_again()
        return method(self, *arguments, **named)

    return tried


def pauses(chance: Callable[[], float]) -> Iterator[float]:
    """Seconds to wait after each try but the last.

    >>> [round(pause, 3) for pause in pauses(lambda: 1.0)]
    [0.05, 0.1, 0.2]
    """
    for number in range(TRIES - 1):
        yield FIRST_PAUSE * 2**number * (1 + chance()) / 2
