"""Which faces had better not be enrolled: what poor pictures do to the people enrolled from them."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
from decisions_data import BLURRED, SHRUNK, People

from facerec.errors import LowQuality
from facerec.faces.gate import Gate
from facerec.metrics.operating_points import OperatingPoints

FPIR = 0.01
DISCARDED = (0, 1, 2, 5, 10, 20)
"""Per cent of the pictures, those of the least quality."""
QUALITIES = {
    "score": lambda people: people.field("score"),
    "eye_distance": lambda people: people.field("eye_distance"),
    "sharpness": lambda people: people.field("sharpness"),
    "frontal (yaw)": lambda people: -np.abs(people.field("yaw")),
    "frontal (pitch)": lambda people: -np.abs(people.field("pitch")),
    "upright (roll)": lambda people: -np.abs(people.field("roll")),
}


class WorseTemplates:
    """LFW people enrolled from one picture, in the given state, and searched for with their others."""

    def __init__(self, everybody: People, clean: People):
        self.names = clean.labels
        enrolled = np.isin(everybody.sources, clean.sources)
        mated = np.isin(everybody.labels, self.names) & ~enrolled
        place = {name: row for row, name in enumerate(self.names)}
        self.probes, self.own = everybody.rows[mated], np.array([place[name] for name in everybody.labels[mated]])
        others = everybody[~np.isin(everybody.labels, self.names)]
        self.strangers = others.rows[np.unique(others.labels, return_index=True)[1]]

    def measure(self, state: str, enrolled: People) -> dict[str, Any]:
        """What such templates do; who was not found at all has a template that is like nobody."""
        gallery = np.zeros((len(self.names), 128), np.float32)
        gallery[[np.flatnonzero(self.names == name)[0] for name in enrolled.labels]] = enrolled.rows
        mated, best = self.probes @ gallery.T, (self.strangers @ gallery.T).max(axis=1)
        mine = mated[np.arange(len(mated)), self.own]
        first = mated.max(axis=1) == mine
        return {
            "state": state, "not_found_by_detector": len(self.names) - len(enrolled.rows),
            "eye_distance": float(np.median(enrolled.field("eye_distance"))),
            "sharpness": float(np.median(enrolled.field("sharpness"))),
            "score": float(np.median(enrolled.field("score"))), "rank_1": float(first.mean()),
            "fnir": float(1 - (first & (mine >= np.quantile(best, 1 - FPIR))).mean()),
        }  # fmt: skip


def worse(everybody: People, states: dict[str, People]) -> dict[str, Any]:
    """FNIR by the state of the enrolled pictures, and where it is twice that of clean ones."""
    clean = everybody[np.isin(everybody.sources, states[f"shrunk-{SHRUNK[0]}"].sources)]
    templates = WorseTemplates(everybody, clean)
    rows = [templates.measure("as it is", clean)]
    rows += [templates.measure(name, found) for name, found in states.items()]
    by = {row["state"]: row for row in rows}
    shrunk = [by["as it is"], *(by[f"shrunk-{share}"] for share in SHRUNK)]
    blurred = [by["as it is"], *(by[f"blurred-{sigma}"] for sigma in BLURRED)]
    return {
        "enrolled": len(clean.rows), "states": rows,
        "doubled_at": {"eye_distance": doubled(shrunk, "eye_distance"), "sharpness": doubled(blurred, "sharpness")},
        "gate": {"eye_distance": Gate().eye_distance, "sharpness": Gate().sharpness},
        "gate_refuses_of_lfw": refused(everybody),
    }  # fmt: skip


def doubled(rows: list[dict[str, Any]], measure: str) -> float | None:
    """Where the FNIR is twice that of the first row, on straight lines between rows and the measure's logarithm."""
    wanted = 2 * rows[0]["fnir"]
    for before, after in pairwise(rows):
        if after["fnir"] >= wanted:
            part = (wanted - before["fnir"]) / (after["fnir"] - before["fnir"])
            return float(before[measure] * (after[measure] / before[measure]) ** part)
    return None


def refused(people: People) -> float:
    """The share of pictures that the gate would not let in."""
    return float(np.mean([is_refused(*pair) for pair in zip(
        people.field("eye_distance"), people.field("sharpness"), strict=True)]))  # fmt: skip


def is_refused(eye_distance: float, sharpness: float) -> bool:
    try:
        Gate().require("a picture", {"eye_distance": float(eye_distance), "sharpness": float(sharpness)})
    except LowQuality:
        return True
    return False


def error_versus_discard(people: People, table: OperatingPoints) -> dict[str, Any]:
    """FNMR at FMR 1e-3 of pairs of people's pictures, after leaving out those of the least quality."""
    threshold = table.at_fmr(1e-3).threshold
    first, second = genuine_pairs(people, 8)
    miss = (people.rows[first] * people.rows[second]).sum(axis=1) < threshold
    found: dict[str, Any] = {"pairs": len(miss), "discarded_percent": list(DISCARDED)}
    for name, of in QUALITIES.items():
        quality = of(people)
        if np.isfinite(quality).all():
            worst = np.minimum(quality[first], quality[second])
            found[name] = [float(miss[worst >= np.quantile(quality, share / 100)].mean()) for share in DISCARDED]
    return found


def genuine_pairs(people: People, most: int) -> tuple[np.ndarray, np.ndarray]:
    """Pairs of pictures of one person, of at most `most` pictures each: two of (P,)."""
    rng, pairs = np.random.default_rng(4), []
    for name in np.unique(people.labels):
        rows = rng.permutation(np.flatnonzero(people.labels == name))[:most]
        pairs += [(a, b) for place, a in enumerate(rows) for b in rows[place + 1 :]]
    first, second = np.array(pairs).T
    return first, second
