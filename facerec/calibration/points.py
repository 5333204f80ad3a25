"""Thresholds from measurement: every pair of pictures of labelled people, compared with one encoder."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from facerec.calibration.comparisons import AllPairs, compare_all
from facerec.calibration.people import numbered, require_genuine
from facerec.errors import InvalidInput
from facerec.metrics import bootstrap
from facerec.metrics.cross_pairs import Compare, similarity
from facerec.metrics.intervals import Interval, clopper_pearson, expected_elsewhere, subjects_needed
from facerec.metrics.operating_points import MeasuredPoint, OperatingPoints
from facerec.metrics.scores import Bools, Float64, require_rate
from facerec.metrics.shared_errors import Worth, worth_of, worth_without_each
from facerec.metrics.tail import Tail, fit_tail, refitted_rates
from facerec.metrics.verification import allowed_errors, require_support, threshold_accepting
from facerec.records import Float32, OperatingPoint

TARGETS = (
    0.1, 0.05, 0.03, 0.02, 0.01, 5e-3, 3e-3, 2e-3, 1e-3, 5e-4, 3e-4, 2e-4, 1e-4, 5e-5, 3e-5, 2e-5, 1e-5,
    5e-6, 3e-6, 2e-6, 1e-6, 5e-7, 3e-7, 2e-7, 1e-7,
)  # fmt: skip
"""False match rates that a calibration tries to support."""
LEAST_EFFECTIVE_ERRORS = 3.0  # the rule of three once more: below it the spread is most of the rate itself
TAIL_ERRORS = 10.0
"""Effective errors beyond the start of a tail. From there on the curve was right on average two decades further
(docs/results/decisions.md); more errors begin it where the scores do not follow it yet."""
FARTHEST = 100.0
"""How many times lower than the lowest measured rate a tail is asked about."""


@dataclass(frozen=True, slots=True)
class Measured:
    """What is measured, and the words and draws that go with it."""

    pairs: AllPairs
    drawn: Float64
    encoder: str
    evidence: str


def measure_operating_points(
    embeddings: Float32,
    labels: Sequence[str],
    *,
    encoder: str,
    evidence: str,
    rng: np.random.Generator,
    targets: Sequence[float] = TARGETS,
    resamples: int = bootstrap.RESAMPLES,
    compare: Compare = similarity,
) -> OperatingPoints:
    """The threshold at each target FMR, over all cross pairs of the labelled pictures.

    embeddings  (N, 128) float32 unit rows, of people the encoder was not trained on
    labels      N names, one subject each; at least two subjects, one of them with two pictures
    encoder     sha256 of the encoder's weights, hex
    evidence    what was measured, in words
    compare     how two embeddings become a similarity; the cosine, unless it is another head's

    A target that the data cannot support comes back in `refused` with the reason: too few impostor comparisons for
    the rule of three, or false matches from so few subjects that they are worth fewer than three independent ones.
    Where a tail can be fitted, the targets up to a hundred times lower than the lowest measured are in `beyond` too.
    Raises InvalidInput for embeddings or labels that cannot be used.
    """
    require_genuine(numbered(embeddings, labels)[1])
    require_targets(targets)
    pairs = compare_all(embeddings, labels, max(targets), compare)
    drawn = bootstrap.draws(pairs.subjects, rng, resamples)
    return operating_points(Measured(pairs, drawn, encoder, evidence), targets)


def require_targets(targets: Sequence[float]) -> None:
    """Raise InvalidInput unless there is a target, and each a rate."""
    if not targets:
        raise InvalidInput("at least one target FMR is needed")
    for target in targets:
        require_rate("a target FMR", target)


def operating_points(measured: Measured, targets: Sequence[float]) -> OperatingPoints:
    """The table of what the pairs support, why not the rest, and what a tail says of that."""
    rows, refused = [], []
    for target in sorted(set(targets), reverse=True):
        try:
            rows.append(_measure(measured, target))
        except InvalidInput as reason:
            refused.append((target, str(reason)))
    return OperatingPoints(tuple(rows), tuple(refused), _beyond(measured, rows, [target for target, _ in refused]))


def _measure(measured: Measured, target: float) -> MeasuredPoint:
    """One row of the table. Raises InvalidInput, which says why, where the data cannot support the target."""
    pairs = measured.pairs
    require_support(target, pairs.impostors)
    threshold = threshold_accepting(pairs.high.similarities, allowed_errors(target, pairs.impostors))
    false = pairs.false(threshold)
    false_matches = int(false.sum())
    worth = worth_of(pairs.high.first[false], pairs.high.second[false], pairs.pictures)
    _require_independent(target, pairs, false, worth.errors)
    point = OperatingPoint(
        threshold, false_matches / pairs.impostors, pairs.impostors, pairs.subjects, measured.encoder,
        measured.evidence,
    )  # fmt: skip
    elsewhere = expected_elsewhere(point.fmr, min(worth.errors, false_matches), worth.freedom)
    return _row(measured, target, point, worth, elsewhere.covering(clopper_pearson(false_matches, pairs.impostors)))


def _row(
    measured: Measured, target: float, point: OperatingPoint, worth: Worth, fmr_interval: Interval
) -> MeasuredPoint:
    """A row of the table, with what genuine comparisons there are say of its threshold."""
    pairs = measured.pairs
    miss = pairs.genuine < point.threshold
    fnmr = (
        bootstrap.counted_rate(measured.drawn, pairs.genuine_subject, pairs.genuine_subject, miss)
        if len(miss)
        else None
    )
    return MeasuredPoint(
        target=target,
        point=point,
        fnmr=fnmr.share if fnmr else None,
        genuine=len(miss),
        false_matches=int(pairs.false(point.threshold).sum()),
        effective_errors=worth.errors,
        fmr_interval=fmr_interval,
        fnmr_interval=fnmr.interval if fnmr else None,
    )


def _require_independent(target: float, pairs: AllPairs, false: Bools, worth: float) -> None:
    """Raise InvalidInput where the false matches come from too few people to say anything about others."""
    if worth >= LEAST_EFFECTIVE_ERRORS and false.any():
        return
    high = pairs.high
    found = {frozenset(pair) for pair in zip(high.first[false].tolist(), high.second[false].tolist(), strict=True)}
    raise InvalidInput(
        f"the {int(false.sum())} false matches at a false match rate of {target:.1e} come from {len(found)} pairs "
        f"of subjects and are worth {worth if found else 0:.1f} independent ones, {LEAST_EFFECTIVE_ERRORS:.0f} "
        f"are needed: {pairs.subjects} subjects are too few, {subjects_needed(target)} are a good start"
    )


def _beyond(measured: Measured, rows: Sequence[MeasuredPoint], targets: Sequence[float]) -> tuple[MeasuredPoint, ...]:
    """What a tail says of the targets below the lowest measured rate; nothing where none can be fitted."""
    begins = [row for row in rows if row.effective_errors >= TAIL_ERRORS]
    if not begins:
        return ()
    begin, last = begins[-1].point, rows[-1].point
    wanted = [target for target in targets if last.fmr / FARTHEST <= target < last.fmr]
    try:
        tail = fit_tail(
            begin.threshold, begin.fmr, measured.pairs.high.similarities[measured.pairs.false(begin.threshold)]
        )
    except InvalidInput:
        return ()
    found = (_extrapolate(measured, tail, last.threshold, target) for target in wanted)
    return tuple(row for row in found if row)


def _extrapolate(measured: Measured, tail: Tail, above: float, target: float) -> MeasuredPoint | None:
    """The row that a tail gives for a target, above the highest measured threshold; None where it means nothing."""
    threshold = tail.threshold(target)
    pairs = measured.pairs
    worth = worth_without_each(target, _rates_without_each(pairs, tail, threshold), pairs.subjects)
    if threshold <= above or worth.errors < 1:
        return None
    evidence = f"{measured.evidence}; a generalised Pareto tail fitted to the similarities above {tail.start:.3f}"
    point = OperatingPoint(
        threshold, target, pairs.impostors, pairs.subjects, measured.encoder, evidence, extrapolated=True
    )
    return _row(measured, target, point, worth, expected_elsewhere(target, worth.errors, worth.freedom))


def _rates_without_each(pairs: AllPairs, tail: Tail, threshold: float) -> Float64:
    """The rate at a threshold by tails fitted without one subject after the other, of those that have false matches."""
    false = pairs.false(tail.start)
    first, second = pairs.high.first[false], pairs.high.second[false]
    out = np.unique(np.concatenate([first, second]))[:, None]
    stays = ((first != out) & (second != out)).astype(np.float64)
    trials = pairs.impostors - pairs.pictures[out[:, 0]] * (pairs.pictures.sum() - pairs.pictures[out[:, 0]])
    return refitted_rates(tail.start, pairs.high.similarities[false], stays, trials.astype(np.float64), threshold)
