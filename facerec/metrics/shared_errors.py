"""What errors are worth that share people: a hundred false matches of one pair of look-alikes are one finding, not
a hundred.

By the jackknife over subjects, which takes each out with all its pairs (Arvesen, 1969).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from facerec.metrics.cross_pairs import impostor_pairs
from facerec.metrics.scores import Float64
from facerec.records import Int64


class Worth(NamedTuple):
    """What the errors behind a rate are worth.

    errors   how many independent errors would leave the rate as uncertain: rate^2 / variance
    freedom  degrees of freedom of that variance: it is an estimate too, and rests on few where few matter
    """

    errors: float
    freedom: float


NOTHING = Worth(0.0, 1.0)


def worth_of(first: Int64, second: Int64, pictures: Int64) -> Worth:
    """What errors are worth, all pairs of pictures having been compared.

    first, second  (C,) the two subjects of each error
    pictures       (S,) pictures of each subject

    It errs on the safe side: C errors of C pairs of subjects without one in common are worth C / 2.

    >>> round(worth_of(np.array([0, 2, 4]), np.array([1, 3, 5]), np.ones(600, np.int64)).errors, 2)
    1.5
    """
    errors, subjects = len(first), len(pictures)
    if not errors:
        return NOTHING
    trials = impostor_pairs(pictures)
    of_subject = np.bincount(first, minlength=subjects) + np.bincount(second, minlength=subjects)
    left = (trials - pictures * (pictures.sum() - pictures)).astype(np.float64)
    without = np.divide(errors - of_subject, left, out=np.zeros(subjects), where=left > 0)
    rate = errors / trials
    _, of_pair = np.unique(np.minimum(first, second) * subjects + np.maximum(first, second), return_counts=True)
    by_pairs = errors**2 / (2.0 * float((of_pair.astype(np.float64) ** 2).sum()))
    found = worth_without_each(rate, without, subjects)
    return Worth(min(found.errors, by_pairs), found.freedom)


def worth_without_each(rate: float, without: Float64, subjects: int) -> Worth:
    """The same of any rate: `without` (J,) is what it is when one of `subjects` is taken out, of those that matter.

    The degrees of freedom are those of a sum of squares that are not alike (Satterthwaite, 1946): 2 S / (kurtosis - 1),
    never more than S - 1. Infinitely many errors where nobody's absence changes the rate.
    """
    squares = (without - rate) ** 2
    total = float(squares.sum())
    if not total > 0:
        return Worth(float("inf"), float(max(1, subjects - 1)))
    kurtosis = subjects * float((squares**2).sum()) / total**2
    freedom = min(2 * subjects / max(kurtosis - 1, 1e-12), subjects - 1)
    return Worth(rate**2 / (total * (subjects - 1) / subjects), max(1.0, freedom))
