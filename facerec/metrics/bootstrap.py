"""Intervals for rates over pairs that share subjects: subjects are drawn again, not pairs.

Two pairs with a subject in common are not independent trials, so an interval over pairs is too narrow. Each
resample draws as many subjects as there are, with replacement. A pair of two subjects then counts as often as the
product of how often each was drawn, a pair of pictures of one subject as often as that subject was (Bolle, Ratha
and Pankanti, 2004; products err on the safe side: Owen, 2007). Subjects are numbers from 0; `drawn` is (R, S): how
often each resample drew each subject.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from facerec.errors import InvalidInput
from facerec.metrics.intervals import LEVEL, Interval, Rate, clopper_pearson
from facerec.metrics.scores import Float64, require_rate, require_scores
from facerec.records import Int64

RESAMPLES = 1000
CELLS = 2**21  # weights held at once: 16 MB


def draws(subjects: int, rng: np.random.Generator, resamples: int = RESAMPLES) -> Float64:
    """How often each resample draws each subject: (R, S) float64 whole numbers, every row adding up to S."""
    if subjects < 1 or resamples < 1:
        raise InvalidInput(f"a bootstrap needs subjects and resamples, got {subjects} and {resamples}")
    return rng.multinomial(subjects, np.full(subjects, 1 / subjects), size=resamples).astype(np.float64)


def pair_weights(drawn: Float64, first: Int64, second: Int64) -> Float64:
    """How often each resample holds each pair of subjects: (R, S), (C,), (C,) -> (R, C)."""
    by_subject = np.ascontiguousarray(drawn.T)  # whole rows are gathered several times faster than columns
    weights = by_subject[first]
    of_two = first != second
    weights[of_two] *= by_subject[second[of_two]]
    return weights.T


def weighted_sums(drawn: Float64, first: Int64, second: Int64, values: np.ndarray) -> Float64:
    """In each resample, the sum of `values` (C,) over the pairs of subjects it holds: -> (R,)."""
    pairs, cell = np.unique(first * drawn.shape[1] + second, return_inverse=True)
    summed = np.bincount(cell, weights=values.astype(np.float64), minlength=len(pairs))
    first, second = np.divmod(pairs, drawn.shape[1])
    total = np.zeros(len(drawn))
    step = max(1, CELLS // len(drawn))
    for start in range(0, len(pairs), step):
        part = slice(start, start + step)
        total += pair_weights(drawn, first[part], second[part]) @ summed[part]
    return total


def cross_sums(drawn: Float64, pictures: Int64) -> Float64:
    """In each resample, the number of impostor pairs when every picture meets every other subject's: -> (R,).

    `pictures` (S,) is how many pictures each subject has. The same as `weighted_sums` over all pairs of subjects,
    with the product of their pictures as values, without making that list.
    """
    counted = drawn * pictures
    sums: Float64 = (counted.sum(axis=1) ** 2 - (counted**2).sum(axis=1)) / 2
    return sums


def rates(events: Float64, trials: Float64) -> Float64:
    """events / trials of every resample that holds a trial: (R,), (R,) -> (at most R,)."""
    held = trials > 0
    if not held.any():
        raise InvalidInput("no resample holds a comparison: there are too few subjects")
    return events[held] / trials[held]


def percentiles(values: Float64, level: float = LEVEL) -> Interval:
    """The middle `level` of the resampled rates."""
    require_rate("the level of an interval", level)
    low, high = np.quantile(values, [(1 - level) / 2, (1 + level) / 2])
    return Interval(float(low), float(high), level)


def counted_rate(drawn: Float64, first: Int64, second: Int64, event: np.ndarray, level: float = LEVEL) -> Rate:
    """The share of pairs with an event, with its interval over subjects; `first`, `second`, `event` are each (C,).

    The interval is never narrower than Clopper-Pearson's, which also stands in where no event was seen.
    """
    require_same_length(first, second, event)
    events = weighted_sums(drawn, first, second, event)
    trials = weighted_sums(drawn, first, second, np.ones(len(event)))
    seen = int(event.sum())
    naive = clopper_pearson(seen, len(event), level)
    return Rate(seen, len(event), percentiles(rates(events, trials), level).covering(naive))


def effective_errors(resampled: Float64) -> float:
    """How many independent errors would leave a rate as uncertain as the resamples (R,) say it is.

    A count of k independent errors has mean^2 / variance = k; errors that all come from one pair of look-alikes
    are worth less than one. Infinite where the resamples do not differ.
    """
    variance = float(resampled.var())
    return float(resampled.mean()) ** 2 / variance if variance > 0 else float("inf")


def tars_at_fmr(
    drawn: Float64,
    genuine: np.ndarray,
    genuine_subject: Int64,
    impostor: np.ndarray,
    impostor_subjects: tuple[Int64, Int64],
    target: float,
) -> Float64:
    """TAR at an FMR of at most `target` in each resample: a column of `tars_at_fmrs`, -> (at most R,)."""
    return tars_at_fmrs(drawn, genuine, genuine_subject, impostor, impostor_subjects, [target])[:, 0]


def tars_at_fmrs(
    drawn: Float64,
    genuine: np.ndarray,
    genuine_subject: Int64,
    impostor: np.ndarray,
    impostor_subjects: tuple[Int64, Int64],
    targets: Sequence[float],
) -> Float64:
    """As `tars_of_resamples`, without the resamples that hold no genuine or no impostor pair: -> (at most R, K)."""
    tars = tars_of_resamples(drawn, genuine, genuine_subject, impostor, impostor_subjects, targets)
    return tars[~np.isnan(tars[:, 0])]


def tars_of_resamples(
    drawn: Float64,
    genuine: np.ndarray,
    genuine_subject: Int64,
    impostor: np.ndarray,
    impostor_subjects: tuple[Int64, Int64],
    targets: Sequence[float],
) -> Float64:
    """TAR at an FMR of at most each target in each resample, the threshold chosen anew in each: -> (R, K).

    genuine   (G,)  scores, and whose: genuine_subject (G,)
    impostor  (M,)  scores, and whose: impostor_subjects, two of (M,)
    targets   K rates

    NaN in the resamples without a genuine or without an impostor pair.
    """
    for target in targets:
        require_rate("a target FMR", target)
    require_same_length(genuine, genuine_subject)
    require_same_length(impostor, *impostor_subjects)
    falling = np.argsort(-require_scores("impostor", impostor), kind="stable")
    subjects = impostor_subjects[0][falling], impostor_subjects[1][falling]
    rising = np.argsort(require_scores("genuine", genuine), kind="stable")
    found = [
        _tars(part, genuine[rising], genuine_subject[rising], impostor[falling], subjects, targets)
        for part in _chunks(drawn, len(genuine) + len(impostor))
    ]
    return np.concatenate(found)


def _chunks(drawn: Float64, width: int) -> Iterator[Float64]:
    step = max(1, CELLS // width)
    for start in range(0, len(drawn), step):
        yield drawn[start : start + step]


def _tars(
    drawn: Float64,
    genuine: np.ndarray,
    genuine_subject: Int64,
    impostor: np.ndarray,
    impostor_subjects: tuple[Int64, Int64],
    targets: Sequence[float],
) -> Float64:
    """As `tars_of_resamples`, with genuine scores rising and impostor scores falling."""
    accepted = pair_weights(drawn, *impostor_subjects).cumsum(axis=1)
    weight = drawn[:, genuine_subject]
    held = (accepted[:, -1] > 0) & (weight.sum(axis=1) > 0)
    tars = np.full((len(drawn), len(targets)), np.nan)
    accepted, weight = accepted[held], weight[held]
    ends = np.append(np.flatnonzero(np.diff(impostor)), len(impostor) - 1)  # tied scores are accepted together
    fmrs = accepted[:, ends] / accepted[:, -1:]
    groups = np.stack([(fmrs <= target).sum(axis=1) for target in targets], axis=1)
    best_refused = impostor[ends[groups]]
    refused = np.searchsorted(genuine, best_refused, side="right")
    below = np.pad(weight.cumsum(axis=1), ((0, 0), (1, 0)))
    tars[held] = 1 - np.take_along_axis(below, refused, axis=1) / below[:, -1:]
    return tars


def require_same_length(*arrays: np.ndarray) -> None:
    """Raise InvalidInput unless the arrays are equally long and not empty."""
    lengths = {len(array) for array in arrays}
    if len(lengths) != 1 or 0 in lengths:
        raise InvalidInput(f"arrays of one length, at least 1, are needed, got lengths {sorted(lengths)}")
