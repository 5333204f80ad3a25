"""Writing a folder of faces: the table and the tar shards that `datasets` reads."""

from __future__ import annotations

import csv
import io
import tarfile
from collections.abc import Iterable, Sequence
from itertools import islice
from pathlib import Path
from typing import NamedTuple

import numpy as np

from facerec import images
from facerec.errors import InvalidInput
from facerec.learning.datasets import SIDE, TABLE
from facerec.records import Image
from facerec.replacing import replacing

PER_SHARD = 4096
HEADER = ("shard", "file", "subject", "split", "source", "target")


class Sample(NamedTuple):
    """One aligned crop and what is known of it.

    crop     (128, 128, 3) uint8 RGB, the canonical 112x112 face in the middle
    subject  whose face; empty in the split `unlabelled`
    split    `train`, `val`, `unlabelled`, or a name of one's own
    source   where it came from, in words
    """

    crop: Image
    subject: str
    split: str
    source: str = ""


def write_shards(folder: Path, samples: Iterable[Sample], per_shard: int = PER_SHARD) -> int:
    """Write a folder of faces, the table last; returns how many crops it has.

    A sample's number is its `target`: row k of a `targets.npy` belongs to the k-th sample. Crops are stored as PNG,
    without loss. Raises InvalidInput for a crop of another shape.
    """
    waiting, rows = iter(samples), [HEADER]
    while some := list(islice(waiting, per_shard)):
        first = len(rows) - 1
        shard = f"faces-{first // per_shard:02d}.tar"
        with replacing(folder / shard) as fresh, tarfile.open(fresh, "w") as archive:
            for place, sample in enumerate(some, start=first):
                add_picture(archive, f"{place:06d}.png", sample.crop)
                rows.append((shard, f"{place:06d}.png", sample.subject, sample.split, sample.source, str(place)))
    write_table(folder / TABLE, rows)
    return len(rows) - 1


def write_table(path: Path, rows: Iterable[Sequence[str]]) -> None:
    """Write rows as CSV in UTF-8, replacing the file whole."""
    with replacing(path) as fresh, fresh.open("w", newline="", encoding="utf-8") as handle:
        csv.writer(handle).writerows(rows)


def add_picture(archive: tarfile.TarFile, name: str, crop: Image) -> None:
    """Put one crop into a shard. Raises InvalidInput for another shape."""
    if crop.dtype != np.uint8 or crop.shape != (SIDE, SIDE, 3):
        raise InvalidInput(f"a crop must be uint8 ({SIDE}, {SIDE}, 3), got {crop.dtype} {crop.shape}")
    add_file(archive, name, images.encode(crop, "PNG"))


def add_file(archive: tarfile.TarFile, name: str, content: bytes) -> None:
    """Put a file into a shard, without date or owner."""
    member = tarfile.TarInfo(name)
    member.size = len(content)
    archive.addfile(member, io.BytesIO(content))
