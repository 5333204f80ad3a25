"""Pictures with a class each, from a folder per class or from a list file."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from facerec import images
from facerec.cnn.preparation import squared
from facerec.errors import BadImage, InvalidInput, MissingPart
from facerec.records import Int64


@dataclass(frozen=True, slots=True, eq=False)
class Labelled:
    """N pictures of one size, what is on each, and what the classes are called.

    pixels   (N, S, S, 3) uint8
    labels   (N,)         int64, 0 to C - 1
    names    of the C classes
    refused  (source, reason) of every picture that was left out
    """

    pixels: np.ndarray
    labels: Int64
    names: tuple[str, ...]
    refused: tuple[tuple[str, str], ...] = ()

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, rows: Int64) -> Labelled:
        return Labelled(self.pixels[rows], self.labels[rows], self.names, self.refused)


Progress = Callable[[int, int], None]
"""Hears how many of all pictures are read."""


def silent(done: int, total: int) -> None:
    """The default: say nothing."""


def read_labelled(place: Path, side: int, names: Sequence[str] = (), progress: Progress = silent) -> Labelled:
    """The pictures of a folder with a folder per class, or of a list file; each its middle square, `side` pixels.

    With `names`, the classes are these, in this order; else all that occur, sorted (numbers as numbers).
    Raises MissingPart where nothing is there, InvalidInput where there is no picture, a line is no path and label,
    or a class is not among `names`. Pictures that cannot be read are left out, and told.
    """
    named = list(in_folders(place) if place.is_dir() else in_list(place))
    known = tuple(names) or tuple(sorted({name for _, name in named}, key=by_number))
    if strange := {name for _, name in named} - set(known):
        raise InvalidInput(f"{place} has classes that the others do not: {', '.join(sorted(strange))}")
    pixels, labels, refused = [], [], []
    for done, (path, name) in enumerate(named, start=1):
        progress(done, len(named))
        try:
            pixels.append(squared(images.load(path, images.ANY_SIZE), side))
            labels.append(known.index(name))
        except (BadImage, MissingPart, InvalidInput) as error:
            refused.append((str(path), str(error)))
    if not pixels:
        raise InvalidInput(f"no usable picture in {place}: put a folder per class there, or list `path label` lines")
    return Labelled(np.stack(pixels), np.array(labels, np.int64), known, tuple(refused))


def by_number(name: str) -> tuple[bool, int, str]:
    """A sorting key: numbers in their order before words."""
    return (not name.isdecimal(), int(name) if name.isdecimal() else 0, name)


def in_folders(place: Path) -> Iterator[tuple[Path, str]]:
    """Each picture below each folder of `place`, hidden ones not, and the folder's name."""
    for folder in sorted(path for path in place.iterdir() if path.is_dir() and not path.name.startswith(".")):
        yield from ((path, folder.name) for path in images.find(folder))


def in_list(place: Path) -> Iterator[tuple[Path, str]]:
    """Each line's path, relative to the list, and its label; empty lines and those that begin with # are passed over.

    The label is what stands behind the last space or tab: a path may hold spaces, a label may not.
    """
    try:
        lines = place.read_text(encoding="utf-8-sig").splitlines()
    except OSError as error:
        raise MissingPart(f"no folder and no list of pictures at {str(place)!r}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise InvalidInput(f"{str(place)!r} is no list of `path label` lines in UTF-8: {error}") from error
    for number, line in enumerate(lines, start=1):
        if line.strip() and not line.startswith("#"):
            path, *label = line.strip().rsplit(maxsplit=1)
            if not label:
                raise InvalidInput(f"{place}, line {number}: {line!r} is not `path label`")
            yield place.parent / path, label[0]


def held_out(labels: Int64, share: float, rng: np.random.Generator) -> tuple[Int64, Int64]:
    """Row numbers to learn from and to test on: `share` of each class, one at least where a class has two."""
    test = [np.zeros(0, np.int64)]
    for label in np.unique(labels):
        rows = rng.permutation(np.flatnonzero(labels == label))
        test.append(rows[: min(len(rows) - 1, max(1, round(share * len(rows))))])
    chosen = np.sort(np.concatenate(test))
    return np.setdiff1d(np.arange(len(labels)), chosen), chosen
