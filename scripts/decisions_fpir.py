"""How many strangers get a name, when the threshold follows the number of people enrolled and when it does not."""

from __future__ import annotations

from typing import Any

import numpy as np
from decisions_data import People

from facerec.calibration import TARGETS as FMRS
from facerec.calibration.own import decide, measure_own
from facerec.errors import TooFewPeople
from facerec.gallery.fusion import fused
from facerec.gallery.results import State, StoredEmbeddings
from facerec.metrics.identification import expected_fpir
from facerec.metrics.operating_points import OperatingPoints
from facerec.recognition.deciding import point_for
from facerec.records import OperatingPoint

SIZES = (100, 200, 500, 1000)
CROWDS, KNOWN = (2000, 5000, 10_000, 20_000), 500
"""Galleries larger than LFW: so many of its people among a crowd of other faces."""
TARGETS = (0.01, 0.003)
FIXED = (1e-3, 1e-4)
DRAWS = 40
SELF_SPLITS, SELF_TARGETS = 50, (0.3, 0.1, 0.05)


class OneShot:
    """A gallery of one picture each of N people, one picture of everybody else, and the others of those enrolled.

    `crowd` (C, 128) are further people in the gallery, whom nobody searches for.
    """

    def __init__(self, people: People, size: int, rng: np.random.Generator, crowd: np.ndarray | None = None):
        names, subject = np.unique(people.labels, return_inverse=True)
        order = rng.permutation(len(subject))
        first = order[np.unique(subject[order], return_index=True)[1]]  # a random picture of each
        enrolled, strangers = np.split(rng.permutation(len(names)), [size])
        gallery = people.rows[first[enrolled]]
        searched = gallery if crowd is None else np.concatenate([gallery, crowd])
        self.strangers = (people.rows[first[strangers]] @ searched.T).max(axis=1)
        place = np.full(len(names), -1)
        place[enrolled] = np.arange(size)
        mated = np.flatnonzero((place[subject] >= 0) & (first[subject] != np.arange(len(subject))))
        likeness = people.rows[mated] @ searched.T
        self.own = likeness[np.arange(len(mated)), place[subject[mated]]]
        self.mated = likeness.max(axis=1)
        self.is_first = self.mated == self.own

    def rates(self, threshold: float) -> tuple[float, float]:
        """FPIR and FNIR."""
        found = self.is_first & (self.own >= threshold)
        return float((self.strangers >= threshold).mean()), float(1 - found.mean())


def realised(people: People, table: OperatingPoints) -> dict[str, Any]:
    """FPIR and FNIR at every size, by thresholds that follow the size and by fixed ones."""
    rng = np.random.default_rng(3)
    sizes = [_size(size, [OneShot(people, size, rng) for _ in range(DRAWS)], table) for size in SIZES]
    return {"people": len(np.unique(people.labels)), "draws": DRAWS, "sizes": sizes}


def in_a_crowd(people: People, crowd: np.ndarray, table: OperatingPoints) -> dict[str, Any]:
    """The same in galleries of KNOWN of these people among so many faces of a crowd (C, 128) that each size is full."""
    rng, sizes = np.random.default_rng(4), []
    for size in CROWDS:
        beside = [crowd[rng.permutation(len(crowd))[: size - KNOWN]] for _ in range(DRAWS)]
        sizes.append(_size(size, [OneShot(people, KNOWN, rng, some) for some in beside], table))
    return {"known": KNOWN, "crowd": len(crowd), "draws": DRAWS, "sizes": sizes}


def _size(size: int, drawn: list[OneShot], table: OperatingPoints) -> dict[str, Any]:
    """Galleries of one size, by every kind of threshold."""
    wanted = [(f"target {target:g}", target, point_for(table, size, target)) for target in TARGETS]
    wanted += [
        (f"target {target:g}, extrapolated", target, point)
        for target in TARGETS
        if (point := point_for(table.extended(), size, target)).extrapolated
    ]
    wanted += [(f"fixed FMR {fmr:g}", None, table.at_fmr(fmr)) for fmr in FIXED]
    points = [_point(drawn, size, *one) for one in wanted]
    return {"enrolled": size, "strangers": len(drawn[0].strangers), "points": points}


def _point(drawn: list[OneShot], size: int, name: str, target: float | None, point: OperatingPoint) -> dict[str, Any]:
    rates = np.array([one.rates(point.threshold) for one in drawn])
    fpir, fnir = rates.mean(axis=0).tolist()
    expected = expected_fpir(point.fmr, size)
    return {
        "threshold_by": name, "target_fpir": target, "threshold": point.threshold, "fmr": point.fmr,
        "expected_fpir": expected, "fpir": fpir, "ratio_to_expected": fpir / expected,
        "fpir_95_of_draws": np.quantile(rates[:, 0], [0.025, 0.975]).tolist(), "fnir": fnir,
        "ratio_to_target": None if target is None else fpir / target,
        "can_keep_target": None if target is None else expected <= target,
    }  # fmt: skip


def self_calibrated(people: People, encoder: str) -> dict[str, Any]:
    """Galleries of half of the people that decide by their own pairs only, searched with the other half."""
    rng, names = np.random.default_rng(5), np.unique(people.labels)
    found: dict[float, list[float]] = {target: [] for target in SELF_TARGETS}
    for _ in range(SELF_SPLITS):
        mine = np.isin(people.labels, rng.permutation(names)[: len(names) // 2])
        stored = as_stored(people[mine], encoder)
        own = measure_own(stored, OperatingPoints((), ()), FMRS, rng)
        gallery, strangers = fused(stored).rows, people[~mine]
        best = (strangers.rows @ gallery.T).max(axis=1)
        _, whose, pictures = np.unique(strangers.labels, return_inverse=True, return_counts=True)
        weight = 1 / pictures[whose]  # each stranger counts once
        for target in SELF_TARGETS:
            try:
                row = decide(own, OperatingPoints((), ()), len(gallery), target_fpir=target).search
            except TooFewPeople:
                continue
            found[target].append(float(np.average(best >= row.point.threshold, weights=weight)))
    return {
        "enrolled": len(names) // 2, "splits": SELF_SPLITS,
        "targets": [
            {"target_fpir": target, "supported_splits": len(seen), "fpir": float(np.mean(seen)) if seen else None,
             "ratio_to_target": float(np.mean(seen)) / target if seen else None}
            for target, seen in found.items()
        ],
    }  # fmt: skip


def as_stored(people: People, encoder: str) -> StoredEmbeddings:
    """What a gallery of these pictures would answer."""
    names, subject = np.unique(people.labels, return_inverse=True)
    ids = np.arange(len(people.rows), dtype=np.int64)
    state = State("0" * 32, 1, None)
    return StoredEmbeddings(
        state, encoder, ids, subject.astype(np.int64), people.rows, dict(enumerate(names.tolist())), 0, 0
    )
