"""A fingerprint of how a picture looks, which resizing and saving again hardly change.

The difference hash (dHash; N. Krawetz, "Kind of Like That", 2013): the picture is made grey and reduced to 16 rows of
17 cells, and each bit says whether a cell is brighter than its left neighbour. 256 bits instead of the usual 64, for
portraits resemble each other.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from facerec.faces.area import shrink
from facerec.faces.quality import GREY
from facerec.records import Image

ROWS, COLUMNS = 16, 17
BITS = ROWS * (COLUMNS - 1)
BLOCK = 512  # fingerprints compared with all others at once

Words = NDArray[np.uint64]


def fingerprint(image: Image) -> Words:
    """Upright RGB (H, W, 3) of any size -> (4,) uint64.

    >>> fingerprint(np.zeros((40, 30, 3), np.uint8)).tolist()
    [0, 0, 0, 0]
    """
    grey = shrink(image, ROWS, COLUMNS) @ GREY
    return np.packbits(grey[:, 1:] > grey[:, :-1]).view(">u8").astype(np.uint64)


def distances(a: Words, b: Words) -> NDArray[np.uint16]:
    """Bits that differ, of every pair: (N, 4), (M, 4) -> (N, M), 0..256."""
    apart = np.zeros((len(a), len(b)), np.uint16)
    for mine, other in zip(a.T, b.T, strict=True):
        apart += np.bitwise_count(mine[:, None] ^ other[None])
    return apart


def near_pairs(prints: Words, limit: int) -> Iterator[tuple[int, int, int]]:
    """(first, second, distance) of every pair of rows of (N, 4) that differ in at most `limit` bits."""
    for top in range(0, len(prints), BLOCK):
        apart = distances(prints[top : top + BLOCK], prints[top:])
        for row, column in np.argwhere(np.triu(apart <= limit, 1)).tolist():
            yield top + row, top + column, int(apart[row, column])
