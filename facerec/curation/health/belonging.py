"""Whose is a picture? Every subject's pictures taken apart into those that belong together, and compared with others'.

Within a subject, pictures are joined by average linkage. The largest part is the subject's core; what is not joined
with it is a loose part. Cores of two subjects that are alike are one person under two names; a loose part that is like
another subject's core holds mislabelled pictures. Parts are compared as a search compares them, fused into one template
each, so that a threshold that was measured on pairs of pictures keeps its rate.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from facerec.curation.linkage import average_linkage
from facerec.gallery.fusion import fuse
from facerec.records import Float32, Int64

BLOCK = 1024  # rows compared with all others at once


@dataclass(frozen=True, slots=True, eq=False)
class Parts:
    """A gallery taken apart: rows of templates, by subject.

    cores  subject -> its core (R,); a subject whose parts are equally large has none, for nobody can say which is it
    loose  (subject, rows) of every other part
    """

    cores: dict[int, Int64]
    loose: tuple[tuple[int, Int64], ...]


class Likeness(NamedTuple):
    """Two subjects or two rows, and how alike they are."""

    first: int
    second: int
    similarity: float


def take_apart(rows: Float32, subjects: Int64, threshold: float) -> Parts:
    """Part every subject's templates, (N, 128) and whose they are (N,), at a threshold for the mean similarity."""
    cores: dict[int, Int64] = {}
    loose: list[tuple[int, Int64]] = []
    for subject, mine in by_subject(subjects):
        part = average_linkage(rows[mine], threshold)
        parts = [mine[part == number] for number in range(part.max() + 1)]
        if len(parts) == 1 or len(parts[0]) > len(parts[1]):
            cores[subject] = parts.pop(0)
        loose += [(subject, one) for one in parts]
    return Parts(cores, tuple(loose))


def by_subject(subjects: Int64) -> Iterator[tuple[int, Int64]]:
    """Each subject with its rows, rising."""
    order = np.argsort(subjects, kind="stable")
    numbers, starts = np.unique(subjects[order], return_index=True)
    ends = np.append(starts[1:], len(order))
    for subject, start, end in zip(numbers.tolist(), starts, ends[: len(numbers)], strict=True):
        yield subject, order[start:end]


def templates(rows: Float32, parts: Iterable[Int64]) -> Float32:
    """Each part fused into one template: (P, 128)."""
    return np.array([fuse(rows[part]) for part in parts], np.float32).reshape(-1, rows.shape[1])


def alike_cores(rows: Float32, parts: Parts, threshold: float) -> Iterator[Likeness]:
    """Pairs of subjects, first < second, whose cores have a similarity at or above the threshold."""
    subjects = list(parts.cores)
    for one in alike_rows(templates(rows, parts.cores.values()), threshold):
        yield Likeness(subjects[one.first], subjects[one.second], one.similarity)


def alike_rows(rows: Float32, threshold: float) -> Iterator[Likeness]:
    """Pairs of rows, first < second, whose product is at or above the threshold, a block of rows at a time."""
    for top in range(0, len(rows), BLOCK):
        alike = rows[top : top + BLOCK] @ rows[top:].T
        for row, column in np.argwhere(np.triu(alike >= threshold, 1)).tolist():
            yield Likeness(top + row, top + column, float(alike[row, column]))


def best_other(rows: Float32, parts: Parts) -> list[Likeness | None]:
    """For each loose part, the other subject whose core is most like it (None where there is no other).

    `first` is the part's place in `parts.loose`, `second` the subject.
    """
    subjects = np.array(list(parts.cores), np.int64)
    cores = templates(rows, parts.cores.values())
    found: list[Likeness | None] = []
    for place, (owner, part) in enumerate(parts.loose):
        alike = np.where(subjects == owner, -np.inf, cores @ fuse(rows[part]))
        best = int(alike.argmax()) if len(alike) else 0
        is_any = len(alike) > 0 and np.isfinite(alike[best])
        found.append(Likeness(place, int(subjects[best]), float(alike[best])) if is_any else None)
    return found


def mean_similarity(rows: Float32, a: Int64, b: Int64) -> float:
    """Of all pairs of one row of `a` and one of `b`, neither empty."""
    return float(rows[a].mean(axis=0) @ rows[b].mean(axis=0))
