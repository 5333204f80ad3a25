"""Pictures with the objects that somebody marked on them, and the classes these are of."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np

from facerec.errors import InvalidInput
from facerec.records import Objects


class Marked(NamedTuple):
    """One object of an annotation file, before its class has a number: x1 y1 x2 y2, pixels, x2 and y2 exclusive."""

    box: tuple[float, float, float, float]
    name: str
    hard: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class Annotated:
    """N pictures, the objects on each, and what the classes are called.

    paths    of the pictures, N
    objects  of each picture, N; a picture may have none
    names    of the C classes: label 0 is the first
    """

    paths: tuple[Path, ...]
    objects: tuple[Objects, ...]
    names: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, rows: np.ndarray | slice) -> Annotated:
        """The chosen pictures: a mask, an index array or a slice."""
        chosen = np.arange(len(self))[rows]
        return Annotated(tuple(self.paths[r] for r in chosen), tuple(self.objects[r] for r in chosen), self.names)


Progress = Callable[[int, int], None]
"""Hears how many of all pictures are read."""


def silent(done: int, total: int) -> None:
    """The default: say nothing."""


def gather(marked: Sequence[tuple[Path, Sequence[Marked]]], names: Sequence[str], place: Path) -> Annotated:
    """Number the classes: `names` in their order, or all that occur, sorted.

    Raises InvalidInput where there is no picture, a class is not among `names`, or a box is empty or inside out.
    """
    if not marked:
        raise InvalidInput(f"{place} lists no picture")
    known = tuple(names) or tuple(sorted({each.name for _, objects in marked for each in objects}))
    numbers = {name: number for number, name in enumerate(known)}
    objects = tuple(numbered(path, each, numbers) for path, each in marked)
    return Annotated(tuple(path for path, _ in marked), objects, known)


def numbered(path: Path, marked: Sequence[Marked], numbers: dict[str, int]) -> Objects:
    """The objects of one picture as arrays. Raises InvalidInput for a box or a class that cannot be used."""
    for box, name, _ in marked:
        if name not in numbers:
            raise InvalidInput(
                f"{path.name} has an object of class {name!r}, which is not among {', '.join(numbers) or 'none'}: "
                "name all classes in `names`, or mend the annotation"
            )
        if not (np.isfinite(box).all() and box[2] > box[0] and box[3] > box[1]):
            raise InvalidInput(f"{path.name} has a box of {name} that holds nothing, {box}: mend it or take it out")
    if not marked:
        return Objects.none()
    boxes, labels, hard = zip(*marked, strict=True)
    return Objects(
        np.array(boxes, np.float32), np.array([numbers[name] for name in labels], np.int64), np.array(hard, np.bool_)
    )
