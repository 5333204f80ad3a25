"""Does an FMR that was measured on some people hold among others, and where it was extrapolated?"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from decisions_data import People

from facerec.calibration import balanced, measure_operating_points
from facerec.metrics.intervals import Interval
from facerec.metrics.operating_points import MeasuredPoint, OperatingPoints

SPLITS = 500
MOST = 30
"""Pictures of one person in a calibration, as `facerec export --calibrate` has it."""
TARGETS = (0.1, 0.03, 0.01, 3e-3, 1e-3, 3e-4, 1e-4, 5e-5, 3e-5, 2e-5, 1e-5, 3e-6)


def calibration(people: People, encoder: str, resamples: int = 1000) -> OperatingPoints:
    """The thresholds that these people support, as `facerec export --calibrate` measures them."""
    return measure_operating_points(
        people.rows, people.labels.tolist(), encoder=encoder, evidence="people outside the training",
        rng=np.random.default_rng(0), resamples=resamples,
    )  # fmt: skip


def balanced_people(people: People) -> People:
    """At most MOST pictures of each."""
    return people[balanced(people.labels.tolist(), MOST, np.random.default_rng(0))]


class Impostors:
    """The impostor similarities of some people, so that the FMR of any part of them can be asked for."""

    def __init__(self, people: People, least: float):
        _, self.subject = np.unique(people.labels, return_inverse=True)
        self.pictures = np.bincount(self.subject)
        first, second, high = [], [], []
        for row in range(0, len(people.rows), 512):
            likeness = people.rows[row : row + 512] @ people.rows.T
            a, b = np.nonzero(likeness >= least)
            keep = (a + row < b) & (self.subject[a + row] != self.subject[b])
            first.append(self.subject[a[keep] + row])
            second.append(self.subject[b[keep]])
            high.append(likeness[a[keep], b[keep]])
        self.first, self.second, self.high = (np.concatenate(part) for part in (first, second, high))
        rising = np.argsort(self.high)
        self.first, self.second, self.high = self.first[rising], self.second[rising], self.high[rising]

    def fmrs(self, chosen: np.ndarray, thresholds: Sequence[float]) -> np.ndarray:
        """Among the chosen subjects (S,) bool, at thresholds (T,) not below the least: (T,)."""
        high = self.high[chosen[self.first] & chosen[self.second]]
        accepted = len(high) - np.searchsorted(high, np.asarray(thresholds, np.float32))
        pictures = self.pictures[chosen].astype(np.float64)
        return accepted / ((pictures.sum() ** 2 - (pictures**2).sum()) / 2)


def halves(people: People, encoder: str) -> dict[str, Any]:
    """Calibrate on half of the people and test on the others, again and again."""
    people = balanced_people(people)
    names = np.unique(people.labels)
    impostors = Impostors(people, 0.1)
    rng = np.random.default_rng(1)
    held: dict[tuple[str, float], list[tuple[float, MeasuredPoint]]] = {}
    for _ in range(SPLITS):
        mine = np.isin(names, rng.permutation(names)[: len(names) // 2])
        table = measure_operating_points(
            *_labelled(people, names[mine]), encoder=encoder, evidence="half", rng=rng, targets=TARGETS, resamples=2
        )
        for kind, rows in (("measured", table.rows), ("extrapolated", table.beyond)):
            for row, seen in zip(rows, impostors.fmrs(~mine, thresholds_of(rows)).tolist(), strict=True):
                held.setdefault((kind, row.target), []).append((seen, row))
    return {
        "people": len(names), "splits": SPLITS,
        **{kind: [_coverage(target, found) for (of, target), found in held.items() if of == kind]
           for kind in ("measured", "extrapolated")},
    }  # fmt: skip


def _labelled(people: People, names: np.ndarray) -> tuple[np.ndarray, list[str]]:
    part = people.of(names.tolist())
    return part.rows, part.labels.tolist()


def _coverage(target: float, found: list[tuple[float, MeasuredPoint]]) -> dict[str, Any]:
    """How often the FMR seen among others lay inside the interval that was stated."""
    inside, above, below = _shares([(seen, row.fmr_interval) for seen, row in found])
    ratios = np.array([seen / row.point.fmr for seen, row in found])
    return {
        "target_fmr": target, "supported_splits": len(found), "inside": inside, "above": above, "below": below,
        "mean_ratio": float(ratios.mean()), "ratio_95": np.quantile(ratios, [0.025, 0.975]).tolist(),
    }  # fmt: skip


def _shares(found: list[tuple[float, Interval]]) -> tuple[float, float, float]:
    """Inside, above and below."""
    above = float(np.mean([seen > interval.high for seen, interval in found]))
    below = float(np.mean([seen < interval.low for seen, interval in found]))
    return 1 - above - below, above, below


def thresholds_of(rows: Sequence[MeasuredPoint]) -> list[float]:
    return [row.point.threshold for row in rows]


def elsewhere(table: OperatingPoints, others: People) -> list[dict[str, Any]]:
    """The FMR of all calibration people's thresholds among other people, and among random halves of those."""
    impostors, rows = Impostors(others, table.rows[0].point.threshold), table.extended().rows
    everybody = np.ones(len(impostors.pictures), bool)
    rng = np.random.default_rng(2)
    halves = [rng.permutation(len(everybody)) < len(everybody) // 2 for _ in range(SPLITS)]
    whole, *parts = (impostors.fmrs(one, thresholds_of(rows)) for one in (everybody, *halves))
    return [_row(row, float(whole[at]), [float(part[at]) for part in parts]) for at, row in enumerate(rows)]


def _row(row: MeasuredPoint, whole: float, parts: list[float]) -> dict[str, Any]:
    inside, above, below = _shares([(seen, row.fmr_interval) for seen in parts])
    return {
        "target_fmr": row.target, "threshold": row.point.threshold, "stated_fmr": row.point.fmr,
        "interval": row.fmr_interval.as_list(), "extrapolated": row.point.extrapolated,
        "realised_fmr": whole, "inside": inside, "above": above, "below": below,
    }  # fmt: skip
