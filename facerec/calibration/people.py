"""Which pictures of which people a calibration is made from."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from facerec.errors import InvalidInput
from facerec.records import Int64


def numbered(embeddings: np.ndarray, labels: Sequence[str]) -> tuple[Int64, Int64]:
    """Each picture's subject as a number (N,), and how many pictures each subject has (S,).

    Raises InvalidInput where there is no impostor comparison, or not a label for every embedding.
    """
    if len(labels) != len(embeddings):
        raise InvalidInput(f"{len(embeddings)} embeddings need as many labels, got {len(labels)}")
    names, subject, pictures = np.unique(np.asarray(labels, dtype=str), return_inverse=True, return_counts=True)
    if len(names) < 2:
        raise InvalidInput("operating points need at least two subjects")
    return subject.astype(np.int64), pictures.astype(np.int64)


def require_genuine(pictures: np.ndarray) -> None:
    """Raise InvalidInput where no subject has two pictures, (S,)."""
    if pictures.max(initial=0) < 2:
        raise InvalidInput("operating points need at least two subjects, one of them with two pictures")


def balanced(labels: Sequence[str], most: int, rng: np.random.Generator) -> Int64:
    """Rows of at most `most` pictures of each subject, chosen by chance: rising row numbers (at most N,) int64.

    Where a few subjects have most of the pictures, their pairs drown all others': with at most 20 or 30 each, the
    same people bear out lower error rates.
    """
    if most < 1:
        raise InvalidInput(f"at least one picture of each subject is needed, got {most}")
    order = rng.permutation(len(labels))
    _, subject, pictures = np.unique(np.asarray(labels, dtype=str)[order], return_inverse=True, return_counts=True)
    together = np.argsort(subject, kind="stable")  # subject after subject, each in its random order
    place = np.arange(len(order)) - np.repeat(pictures.cumsum() - pictures, pictures)
    return np.sort(order[together[place < most]])
