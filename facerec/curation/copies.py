"""Copies of one picture in a folder: files of the same bytes, and pictures resized or saved again."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np

from facerec import images
from facerec.curation.fingerprint import Words, fingerprint, near_pairs
from facerec.curation.photos import photos_in
from facerec.curation.progress import Progress, silent
from facerec.digest import sha256
from facerec.errors import BadImage

NEAR = 32
"""Bits of 256 in which the fingerprints of two copies may differ.

Measured in docs/results/copies.md: of all pairs of different photographs in LFW, portraits framed alike, none is as
near; of copies saved at quality 30 or reduced to a third of the side, hardly any is further.
"""


@dataclass(frozen=True, slots=True)
class PictureFile:
    """A picture file as it was found; sides in pixels, upright."""

    file: Path
    digest: str
    bytes: int
    width: int
    height: int

    @property
    def worth(self) -> tuple[int, int]:
        """What is kept first: more pixels, then more bytes."""
        return self.width * self.height, self.bytes


@dataclass(frozen=True, slots=True)
class Copy:
    """A picture that is there again. `distance` is how many of 256 bits differ from the one to keep."""

    picture: PictureFile
    kind: Literal["same_bytes", "near"]
    distance: int


@dataclass(frozen=True, slots=True)
class Copies:
    """The picture to keep, the largest, and its copies, nearest first."""

    keep: PictureFile
    copies: tuple[Copy, ...]


@dataclass(frozen=True, slots=True)
class Search:
    """What a folder held.

    pictures  how many were looked at
    refused   (file, reason) of those that could not be
    """

    groups: tuple[Copies, ...]
    pictures: int
    refused: tuple[tuple[Path, str], ...]


def find_copies(folder: Path, progress: Progress = silent) -> Search:
    """Look at every picture in a folder and the folders below it. Raises InvalidInput where there is none."""
    files = photos_in(folder)
    looked, refused = list[tuple[PictureFile, Words]](), list[tuple[Path, str]]()
    for done, file in enumerate(files, start=1):
        try:
            looked.append(look(file))
        except BadImage as error:
            refused.append((file, str(error)))
        progress(done, len(files))
    return Search(tuple(groups(looked)), len(looked), tuple(refused))


def look(file: Path) -> tuple[PictureFile, Words]:
    """A picture and its fingerprint. Raises BadImage."""
    content = images.read_bytes(file)
    pixels = images.decode(content, name=str(file))
    height, width = pixels.shape[:2]
    return PictureFile(file, sha256(content), len(content), width, height), fingerprint(pixels)


def groups(looked: Sequence[tuple[PictureFile, Words]], limit: int = NEAR) -> Iterator[Copies]:
    """The best picture first: whatever is within `limit` bits of it is its copy, and so on with the rest.

    A copy of a copy that is too far from the best one is not drawn in, so chains do not form.
    """
    best_first = sorted(looked, key=lambda one: one[0].worth, reverse=True)
    pictures, near = [picture for picture, _ in best_first], dict[int, list[tuple[int, int]]]()
    for first, second, apart in near_pairs(np.array([words for _, words in best_first]).reshape(-1, 4), limit):
        near.setdefault(first, []).append((apart, second))
    taken = set[int]()
    for place, keep in enumerate(pictures):
        mine = [] if place in taken else [(apart, other) for apart, other in near.get(place, ()) if other not in taken]
        taken.update(other for _, other in mine)
        if mine:
            yield Copies(keep, tuple(copy_of(keep, pictures[other], apart) for apart, other in sorted(mine)))


def copy_of(keep: PictureFile, other: PictureFile, apart: int) -> Copy:
    """How a picture is related to the one to keep."""
    return Copy(other, "same_bytes" if other.digest == keep.digest else "near", apart)
