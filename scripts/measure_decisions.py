"""Whether decisions keep the error that they state, and what the choices behind them were made from.

Thresholds and probabilities are measured on the people of the split `val`, none of whom the encoder was trained on, and
tested on others: on halves of those people against the other halves, and on LFW's people, on whom nothing was chosen.
What the options of enrolling and of searching several pictures were chosen from is here too.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import decisions_chance as chance
import decisions_fmr as fmr
import decisions_fpir as fpir
import decisions_gate as gate
import decisions_photos as photos
import numpy as np
from decisions_data import BLURRED, SHRUNK, crowd, people
from decisions_page import page
from measure_options import options

from facerec.calibration import measure_probability
from facerec.evaluation.result_file import write_result, write_text
from facerec.faces.encoder import Encoder, open_encoder
from facerec.plots.figure import save
from facerec.plots.kept import Promise, promises_kept
from facerec.recognition.deciding import FMR

PICTURE = "decisions-fpir.png"


def measure(data: Path, cache: Path, encoder: Encoder, kept: dict[str, Any]) -> dict[str, Any]:
    """Everything that is not kept, one part after the other."""
    ours, lfw = (people(name, data, cache, encoder) for name in ("calibration", "lfw"))
    states = [f"shrunk-{share}" for share in SHRUNK] + [f"blurred-{sigma}" for sigma in BLURRED]
    few = fmr.balanced_people(ours)
    table = fmr.calibration(few, encoder.digest)
    probability = measure_probability(few.rows, few.labels.tolist(), table.strictest.threshold)
    parts = {
        "halves_fmr": lambda: fmr.halves(ours, encoder.digest),
        "lfw_fmr": lambda: fmr.elsewhere(table, lfw),
        "lfw_fpir": lambda: fpir.realised(lfw, table),
        "crowd_fpir": lambda: fpir.in_a_crowd(lfw, crowd(data, cache, encoder), table),
        "self_calibrated": lambda: fpir.self_calibrated(few, encoder.digest),
        "several_pictures": lambda: photos.compared(ours, table, 40),
        "several_pictures_lfw": lambda: photos.compared(lfw, table, 8),
        "rates_kept": lambda: photos.rates_kept(few, table),
        "rates_kept_lfw": lambda: photos.rates_kept(fmr.balanced_people(lfw), table),
        "gate": lambda: gate.worse(lfw, {name: people(name, data, cache, encoder) for name in states}),
        "discard_lfw": lambda: gate.error_versus_discard(lfw, table),
        "discard": lambda: gate.error_versus_discard(ours, table),
        "probability": lambda: probability.as_dict(),
        "probability_halves": lambda: chance.halves(ours, table.strictest.threshold),
        "probability_lfw": lambda: chance.elsewhere(probability, lfw),
        "outcomes_lfw": lambda: chance.outcomes(probability, table.at_fmr(FMR), lfw),
        "admission_lfw": lambda: chance.admission(lfw, table),
    }
    measured = {name: kept[name] if name in kept else told(name, part) for name, part in parts.items()}
    beside = {"measured_before": kept["made_by"]} if kept else {}
    return {"encoder": encoder.digest, **beside, **measured}


def kept_of(output: Path, again: list[str], encoder: Encoder) -> dict[str, Any]:
    """What was measured before of this encoder and is not to be measured again."""
    if not again:
        return {}
    before = json.loads(output.read_text(encoding="utf-8"))
    if before["encoder"] != encoder.digest:
        raise SystemExit(f"{output} is of another encoder: measure all of it")
    return {name: part for name, part in before.items() if name not in again}


def told(name: str, part: Any) -> Any:
    print(f"measuring {name}", flush=True)
    return part()


def promises(*measured: dict[str, Any]) -> list[Promise]:
    """The lines of the plot."""
    found: dict[str, list[tuple[int, dict[str, Any]]]] = {}
    for size in (size for one in measured for size in one["sizes"]):
        for point in size["points"]:
            found.setdefault(point["threshold_by"], []).append((size["enrolled"], point))
    return [_promise(name, rows) for name, rows in found.items() if "extrapolated" not in name]


def _promise(name: str, rows: list[tuple[int, dict[str, Any]]]) -> Promise:
    sizes, points = np.array([size for size, _ in rows]), [point for _, point in rows]
    low, high = np.array([point["fpir_95_of_draws"] for point in points]).T
    shares = np.array([point["fpir"] for point in points])
    return Promise(name, sizes, shares, low, high, points[0]["target_fpir"])


def main() -> None:
    chosen = options(__doc__, "decisions", again="a part of the result to measure again, the others stay as they are")
    encoder = open_encoder()
    result = measure(chosen.data, chosen.cache, encoder, kept_of(chosen.output, chosen.again, encoder))
    write_result(chosen.output, result)
    save(promises_kept(promises(result["lfw_fpir"], result["crowd_fpir"])), chosen.output.parent / PICTURE)
    write_text(chosen.output.with_suffix(".md"), page(result, PICTURE))


if __name__ == "__main__":
    main()
