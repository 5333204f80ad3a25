"""What a verification says: whether its probabilities are true, who ends up undecided, and who is refused to join."""

from __future__ import annotations

from typing import Any

import numpy as np
from decisions_data import People
from decisions_fmr import balanced_people
from decisions_fpir import OneShot
from decisions_gate import genuine_pairs
from sklearn.isotonic import IsotonicRegression

from facerec.calibration import measure_probability
from facerec.gallery.fusion import fuse
from facerec.metrics.operating_points import OperatingPoints
from facerec.metrics.probability import Probability
from facerec.metrics.reliability import reliability
from facerec.recognition.deciding import FMR, FPIR, point_for
from facerec.records import OperatingPoint, Verification

SPLITS = 20
PAIRS = 8
"""Pictures of one person that are paired."""
GALLERIES = (100, 500, 1000)


class Pairs:
    """Genuine pairs of some people, and as many impostor pairs: similarities (P,), and which are genuine (P,) bool."""

    def __init__(self, people: People, rng: np.random.Generator):
        first, second = genuine_pairs(people, PAIRS)
        a, b = (rng.integers(0, len(people.rows), 2 * len(first)) for _ in range(2))
        differ = np.flatnonzero(people.labels[a] != people.labels[b])[: len(first)]
        pairs = [(first, second), (a[differ], b[differ])]
        self.scores = np.concatenate([(people.rows[x] * people.rows[y]).sum(axis=1) for x, y in pairs])
        self.genuine = np.arange(len(self.scores)) < len(first)


def halves(people: People, strictest: float) -> dict[str, Any]:
    """Fitted on half of the people, judged on the others: the logistic curve, and isotonic regression beside it."""
    people = balanced_people(people)
    rng, names, errors = np.random.default_rng(6), np.unique(people.labels), []
    for _ in range(SPLITS):
        mine = np.isin(people.labels, rng.permutation(names)[: len(names) // 2])
        fitted, judged = people[mine], Pairs(people[~mine], rng)
        chance = measure_probability(fitted.rows, fitted.labels.tolist(), strictest)
        learned = Pairs(fitted, rng)
        isotonic = IsotonicRegression(out_of_bounds="clip").fit(learned.scores, learned.genuine)
        errors.append([
            reliability(stated, judged.genuine).expected_calibration_error
            for stated in (chance(judged.scores), np.clip(isotonic.predict(judged.scores), 0, 1))
        ])  # fmt: skip
    logistic, isotonic_ = np.mean(errors, axis=0).tolist()
    return {"splits": SPLITS, "logistic_error": logistic, "isotonic_error": isotonic_}


def elsewhere(chance: Probability, others: People) -> dict[str, Any]:
    """The curve of all calibration people, judged on others: its error, and the reliability diagram."""
    pairs = Pairs(others, np.random.default_rng(7))
    diagram = reliability(chance(pairs.scores), pairs.genuine, 10)
    return {
        "pairs": len(pairs.scores), "calibration_error": diagram.expected_calibration_error,
        "predicted": diagram.predicted.tolist(), "observed": diagram.observed.tolist(),
        "counts": diagram.counts.tolist(),
    }  # fmt: skip


def outcomes(chance: Probability, point: OperatingPoint, others: People) -> dict[str, Any]:
    """How many genuine and impostor pairs end as match, undecided and no_match."""
    pairs = Pairs(others, np.random.default_rng(8))
    said = np.array([
        Verification(score, point, None, chance.even).outcome for score in pairs.scores.astype(float).tolist()
    ])  # fmt: skip
    kinds = {"genuine": pairs.genuine, "impostor": ~pairs.genuine}
    shares = {kind: {outcome: float((said[of] == outcome).mean()) for outcome in ("match", "undecided", "no_match")}
              for kind, of in kinds.items()}  # fmt: skip
    return {"fmr": FMR, "threshold": point.threshold, "undecided_from": chance.even, **shares}


def admission(people: People, table: OperatingPoints) -> dict[str, Any]:
    """What enrolling refuses: new people taken for others, second names found, wrong and right further pictures."""
    rng = np.random.default_rng(9)
    return {
        "conflict": [_conflicts(people, table, size, rng) for size in GALLERIES],
        "unlike_others": [_unlike(people, table, number, rng) for number in (1, 3)],
    }


def _conflicts(people: People, table: OperatingPoints, size: int, rng: np.random.Generator) -> dict[str, Any]:
    threshold = point_for(table.extended(), size, FPIR).threshold
    refused, found = np.mean([_conflict(OneShot(people, size, rng), threshold) for _ in range(20)], axis=0).tolist()
    return {"enrolled": size, "new_people_refused": refused, "second_names_found": found}


def _conflict(gallery: OneShot, threshold: float) -> tuple[float, float]:
    return float((gallery.strangers >= threshold).mean()), float((gallery.mated >= threshold).mean())


def _unlike(people: People, table: OperatingPoints, number: int, rng: np.random.Generator) -> dict[str, Any]:
    """A further picture beside `number` of the same person, and one of somebody else."""
    least, right, wrong = table.rows[0].point.threshold, [], []
    for name in np.unique(people.labels):
        rows = rng.permutation(np.flatnonzero(people.labels == name))
        if len(rows) > number:
            template = fuse(people.rows[rows[:number]])
            others = rng.permutation(np.flatnonzero(people.labels != name))[:20]
            right += (people.rows[rows[number : number + 3]] @ template < least).tolist()
            wrong += (people.rows[others] @ template < least).tolist()
    return {
        "pictures": number, "threshold": least, "right_ones_refused": float(np.mean(right)),
        "wrong_ones_found": float(np.mean(wrong)), "right": len(right), "wrong": len(wrong),
    }  # fmt: skip
