"""Pictures of one's own become a folder of faces: one face of each, aligned, with a margin for augmentation.

A picture of 128x128 or 112x112 pixels is a crop already, and goes in as it is; in any other, the largest face is meant.
Pictures are packed some hundred at a time, and what was packed before the work was stopped is not done again.
"""

from __future__ import annotations

import csv
import os
import tarfile
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import NamedTuple

import numpy as np

from facerec import images
from facerec.errors import BadImage, NoFace
from facerec.faces import align
from facerec.faces.choice import largest
from facerec.faces.detector import Detector
from facerec.geometry import similarity_transform, warp
from facerec.learning.datasets import SIDE, TABLE, Refused
from facerec.learning.shards import HEADER, add_file, write_table
from facerec.records import Faces, Image
from facerec.replacing import replacing

MARGIN = (SIDE - align.SIDE) // 2
READY = ((SIDE, SIDE, 3), (align.SIDE, align.SIDE, 3))
PER_SHARD = 500
LEFT_OUT = "left_out.csv"
"""The pictures that are not in a packed folder, and why."""


class Packed(NamedTuple):
    """What became of one picture.

    path, subject, split  of the picture; bytes in a name that are no UTF-8 are written as escapes
    name                  of its crop in the shard; empty where it has none
    why                   it has none
    """

    path: str
    subject: str
    split: str
    name: str = ""
    why: str = ""


def pack(
    folder: Path,
    pictures: Sequence[tuple[Path, str]],
    split: Mapping[str, str],
    open_detector: Callable[[], Detector],
    progress: Callable[[int, int], None] | None = None,
) -> None:
    """Make a folder of faces of pictures and their subjects, or finish it, the table last.

    `split` says for each subject where it belongs. The detector is opened when the first photograph is met.
    """
    detect = cache(open_detector)
    rows: list[Packed] = []
    for number, first in enumerate(range(0, len(pictures), PER_SHARD)):
        some = pictures[first : first + PER_SHARD]
        wanted = [Packed(printable(path), printable(subject), split[subject]) for path, subject in some]
        rows += packed_before(folder, number, wanted) or pack_shard(folder, number, wanted, some, detect)
        if progress:
            progress(len(rows), len(pictures))
    write_table(folder / LEFT_OUT, [("source", "reason"), *((row.path, row.why) for row in rows if not row.name)])
    kept = [(shard_name(place // PER_SHARD), row) for place, row in enumerate(rows) if row.name]
    table = [(shard, row.name, row.subject, row.split, row.path, str(k)) for k, (shard, row) in enumerate(kept)]
    write_table(folder / TABLE, [HEADER, *table])


def left_out(folder: Path) -> Refused:
    """(path, reason) of the pictures that did not get into a packed folder; none where it was not packed here."""
    if not (folder / LEFT_OUT).exists():
        return ()
    with (folder / LEFT_OUT).open(newline="", encoding="utf-8") as handle:
        return tuple((row["source"], row["reason"]) for row in csv.DictReader(handle))


def printable(name: str | Path) -> str:
    """A name as text that can be written as UTF-8."""
    return os.fsencode(name).decode("utf-8", "backslashreplace")


def shard_name(number: int) -> str:
    return f"faces-{number:04d}.tar"


def packed_before(folder: Path, number: int, wanted: Sequence[Packed]) -> list[Packed]:
    """What became of the pictures of a shard that was packed from just these; nothing where it has to be packed."""
    part = folder / f"part-{number:04d}.csv"
    if not part.exists() or not (folder / shard_name(number)).exists():
        return []
    with part.open(newline="", encoding="utf-8") as handle:
        rows = [Packed(*row) for row in csv.reader(handle)]
    return rows if [row[:3] for row in rows] == [row[:3] for row in wanted] else []


def pack_shard(
    folder: Path, number: int, wanted: Sequence[Packed], pictures: Sequence[tuple[Path, str]],
    detect: Callable[[], Detector],
) -> list[Packed]:  # fmt: skip
    """Write one shard, and then what became of its pictures."""
    rows: list[Packed] = []
    with replacing(folder / shard_name(number)) as fresh, tarfile.open(fresh, "w") as archive:
        for place, ((path, _), picture) in enumerate(zip(pictures, wanted, strict=True), start=number * PER_SHARD):
            try:
                content, suffix = crop_of(path, detect)
            except (BadImage, NoFace) as error:
                rows.append(picture._replace(why=str(error)))
                continue
            rows.append(picture._replace(name=f"{place:06d}{suffix}"))
            add_file(archive, rows[-1].name, content)
    write_table(folder / f"part-{number:04d}.csv", rows)
    return rows


def crop_of(path: Path, detect: Callable[[], Detector]) -> tuple[bytes, str]:
    """The crop of a picture as the content of a file, and how its name ends: a ready one as it is, else a PNG.

    Raises BadImage, or NoFace where there is none.
    """
    content = images.read_bytes(path)
    image = images.decode(content, name=repr(os.fspath(path)))
    if image.shape in READY:
        return content, path.suffix.lower()
    faces = detect()(image)
    if not len(faces):
        raise NoFace(str(path))
    return images.encode(with_margin(image, largest(faces)), "PNG"), ".png"


def with_margin(image: Image, face: Faces) -> Image:
    """One face as `align` gives it, with 8 more pixels on each side: (128, 128, 3)."""
    template = align.TEMPLATE + np.float32(MARGIN)
    return warp(image, similarity_transform(face.landmarks[0], template), (SIDE, SIDE))
