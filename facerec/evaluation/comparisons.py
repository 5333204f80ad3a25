"""Every pair of a list, compared once: what all error rates of verification are counted from."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from facerec.errors import InvalidInput
from facerec.evaluation.embedding import Embedded, PictureEmbedder, Progress, embed_pictures, numbered, silent
from facerec.evaluation.pairs import PicturePairs
from facerec.metrics.scores import Bools
from facerec.records import Float32, Int64


@dataclass(frozen=True, slots=True, eq=False)
class Comparisons:
    """All P >= 1 pairs of a list over N pictures, with genuine and impostor pairs among them.

    similarities   (P,) float32  0 where a picture shows no face
    same           (P,) bool     genuine
    first, second  (P,) int64    rows of the two pictures
    found          (N,) bool     a face was found in the picture
    subject        (N,) int64    whom it shows, numbered from 0 without a gap
    """

    similarities: Float32
    same: Bools
    first: Int64
    second: Int64
    found: Bools
    subject: Int64

    def __post_init__(self) -> None:
        if not self.same.any() or not (self.made & ~self.same).any():
            raise InvalidInput("error rates need genuine pairs, and impostor pairs with a face in both pictures")

    @property
    def made(self) -> Bools:
        """(P,) a face was found in both pictures."""
        return self.found[self.first] & self.found[self.second]

    @property
    def subjects(self) -> int:
        """How many people there are."""
        return int(self.subject.max()) + 1

    @property
    def failures(self) -> int:
        """Pictures without a usable face."""
        return int((~self.found).sum())

    @property
    def genuine(self) -> Float32:
        """All genuine pairs, -inf where no comparison was made."""
        return np.where(self.made, self.similarities, np.float32(-np.inf))[self.same]

    @property
    def genuine_subject(self) -> Int64:
        return self.subject[self.first[self.same]]

    @property
    def impostor(self) -> Float32:
        """The impostor comparisons that were made."""
        return self.similarities[self.made & ~self.same]

    @property
    def impostor_subjects(self) -> tuple[Int64, Int64]:
        impostor = self.made & ~self.same
        return self.subject[self.first[impostor]], self.subject[self.second[impostor]]


def compare(folder: Path, pairs: PicturePairs, embed: PictureEmbedder, progress: Progress = silent) -> Comparisons:
    """Embed every picture of the list once and compare its pairs."""
    names = pairs.pictures
    row = {name: number for number, name in enumerate(names)}
    embedded = embed_pictures([folder / name for name in names], embed, progress)
    first = np.array([row[name] for name in pairs.first], np.int64)
    second = np.array([row[name] for name in pairs.second], np.int64)
    _, subject = numbered([pairs.shows[name] for name in names])
    return Comparisons(_similarities(embedded, first, second), pairs.same, first, second, embedded.found, subject)


def _similarities(embedded: Embedded, first: Int64, second: Int64) -> Float32:
    cosines: Float32 = np.clip(np.einsum("pd,pd->p", embedded.rows[first], embedded.rows[second]), -1, 1)
    return cosines
