"""Which crops make a batch: functions of an epoch's generator, so that the same seed gives the same batches."""

from __future__ import annotations

from collections.abc import Iterator

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
    order = np.argsort(labels, kind="stable")
    names, starts, counts = np.unique(labels[order], return_index=True, return_counts=True)
    usable = np.flatnonzero((counts >= 2) & (names >= 0))
    if len(usable) < subjects:
        raise InvalidInput(f"{subjects} subjects per batch, but only {len(usable)} have two crops or more")
    usable = rng.permutation(usable)
    for start in range(0, len(usable) - subjects + 1, subjects):
        groups = usable[start : start + subjects]
        yield np.concatenate(
            [order[starts[g] + rng.choice(counts[g], per_subject, replace=counts[g] < per_subject)] for g in groups]
        )
