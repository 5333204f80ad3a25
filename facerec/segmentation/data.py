"""Pictures with a mask each, from two folders or from a list file."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from facerec import images
from facerec.errors import InvalidInput, MissingPart
from facerec.images.masks import load_mask
from facerec.records import Image, Int64
from facerec.segmentation.masks import Labels

Progress = Callable[[int, int], None]
"""Hears how many of all pictures are read."""


def silent(done: int, total: int) -> None:
    """The default: say nothing."""


@dataclass(frozen=True, slots=True, eq=False)
class Masked:
    """N pictures, what each pixel of them shows, and where they come from.

    pictures  N of (H, W, 3) uint8, RGB; each may have a size of its own
    masks     N of (H, W) uint8, labels, IGNORE where nothing counts
    sources   the pictures' files
    """

    pictures: tuple[Image, ...]
    masks: tuple[np.ndarray, ...]
    sources: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.pictures)

    def __getitem__(self, rows: Int64) -> Masked:
        return Masked(*(tuple(each[row] for row in rows) for each in (self.pictures, self.masks, self.sources)))


def read_masked(place: Path, masks: Path | None, labels: Labels, progress: Progress = silent) -> Masked:
    """The pictures of a folder with their masks in another, by name, or those of a list file.

    Raises MissingPart where nothing is there, InvalidInput where a picture has no mask, a mask has another size or a
    label of no class, or a line is not two paths, and BadImage where a file is no picture. Nothing is left out: a
    network that learns from half of its data does not say so.
    """
    pairs = list(in_folders(place, masks) if place.is_dir() else in_list(place))
    if not pairs:
        raise InvalidInput(f"no picture in {place}: put pictures there, or list `picture mask` lines")
    pictures, targets = [], []
    for done, (picture, mask) in enumerate(pairs, start=1):
        pictures.append(images.load(picture, images.ANY_SIZE))
        targets.append(labels.read(load_mask(mask), str(mask)))
        require_same_size(pictures[-1], targets[-1], picture, mask)
        progress(done, len(pairs))
    return Masked(tuple(pictures), tuple(targets), tuple(str(picture) for picture, _ in pairs))


def require_same_size(picture: Image, target: np.ndarray, source: Path, mask: Path) -> None:
    """Raise InvalidInput where a mask does not cover its picture."""
    if picture.shape[:2] != target.shape:
        sizes = [f"{array.shape[1]}x{array.shape[0]}" for array in (target, picture)]
        raise InvalidInput(f"the mask {mask} is {sizes[0]} pixels, its picture {source} {sizes[1]}: make them equal")


def in_folders(place: Path, masks: Path | None) -> Iterator[tuple[Path, Path]]:
    """Each picture of a folder with the mask of the same name, whatever the ending, in the folder of masks."""
    if masks is None:
        raise InvalidInput(f"{place} is a folder of pictures: say which folder has their masks, or give a list file")
    if not masks.is_dir():
        raise MissingPart(f"no folder of masks at {str(masks)!r}")
    known = {path.relative_to(masks).with_suffix(""): path for path in images.find(masks)}
    for picture in images.find(place):
        mask = known.get(picture.relative_to(place).with_suffix(""))
        if mask is None:
            raise InvalidInput(f"no mask for {picture} in {masks}: add {picture.stem}.png, or take the picture out")
        yield picture, mask


def in_list(place: Path) -> Iterator[tuple[Path, Path]]:
    """Each line's picture and mask, relative to the list; empty lines and those that begin with # are passed over.

    Where a path holds spaces, a tab may stand between the two. Raises MissingPart where a file is not there.
    """
    for number, line in enumerate(lines_of(place), start=1):
        if not line.strip() or line.startswith("#"):
            continue
        parts = [part.strip() for part in line.split("\t")] if "\t" in line else line.split()
        if len(parts) != 2:
            raise InvalidInput(
                f"{place}, line {number}: {line!r} is not `picture mask`, two paths with a space between"
            )
        for part in parts:
            if not (place.parent / part).is_file():
                raise MissingPart(f"{place}, line {number}: no file {str(place.parent / part)!r}")
        yield place.parent / parts[0], place.parent / parts[1]


def lines_of(place: Path) -> Sequence[str]:
    """Of a list. Raises MissingPart where it cannot be read, InvalidInput where it is no text."""
    try:
        return place.read_text(encoding="utf-8-sig").splitlines()
    except OSError as error:
        raise MissingPart(f"no folder and no list of pictures at {str(place)!r}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise InvalidInput(f"{str(place)!r} is no list of `picture mask` lines in UTF-8") from error


def held_out(count: int, share: float, rng: np.random.Generator) -> tuple[Int64, Int64]:
    """Row numbers to learn from and to test on, one at least of each. Raises InvalidInput for fewer than two rows."""
    if count < 2:
        raise InvalidInput("one picture cannot be both learned from and tested on: give a test of its own")
    chosen = np.sort(rng.permutation(count)[: min(count - 1, max(1, round(share * count)))])
    return np.setdiff1d(np.arange(count), chosen), chosen
