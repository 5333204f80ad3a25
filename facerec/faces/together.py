"""How much is looked at together: few calls of a net for many pictures, small enough for the processor's cache.

A picture gets the same faces whatever it is looked at with: a row that a net returns depends on its own input only, to
the last bit on the processors tried, and everything between the nets is done picture by picture.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TypeVar

from facerec import runtime
from facerec.records import Image

T = TypeVar("T")
Size = tuple[int, int]
"""Height and width."""
Place = tuple[int, int]
"""The number of a picture, and of a copy of it."""


@dataclass(frozen=True, slots=True)
class Portion:
    """How many pixels at once.

    call   given to a net in one call; what is larger goes alone
    group  of pictures that go through a detector together; bounds the memory that they take there
    """

    call: int
    group: int


PORTIONS = {"cpu": Portion(27_648, 500_000), "cuda": Portion(2_000_000, 4_000_000)}
"""For the processor the fastest of those tried: docs/results/precompute.md. For a device, not measured: large."""


def portion() -> Portion:
    """What suits the graphs that this process opens from now on."""
    return PORTIONS[runtime.device()]


def in_parts(items: Sequence[T], most: int) -> Iterator[Sequence[T]]:
    """The items in order, at most so many at a time, at least one.

    >>> [list(part) for part in in_parts("abcde", 2)]
    [['a', 'b'], ['c', 'd'], ['e']]
    """
    step = max(most, 1)
    return (items[start : start + step] for start in range(0, len(items), step))


def by_size(sizes: Sequence[Sequence[Size]]) -> dict[Size, list[Place]]:
    """Where among the copies of several pictures, given by their sizes, those of each size are.

    >>> by_size([[(9, 9), (3, 3)], [(9, 9)]])
    {(9, 9): [(0, 0), (1, 0)], (3, 3): [(0, 1)]}
    """
    places: dict[Size, list[Place]] = {}
    for picture, own in enumerate(sizes):
        for number, size in enumerate(own):
            places.setdefault(size, []).append((picture, number))
    return places


def in_groups(images: Sequence[Image], pixels: int) -> Iterator[list[Image]]:
    """Pictures in order, as many at a time as have so many pixels together, at least one."""
    group: list[Image] = []
    held = 0
    for image in images:
        held += image.shape[0] * image.shape[1]
        if group and held > pixels:
            yield group
            group, held = [], image.shape[0] * image.shape[1]
        group.append(image)
    if group:
        yield group
