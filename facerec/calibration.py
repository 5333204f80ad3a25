"""Thresholds from measurement: every pair of pictures of labelled people, compared with one encoder."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from facerec.errors import InvalidInput
from facerec.metrics import bootstrap
from facerec.metrics.cross_pairs import Compare, Compared, Highest, cross_pairs, impostor_pairs, similarity
from facerec.metrics.intervals import clopper_pearson, subjects_needed
from facerec.metrics.operating_points import MeasuredPoint, OperatingPoints
from facerec.metrics.scores import Bools, Float64, require_rate
from facerec.metrics.verification import allowed_errors, require_support, threshold_accepting
from facerec.records import Float32, Int64, OperatingPoint

TARGETS = (1e-2, 1e-3, 1e-4, 1e-5)
LEAST_EFFECTIVE_ERRORS = 3.0  # the rule of three once more: below it the spread is most of the rate itself


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
    Raises InvalidInput for embeddings or labels that cannot be used.
    """
    if not targets:
        raise InvalidInput("at least one target FMR is needed")
    for target in targets:
        require_rate("a target FMR", target)
    compared = _compare(embeddings, labels, max(targets), compare)
    drawn = bootstrap.draws(len(compared.pictures), rng, resamples)
    rows, refused = [], []
    for target in sorted(targets, reverse=True):
        try:
            rows.append(_measure(compared, drawn, target, encoder, evidence))
        except InvalidInput as reason:
            refused.append((target, str(reason)))
    return OperatingPoints(tuple(rows), tuple(refused))


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


@dataclass(frozen=True, slots=True, eq=False)
class _Compared:
    """What all cross pairs leave behind.

    genuine          (G,) float32  similarities, and whose they are:
    genuine_subject  (G,) int64
    high             the highest impostor similarities, highest first, with the two *subjects* of each
    pictures         (S,) int64    pictures of each subject
    """

    genuine: Float32
    genuine_subject: Int64
    high: Compared
    pictures: Int64

    @property
    def impostors(self) -> int:
        return impostor_pairs(self.pictures)


def _compare(embeddings: Float32, labels: Sequence[str], share: float, compare: Compare) -> _Compared:
    """Compare all pairs; keep the genuine ones and a little more than `share` of the impostor ones."""
    subject, pictures = _subjects(embeddings, labels)
    high = Highest(math.ceil(share * impostor_pairs(pictures)) + 2)
    genuine, owner = [np.zeros(0, np.float32)], [np.zeros(0, np.int64)]
    for first, second, similarities in cross_pairs(embeddings, compare=compare):
        a, b = subject[first], subject[second]
        same = a == b
        genuine.append(similarities[same])
        owner.append(a[same])
        high.add(Compared(a[~same], b[~same], similarities[~same]))
    return _Compared(np.concatenate(genuine), np.concatenate(owner), high.take(), pictures)


def _subjects(embeddings: Float32, labels: Sequence[str]) -> tuple[Int64, Int64]:
    """Each picture's subject as a number (N,), and how many pictures each subject has (S,)."""
    if len(labels) != len(embeddings):
        raise InvalidInput(f"{len(embeddings)} embeddings need as many labels, got {len(labels)}")
    names, subject, pictures = np.unique(np.asarray(labels, dtype=str), return_inverse=True, return_counts=True)
    if len(names) < 2 or pictures.max(initial=0) < 2:
        raise InvalidInput("operating points need at least two subjects, one of them with two pictures")
    return subject.astype(np.int64), pictures.astype(np.int64)


def _measure(compared: _Compared, drawn: Float64, target: float, encoder: str, evidence: str) -> MeasuredPoint:
    """One row of the table. Raises InvalidInput, which says why, where the data cannot support the target."""
    impostors = compared.impostors
    require_support(target, impostors)
    threshold = threshold_accepting(compared.high.similarities, allowed_errors(target, impostors))
    false = compared.high.similarities >= threshold
    false_matches = int(false.sum())
    rates = _fmr_resamples(compared, drawn, false)
    worth = bootstrap.effective_errors(rates)
    _require_independent(target, compared, false, worth)
    naive = clopper_pearson(false_matches, impostors)
    miss = compared.genuine < threshold
    return MeasuredPoint(
        target=target,
        point=OperatingPoint(
            threshold, false_matches / impostors, impostors, len(compared.pictures), encoder, evidence
        ),
        fnmr=float(miss.mean()),
        genuine=len(miss),
        false_matches=false_matches,
        effective_errors=worth,
        fmr_interval=bootstrap.percentiles(rates).covering(naive),
        fnmr_interval=bootstrap.counted_rate(drawn, compared.genuine_subject, compared.genuine_subject, miss).interval,
    )


def _fmr_resamples(compared: _Compared, drawn: Float64, false: Bools) -> Float64:
    """The FMR of each resample of subjects."""
    high = compared.high
    events = bootstrap.weighted_sums(drawn, high.first[false], high.second[false], np.ones(int(false.sum())))
    return bootstrap.rates(events, bootstrap.cross_sums(drawn, compared.pictures))


def _require_independent(target: float, compared: _Compared, false: Bools, worth: float) -> None:
    """Raise InvalidInput where the false matches come from too few people to say anything about others."""
    if worth >= LEAST_EFFECTIVE_ERRORS and false.any():
        return
    high = compared.high
    pairs = {frozenset(pair) for pair in zip(high.first[false].tolist(), high.second[false].tolist(), strict=True)}
    raise InvalidInput(
        f"the {int(false.sum())} false matches at a false match rate of {target:.1e} come from {len(pairs)} pairs "
        f"of subjects and are worth {worth if pairs else 0:.1f} independent ones, {LEAST_EFFECTIVE_ERRORS:.0f} "
        f"are needed: {len(compared.pictures)} subjects are too few, {subjects_needed(target)} are a good start"
    )
