"""Pictures to embeddings, once each, by whatever chain is to be measured."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple, Protocol

import numpy as np

from facerec.errors import InvalidInput, MissingPart
from facerec.metrics.scores import Bools
from facerec.records import DIM, Float32, Int64, require_embeddings, require_float32

BATCH = 32


class PictureEmbedder(Protocol):
    """The chain under test: N pictures -> one embedding each (N, 128), and which rows hold a face (N,) bool.

    Each picture has one face meant, the one nearest its centre. A picture that cannot be read, or in which no face
    is found, has False; what its row holds does not matter.
    """

    def __call__(self, pictures: Sequence[Path], /) -> tuple[Float32, Bools]: ...


class Progress(Protocol):
    """Told after each batch how many pictures of how many are done."""

    def __call__(self, done: int, total: int, /) -> None: ...


def silent(done: int, total: int, /) -> None:
    """The default: say nothing."""


class Embedded(NamedTuple):
    """The embeddings of a list of pictures: rows (N, 128) float32, and which of them hold a face (N,) bool."""

    rows: Float32
    found: Bools

    @property
    def failures(self) -> int:
        """Pictures without a usable face."""
        return int((~self.found).sum())


def embed_pictures(
    pictures: Sequence[Path], embed: PictureEmbedder, progress: Progress = silent, batch: int = BATCH
) -> Embedded:
    """Embed every picture, `batch` at a time.

    Raises MissingPart when a file is not there: that is no failure to detect. Raises InvalidInput when the chain
    returns something other than it promised.
    """
    absent = [picture for picture in pictures if not picture.is_file()]
    if absent:
        raise MissingPart(f"{len(absent)} of {len(pictures)} pictures are not there, the first: {absent[0]}")
    rows, found = np.zeros((len(pictures), DIM), np.float32), np.zeros(len(pictures), np.bool_)
    for start in range(0, len(pictures), batch):
        part = slice(start, start + batch)
        rows[part], found[part] = _checked(embed(pictures[part]), len(pictures[part]))
        progress(min(start + batch, len(pictures)), len(pictures))
    return Embedded(rows, found)


def _checked(answer: tuple[Float32, Bools], pictures: int) -> tuple[Float32, Bools]:
    rows, found = answer
    require_float32("embeddings", rows, (pictures, DIM))
    if found.shape != (pictures,) or found.dtype != np.bool_:
        raise InvalidInput(f"the mask of faces found must be bool ({pictures},), got {found.dtype} {found.shape}")
    require_embeddings(rows[found])
    return np.where(found[:, None], rows, np.float32(0)), found


def numbered(names: Sequence[str]) -> tuple[list[str], Int64]:
    """The distinct names, sorted, and each name's place among them (N,) int64."""
    distinct, codes = np.unique(np.asarray(names, dtype=str), return_inverse=True)
    return distinct.tolist(), codes.astype(np.int64)
