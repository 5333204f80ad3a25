"""How well faces are grouped by person: average linkage as in `facerec cluster`, beside DBSCAN and HDBSCAN.

All get the same embeddings of the same aligned faces. DBSCAN and HDBSCAN have their best settings in hindsight, which
nobody knows who does not know the answer; average linkage has its default, and its best beside it.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import numpy as np
from decisions_data import People, people
from measure_options import first_paragraphs, options
from sklearn.cluster import DBSCAN, HDBSCAN

from facerec.curation.linkage import average_linkage
from facerec.evaluation.result_file import write_result, write_text
from facerec.faces.encoder import open_encoder
from facerec.metrics.clustering import bcubed, pairwise

RATES = (0.1, 0.03, 0.01, 0.003, 1e-3, 3e-4, 1e-4, 3e-5, 1e-5)
DEFAULT_FMR = 1e-3
CORE = (1, 2, 3, 5)
"""Neighbours that make a core point, tried for DBSCAN and HDBSCAN."""

GIVEN = {"metric": "precomputed"}

Found = dict[str, Any]


def sets(calibration: People, lfw: People) -> Iterator[tuple[str, People]]:
    """What is clustered: many photos of few people, several of many, and mostly one."""
    pictures = dict(zip(*np.unique(lfw.labels, return_counts=True), strict=True))
    several = np.array([pictures[label] > 1 for label in lfw.labels])
    yield "val", calibration
    yield "LFW, people with several photos", lfw[several]
    yield "LFW", lfw


def measure(found: People, points: list[tuple[float, float]]) -> Found:
    """Every method on one set of faces; `points` are (FMR, threshold)."""
    labels = np.unique(found.labels, return_inverse=True)[1]
    far = np.maximum(1 - found.rows.astype(np.float64) @ found.rows.T, 0)
    ours = [{"fmr": fmr} | judged(labels, partial(average_linkage, found.rows, t)) for fmr, t in points]
    dbscan = [
        {"fmr": fmr, "core": core} | judged(labels, partial(DBSCAN(1 - t, min_samples=core, **GIVEN).fit_predict, far))
        for fmr, t in points for core in CORE
    ]  # fmt: skip
    hdbscan = [
        {"core": core} | judged(labels, partial(HDBSCAN(2, min_samples=core, copy=True, **GIVEN).fit_predict, far))
        for core in CORE
    ]
    (default,) = (one for one in ours if one["fmr"] == DEFAULT_FMR)
    return {
        "faces": len(labels), "people": len(np.unique(labels)),
        "methods": {
            f"average linkage, FMR {DEFAULT_FMR:g} (the default)": default, "average linkage, best rate": best(ours),
            "DBSCAN, best settings": best(dbscan), "HDBSCAN, best settings": best(hdbscan),
        },
        "by_rate": ours,
    }  # fmt: skip


def judged(labels: np.ndarray, cluster: Callable[[], np.ndarray]) -> Found:
    """Run a clustering: how many groups, how well they agree with the labels, how long it took."""
    started = time.process_time()
    groups = alone(cluster())
    seconds = time.process_time() - started
    agreement = {"pairs": pairwise(labels, groups).as_dict(), "bcubed": bcubed(labels, groups).as_dict()}
    return {"groups": len(np.unique(groups)), **agreement, "cpu_seconds": round(seconds, 2)}


def alone(groups: np.ndarray) -> np.ndarray:
    """Groups (N,) with each sample of noise, -1, as a group of its own."""
    noise = groups < 0
    return np.where(noise, groups.max(initial=-1) + np.cumsum(noise), groups)


def best(tried: list[Found]) -> Found:
    """The setting with the highest BCubed F."""
    return max(tried, key=lambda one: one["bcubed"]["f"])


def page(result: Found) -> str:
    """docs/results/clusters.md."""
    lines = [
        "# Photos by person, in figures", "",
        "Made by `scripts/measure_clusters`.", "", first_paragraphs(__doc__), "",
        "`facerec cluster` joins groups while the mean similarity of their pairs is at or above the threshold of a",
        "measured rate. The people of `val` are those that the thresholds were measured on; nothing was chosen on",
        "LFW's. What a method leaves out as noise counts as groups of one. Pairs weigh a person by the square of the",
        "faces, BCubed every face alike: [what they mean](../curation.md).", "",
    ]  # fmt: skip
    for name, found in result["sets"].items():
        lines += [
            f"## {name}: {found['faces']:,} faces of {found['people']:,} people", "", *head("method"),
            *(row(method, one) for method, one in found["methods"].items()), "",
            "By the rate whose threshold is used:", "",
            *head("FMR"), *(row(f"{one['fmr']:g}", one) for one in found["by_rate"]), "",
        ]  # fmt: skip
    return "\n".join(lines)


def head(first: str) -> tuple[str, str]:
    """The head of a table, and the line below it."""
    names = (first, "groups", "pairs: precision", "recall", "F", "BCubed: precision", "recall", "F", "CPU s")
    return f"| {' | '.join(names)} |", "| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |"


def row(name: str, one: Found) -> str:
    """A line of the table."""
    shares = [
        f"{one[kind][key]:.1%}".replace("%", " %")
        for kind in ("pairs", "bcubed")
        for key in ("precision", "recall", "f")
    ]
    settings = f" (FMR {one['fmr']:g})" if "best" in name and "fmr" in one else ""
    core = f", {one['core']} neighbours" if "core" in one else ""
    return f"| {name}{settings}{core} | {one['groups']:,} | {' | '.join(shares)} | {one['cpu_seconds']:.1f} |"


def main() -> None:
    chosen = options(__doc__, "clusters")
    encoder = open_encoder()
    points = [(rate, encoder.card.operating_points.at_fmr(rate).threshold) for rate in RATES]
    calibration, lfw = (people(name, chosen.data, chosen.cache, encoder) for name in ("calibration", "lfw"))
    result = {"encoder": encoder.digest, "sets": {name: measure(one, points) for name, one in sets(calibration, lfw)}}
    write_result(chosen.output, result)
    write_text(chosen.output.with_suffix(".md"), page(result))
    print(page(result))


if __name__ == "__main__":
    main()
