"""Photographs of real people for tests and measurements; they stay outside the repository."""

from __future__ import annotations

import io
import tarfile
from pathlib import Path

import numpy as np
from PIL import Image as PillowImage

from facerec.faces.area import shrink
from facerec.records import Image


def lfw(data: Path, count: int) -> list[Image]:
    """So many pictures of Labeled Faces in the Wild, evenly spread over its people: (250, 250, 3) each."""
    with tarfile.open(data / "lfw" / "lfw-folds-1-5.tar") as archive:
        names = sorted(name for name in archive.getnames() if name.endswith(".jpg"))
        chosen = [names[i * len(names) // count] for i in range(count)]
        return [_decoded(archive, name) for name in chosen]


def _decoded(archive: tarfile.TarFile, name: str) -> Image:
    file = archive.extractfile(name)
    assert file is not None
    return np.array(PillowImage.open(io.BytesIO(file.read())).convert("RGB"))


def grid(pictures: list[Image], rows: int, columns: int, height: int, width: int) -> Image:
    """The first rows * columns pictures side by side, the whole reduced to (height, width, 3)."""
    bands = [np.concatenate(pictures[row * columns : (row + 1) * columns], axis=1) for row in range(rows)]
    return shrink(np.concatenate(bands), height, width)


GRIDS = [
    (1, 2, 250, 500),
    (2, 2, 500, 500),
    (2, 3, 333, 499),
    (3, 4, 750, 1000),
    (3, 5, 720, 1250),
    (4, 4, 401, 777),
]
"""Rows and columns of pictures, height and width in pixels."""


def group_pictures(pictures: list[Image], count: int) -> list[Image]:
    """Pictures of many faces, composed of others, in several sizes and shapes."""
    composed = []
    for i in range(count):
        rows, columns, height, width = GRIDS[i % len(GRIDS)]
        start = i * 7 % (len(pictures) - rows * columns)
        composed.append(grid(pictures[start : start + rows * columns], rows, columns, height, width))
    return composed
