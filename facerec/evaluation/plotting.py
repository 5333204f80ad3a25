"""The plots of a result: from what `facerec evaluate -o` wrote to PNG, whatever parts it has."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from facerec.metrics.intervals import rule_of_three
from facerec.plots.cmc import cmc_curve
from facerec.plots.det import Measured, det_curve
from facerec.plots.figure import png
from facerec.plots.groups import group_rates
from facerec.plots.histogram import score_histograms
from facerec.plots.reliability import reliability_diagram
from facerec.plots.roc import roc_curve
from facerec.plots.sizes import Growth, fnir_against_size, fpir_against_size

Result = Mapping[str, Any]
KINDS = {"genuine": "same person", "impostor": "different people", "own": "enrolled, to their own",
         "stranger": "strangers, to the most alike"}  # fmt: skip
STATED_FROM = 1.5e-3  # thresholds of a higher FMR are for nobody's gallery, and only crowd a plot
LINES = 4  # thresholds whose growth is drawn


def plots(result: Result) -> Iterator[tuple[str, bytes]]:
    """The name and the PNG of every plot that this result has what is needed for."""
    for name, (needed, draw) in PLOTS.items():
        drawn = draw(result) if all(result.get(key) for key in needed) else None
        if drawn is not None:
            yield name, drawn


def group_plots(table: Result) -> dict[str, bytes]:
    """Name of a rate -> its plot, for those that at least two groups of this table have."""
    found = {}
    for name in table["inequity"]:
        rows = [row for row in table["rows"] if row[name] is not None]
        if len(rows) > 1:
            shares, low, high = _bands([row[name] for row in rows])
            found[name] = png(group_rates(name.upper(), [row["label"] for row in rows], shares, low, high))
    return found


def _histograms(result: Result) -> bytes:
    held = result["histograms"]
    kinds = {KINDS[name]: held[name] for name in KINDS if name in held}
    marked = _marked(result["operating_points"])
    return png(score_histograms(kinds, held["from"], held["to"], marked))


def _marked(points: Sequence[Result]) -> dict[str, float]:
    """The most permissive and the strictest threshold of those that anybody would use."""
    used = [points[place] for place in _used(points)]
    return {_called(point): point["threshold"] for point in used[:1] + used[1:][-1:]}


def _used(points: Sequence[Result]) -> list[int]:
    """Which thresholds anybody would use; where none is strict enough, the strictest."""
    strict = [place for place, point in enumerate(points) if point["stated_fmr"] <= STATED_FROM]
    return strict or list(range(len(points)))[-1:]


def _spread(places: list[int]) -> list[int]:
    """The first, the last and some between, LINES at most: more lines hide each other's intervals."""
    return [places[at] for at in sorted({round(at) for at in np.linspace(0, len(places) - 1, LINES)})]


def _called(point: Result) -> str:
    return f"threshold for FMR {point['stated_fmr']:.1g}"


def _det(result: Result) -> bytes:
    rows = result["det"]
    fmr, tar = np.array([row["fmr"] for row in rows]), np.array([row["tar"] for row in rows])
    intervals = np.array([row["interval"] for row in rows])
    compared = result["operating_points"][0]["fmr"]["trials"] if result["operating_points"] else result["impostors"]
    points = [(_measured(point["fmr"]), _measured(point["fnmr"])) for point in result["operating_points"]]
    low, high = 1 - intervals[:, 1], 1 - intervals[:, 0]
    return png(det_curve(fmr, 1 - tar, low, high, shown_from=rule_of_three(compared), points=points))


def _measured(rate: Result) -> Measured:
    low, high = rate["interval"]
    return rate["share"], (low, high)


def _roc(result: Result) -> bytes:
    fmr, tar = np.array(result["roc"]).T
    return png(roc_curve(fmr, tar, result["auc"]))


def _cmc(result: Result) -> bytes:
    return png(cmc_curve(np.array(result["cmc"]), result["gallery_size"]))


def _fpir(result: Result) -> bytes | None:
    sizes, lines = result["sizes"], []
    for place in _spread(_used(sizes[0]["operating_points"])):
        rows = [size["operating_points"][place] for size in sizes]
        expected = np.array([row["expected_fpir"] for row in rows])
        lines += _growth(_called(rows[0]), sizes, [row["fpir"] for row in rows], expected)
    return png(fpir_against_size(lines)) if lines else None


def _fnir(result: Result) -> bytes | None:
    sizes, lines = result["sizes"], []
    for place, row in enumerate(sizes[0]["fnir_at_fpir"]):
        rates = [size["fnir_at_fpir"][place]["fnir"] if size["fnir_at_fpir"] else None for size in sizes]
        lines += _growth(f"at FPIR {100 * row['fpir']:g} %", sizes, rates)
    lines += _growth("not at rank 1, no threshold", sizes, [size["rank_1_missed"] for size in sizes])
    return png(fnir_against_size(lines)) if lines else None


def _growth(
    name: str, sizes: Sequence[Result], rates: Sequence[Result | None], expected: np.ndarray | None = None
) -> list[Growth]:
    """One line over the sizes at which the rate was measured; none where it never was."""
    keep = [place for place, rate in enumerate(rates) if rate is not None]
    if not keep:
        return []
    shares, low, high = _bands([rate for rate in rates if rate is not None])
    at = np.array([sizes[place]["gallery_size"] for place in keep])
    return [Growth(name, at, shares, low, high, None if expected is None else expected[keep])]


def _reliability(result: Result) -> bytes:
    stated = result["reliability"]
    observed, low, high = _bands([row["observed"] for row in stated["bins"]])
    predicted = np.array([row["predicted"] for row in stated["bins"]])
    return png(reliability_diagram(predicted, observed, low, high, stated["expected_calibration_error"]))


def _bands(rates: Sequence[Result]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Shares and both ends of their intervals, each (K,)."""
    low, high = np.array([rate["interval"] for rate in rates]).T
    return np.array([rate["share"] for rate in rates]), low, high


PLOTS = {
    "histograms": (("histograms",), _histograms),
    "det": (("det",), _det),
    "roc": (("roc",), _roc),
    "cmc": (("cmc",), _cmc),
    "fpir": (("sizes", "operating_points"), _fpir),
    "fnir": (("sizes",), _fnir),
    "reliability": (("reliability",), _reliability),
}
"""Name -> the keys of a result that it needs, and what draws it."""
