"""Which crops make a batch: functions of an epoch's generator, so that the same seed gives the same batches."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence

import numpy as np

from facerec.errors import InvalidInput
from facerec.records import Int64


def shuffled(count: int, batch: int, rng: np.random.Generator) -> Iterator[Int64]:
    """Every row once per epoch in random order, in full batches; the few left over wait for the next epoch."""
    order = rng.permutation(count)
    for start in range(0, count - batch + 1, batch):
        yield order[start : start + batch]


def balanced(labels: Int64, subjects: int, per_subject: int, rng: np.random.Generator) -> Iterator[Int64]:
    """P subjects with K crops each, every subject once at most: the P x K batches of Hermans et al. (2017).

    The subjects left over after the last full batch wait for the next epoch. Rows of label -1 are left out, and
    subjects with fewer than two crops, who have no positive; a subject with fewer than K gives some crops twice.
    Raises InvalidInput when fewer than P subjects remain.
    """
    rows = rows_by_subject(labels, subjects)
    order = rng.permutation(len(rows))
    for start in range(0, len(rows) - subjects + 1, subjects):
        yield some_of_each([rows[who] for who in order[start : start + subjects]], per_subject, rng)


def confused(
    labels: Int64, lookalikes: Int64, subjects: int, per_subject: int, rng: np.random.Generator
) -> Iterator[Int64]:
    """The same, with subjects who look alike in one batch: see `neighbourhoods`.

    lookalikes  (S, L)  row k belongs to the k-th list of `rows_by_subject`
    """
    rows = rows_by_subject(labels, subjects)
    for group in neighbourhoods(lookalikes, subjects, rng):
        yield some_of_each([rows[who] for who in group], per_subject, rng)


def neighbourhoods(lookalikes: Int64, size: int, rng: np.random.Generator) -> Iterator[list[int]]:
    """Groups of subjects who look alike: one by chance, then its lookalikes, theirs, and so on until there are enough.

    lookalikes  (S, L) int64, for each subject those whom it resembles, the most similar first; -1 where there is none

    Every subject is in one group at most; where nobody left looks like the group, it goes on with one by chance.
    """
    left = dict.fromkeys(rng.permutation(len(lookalikes)).tolist())
    while len(left) >= size:
        group: list[int] = []
        waiting: deque[int] = deque()
        while len(group) < size:
            who = waiting.popleft() if waiting else next(iter(left))
            if who in left:
                del left[who]
                group.append(who)
                waiting.extend(lookalikes[who].tolist())
        yield group


def rows_by_subject(labels: Int64, at_least: int = 0) -> list[Int64]:
    """The rows of each subject with two crops or more, in order of label; label -1 is nobody.

    Raises InvalidInput where these are fewer than `at_least`.
    """
    order = np.argsort(labels, kind="stable")
    names, starts = np.unique(labels[order], return_index=True)
    parts = zip(names, np.split(order, starts[1:]), strict=True) if len(names) else ()
    usable = [rows for name, rows in parts if name >= 0 and len(rows) >= 2]
    if len(usable) < at_least:
        raise InvalidInput(f"{at_least} subjects per batch, but only {len(usable)} have two crops or more")
    return usable


def some_of_each(rows: Sequence[Int64], per_subject: int, rng: np.random.Generator) -> Int64:
    """K rows of each subject, some twice where there are fewer: (P K,) int64."""
    return np.concatenate([rng.choice(own, per_subject, replace=len(own) < per_subject) for own in rows])
