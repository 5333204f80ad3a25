"""A list file: a line for each picture, its path and then its objects.

    pictures/a.jpg 12,30,80,95,cat 100,20,160,90,dog
    pictures/a picture without objects.jpg

An object is x1,y1,x2,y2,class in pixels from 0, the far corner exclusive; its class holds no space and no comma.
Paths are relative to the list. Empty lines and those that begin with # are passed over.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from facerec.detection.annotated import Annotated, Marked, gather
from facerec.errors import InvalidInput, MissingPart

OBJECT = re.compile(r"(-?[\d.]+),(-?[\d.]+),(-?[\d.]+),(-?[\d.]+),([^\s,]+)")


def read_box_list(place: Path, names: Sequence[str] = ()) -> Annotated:
    """The pictures of a list file. Raises MissingPart, InvalidInput with the line, and what `gather` raises."""
    try:
        lines = place.read_text(encoding="utf-8-sig").splitlines()
    except OSError as error:
        raise MissingPart(f"no list of pictures at {str(place)!r}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise InvalidInput(f"{str(place)!r} is no list of pictures in UTF-8: {error}") from error
    marked = [
        read_line(line.strip(), place, number)
        for number, line in enumerate(lines, start=1)
        if line.strip() and not line.startswith("#")
    ]
    return gather(marked, names, place)


def read_line(line: str, place: Path, number: int) -> tuple[Path, list[Marked]]:
    """A picture's path and its objects; what looks like an object and is none is an error, not part of the path."""
    words, objects = line.split(" "), []
    while len(words) > 1 and words[-1].count(",") >= 2:
        objects.append(parse(words.pop(), f"{place}, line {number}"))
    return place.parent / " ".join(words).strip(), objects[::-1]


def parse(word: str, where: str) -> Marked:
    """One object."""
    found = OBJECT.fullmatch(word)
    try:
        if found is None:
            raise ValueError
        x1, y1, x2, y2 = map(float, found.groups()[:4])
    except ValueError as error:
        raise InvalidInput(f"{where}: {word!r} is not x1,y1,x2,y2,class") from error
    return Marked((x1, y1, x2, y2), found[5])
