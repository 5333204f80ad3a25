"""Several pictures of a subject: fused into one template, in several ways, or each by itself."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from decisions_data import People

from facerec.gallery.fusion import fuse
from facerec.metrics.operating_points import OperatingPoints
from facerec.recognition.deciding import point_for
from facerec.records import Float32, unit

NUMBERS = (1, 2, 3, 5)
FPIR = 0.01
PROBES = 3
"""Further pictures of each subject that are searched for, at most."""
RATE_AT = (1e-3, 1e-4)
Fuse = Callable[[Float32, np.ndarray], Float32]


def by_sharpness(rows: Float32, sharpness: np.ndarray) -> Float32:
    """A mean in which a picture counts as the root of its sharpness, up to that of a sharp one."""
    return _weighted(rows, np.sqrt(np.minimum(sharpness, 400.0)) + 1)


def by_agreement(rows: Float32, sharpness: np.ndarray) -> Float32:
    """A mean in which a picture counts as much as it agrees with the others."""
    others = rows @ rows.T - np.eye(len(rows))
    return _weighted(rows, np.maximum(others.sum(axis=1), 0.05) if len(rows) > 2 else np.ones(len(rows)))


def _weighted(rows: Float32, weight: np.ndarray) -> Float32:
    """The weighted mean, as long as `fuse` would have it."""
    mean = (rows * (weight / weight.sum())[:, None].astype(np.float32)).sum(axis=0)
    length = np.linalg.norm(mean)
    return (mean * length ** (1 / 3 - 1)).astype(np.float32)


WAYS: dict[str, Fuse | None] = {
    "fused": lambda rows, sharpness: fuse(rows),
    "fused, of length 1": lambda rows, sharpness: unit(fuse(rows)[None])[0],
    "fused, sharp ones count more": by_sharpness,
    "fused, agreeing ones count more": by_agreement,
    "each": None,
}


class Enrolled:
    """Two thirds of those with enough pictures enrolled with `number` each (None: 1 to 5), all others strangers."""

    def __init__(self, people: People, number: int | None, rng: np.random.Generator):
        self.people = people
        _, subject, pictures = np.unique(people.labels, return_inverse=True, return_counts=True)
        able = np.flatnonzero(pictures > (number or 1))
        chosen = rng.permutation(able)[: len(able) * 2 // 3]
        self.gallery, self.probes, self.strangers = [], [], []
        for one in chosen:
            rows = rng.permutation(np.flatnonzero(subject == one))
            count = number or int(rng.integers(1, min(6, len(rows))))
            self.gallery.append(rows[:count])
            self.probes.append(rows[count : count + PROBES])
        for one in np.setdiff1d(np.arange(len(pictures)), chosen):
            self.strangers.append(rng.permutation(np.flatnonzero(subject == one))[:PROBES])
        self.own = np.repeat(np.arange(len(chosen)), [len(rows) for rows in self.probes])

    def searched(self, fusing: Fuse | None) -> tuple[np.ndarray, np.ndarray]:
        """The similarity of each mated probe with its own subject (-1 where another is first), and strangers' best."""
        rows, sharpness = self.people.rows, self.people.field("sharpness")
        probes, strangers = rows[np.concatenate(self.probes)], rows[np.concatenate(self.strangers)]
        if fusing:
            gallery = np.stack([fusing(rows[own], sharpness[own]) for own in self.gallery])
            mated, others = probes @ gallery.T, strangers @ gallery.T
        else:
            gallery, starts = rows[np.concatenate(self.gallery)], np.cumsum([0, *map(len, self.gallery[:-1])])
            mated, others = (np.maximum.reduceat(one @ gallery.T, starts, axis=1) for one in (probes, strangers))
        mine = mated[np.arange(len(mated)), self.own]
        return np.where(mated.max(axis=1) == mine, mine, -1), others.max(axis=1)


def compared(people: People, table: OperatingPoints, draws: int) -> list[dict[str, Any]]:
    """FNIR where one stranger in a hundred gets a name, and what the threshold that is stated for that does instead."""
    return [_compare(people, table, number, draws) for number in (*NUMBERS, None)]


def _compare(people: People, table: OperatingPoints, number: int | None, draws: int) -> dict[str, Any]:
    rng = np.random.default_rng(number or 0)
    drawn = [Enrolled(people, number, rng) for _ in range(draws)]
    size = len(drawn[0].gallery)
    ways = []
    for name, fusing in WAYS.items():
        both = [one.searched(fusing) for one in drawn]
        own, best = (np.concatenate(part) for part in zip(*both, strict=True))
        searched = size if fusing else sum(len(one.gallery[0]) for one in drawn) * size // draws
        stated = point_for(table, searched, FPIR).threshold
        ways.append({
            "way": name, "rank_1": float((own > -1).mean()), "fnir": float((own < np.quantile(best, 1 - FPIR)).mean()),
            "stated_threshold": stated, "fpir_there": float((best >= stated).mean()),
            "fnir_there": float((own < stated).mean()),
        })  # fmt: skip
    return {"pictures": number or "1 to 5", "enrolled": size, "strangers": len(drawn[0].strangers), "ways": ways}


def rates_kept(people: People, table: OperatingPoints, draws: int = 6) -> list[dict[str, Any]]:
    """The FMR of templates made of several pictures, as a multiple of that of single ones of the same people."""
    _, subject, pictures = np.unique(people.labels, return_inverse=True, return_counts=True)
    able = np.flatnonzero(pictures >= 8)
    found = []
    for fmr in RATE_AT:
        threshold = table.at_fmr(fmr).threshold
        rates = {number: _rates(people, subject, able, number, threshold, draws) for number in (1, 2, 3, 5, 8)}
        for number in (2, 3, 5, 8):
            found.append({"fmr": fmr, "pictures": number, "people": len(able),
                          **{way: rates[number][way] / rates[1][way] for way in rates[number]}})  # fmt: skip
    return found


def _rates(
    people: People, subject: np.ndarray, able: np.ndarray, number: int, threshold: float, draws: int
) -> dict[str, float]:
    rng, hits, total = np.random.default_rng(number), {"fused": 0, "fused, of length 1": 0, "each": 0}, 0
    for _ in range(draws):
        for one in able:
            rows = people.rows[rng.permutation(np.flatnonzero(subject == one))[:number]]
            others = people.rows[subject != one]
            short = fuse(rows)
            total += len(others)
            hits["fused"] += int((others @ short >= threshold).sum())
            hits["fused, of length 1"] += int((others @ unit(short[None])[0] >= threshold).sum())
            hits["each"] += int(((others @ rows.T).max(axis=1) >= threshold).sum())
    return {way: count / total for way, count in hits.items()}
