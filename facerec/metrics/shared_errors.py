"""What errors are worth that share people: a hundred false matches of one pair of look-alikes are one finding, not
a hundred.
"""

from __future__ import annotations

import numpy as np

from facerec.metrics.cross_pairs import impostor_pairs
from facerec.metrics.scores import Float64
from facerec.records import Int64


def effective_count(first: Int64, second: Int64, pictures: Int64) -> float:
    """How many independent errors would leave the rate as uncertain as these do.

    first, second  (C,) the two subjects of each error, all pairs of pictures having been compared
    pictures       (S,) pictures of each subject

    By the jackknife over subjects, which takes each out with all its pairs (Arvesen, 1969): rate^2 / variance. It errs
    on the safe side: C errors of C pairs of subjects without one in common are worth C / 2. 0 for no error.

    >>> effective_count(np.array([0, 2, 4]), np.array([1, 3, 5]), np.ones(600, np.int64))
    1.5
    """
    errors = len(first)
    if not errors:
        return 0.0
    subjects = len(pictures)
    of_subject = np.bincount(first, minlength=subjects) + np.bincount(second, minlength=subjects)
    rate = errors / impostor_pairs(pictures)
    surprise = of_subject - rate * pictures * (pictures.sum() - pictures)
    _, of_pair = np.unique(np.minimum(first, second) * subjects + np.maximum(first, second), return_counts=True)
    return float(errors**2 / max((surprise**2).sum(), 2 * (of_pair**2).sum()))


def jackknife_count(rate: float, without: Float64, subjects: int) -> float:
    """The same of any rate: `without` (J,) is what it is when one of `subjects` is taken out, of those that matter.

    Infinite where nobody's absence changes the rate.
    """
    variance = float(((without - rate) ** 2).sum()) * (subjects - 1) / subjects
    return rate**2 / variance if variance > 0 else float("inf")
