"""Copies of one picture in a folder: files of the same bytes, and pictures resized or saved again."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np

from facerec import images
from facerec.curation.fingerprint import Words, fingerprint, near_pairs
from facerec.curation.progress import Progress, silent
from facerec.digest import sha256
from facerec.errors import BadImage, InvalidInput

NEAR = 32
"""Bits of 256 in which the fingerprints of two copies may differ.

Measured in docs/results/copies.md: of all pairs of different photographs in LFW, portraits framed alike, none is as
near, and of copies reduced to a third of the side or saved at quality 30 none is further.
"""


@dataclass(frozen=True, slots=True, eq=False)
class Looked:
    """A picture file that was looked at; sides in pixels, upright."""

    file: Path
    digest: str
    bytes: int
    width: int
    height: int
    print: Words

    @property
    def worth(self) -> tuple[int, int]:
        """What is kept first: more pixels, then more bytes."""
        return self.width * self.height, self.bytes


@dataclass(frozen=True, slots=True)
class Copy:
    """A picture that is there again. `distance` is how many of 256 bits differ from the one to keep."""

    file: Path
    kind: Literal["same_bytes", "near"]
    distance: int
    width: int
    height: int
    bytes: int


@dataclass(frozen=True, slots=True)
class Copies:
    """The picture to keep, the largest, and its copies, nearest first."""

    keep: Path
    width: int
    height: int
    bytes: int
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
    if not folder.is_dir():
        raise InvalidInput(f"{folder} is no folder: give one with pictures in it")
    files = images.find(folder)
    if not files:
        raise InvalidInput(f"no pictures in {folder}")
    looked, refused = list[Looked](), list[tuple[Path, str]]()
    for done, file in enumerate(files, start=1):
        try:
            looked.append(look(file))
        except BadImage as error:
            refused.append((file, str(error)))
        progress(done, len(files))
    return Search(tuple(groups(looked)), len(looked), tuple(refused))


def look(file: Path) -> Looked:
    """Read one picture. Raises BadImage."""
    content = images.read_bytes(file)
    pixels = images.decode(content, name=str(file))
    height, width = pixels.shape[:2]
    return Looked(file, sha256(content), len(content), width, height, fingerprint(pixels))


def groups(looked: Sequence[Looked], limit: int = NEAR) -> Iterator[Copies]:
    """The best picture first: whatever is within `limit` bits of it is its copy, and so on with the rest.

    A copy of a copy that is too far from the best one is not drawn in, so chains do not form.
    """
    best_first = sorted(looked, key=lambda one: one.worth, reverse=True)
    near: dict[int, list[tuple[int, int]]] = {}
    for first, second, apart in near_pairs(np.array([one.print for one in best_first]).reshape(-1, 4), limit):
        near.setdefault(first, []).append((apart, second))
    taken = set[int]()
    for place, keep in enumerate(best_first):
        mine = [] if place in taken else [(apart, other) for apart, other in near.get(place, ()) if other not in taken]
        taken.update(other for _, other in mine)
        if mine:
            copies = [copy_of(keep, best_first[other], apart) for apart, other in sorted(mine)]
            yield Copies(keep.file, keep.width, keep.height, keep.bytes, tuple(copies))


def copy_of(keep: Looked, other: Looked, apart: int) -> Copy:
    """How a picture is related to the one to keep."""
    kind: Literal["same_bytes", "near"] = "same_bytes" if other.digest == keep.digest else "near"
    return Copy(other.file, kind, apart, other.width, other.height, other.bytes)
