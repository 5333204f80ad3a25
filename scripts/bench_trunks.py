"""The encoders' trunks beside each other: what they cost, how fast they embed and learn, what a small training gives.

    FACEREC_DATA=... python scripts/bench_trunks.py residual mobile --samples 24000

Costs are of one face of the trunk's own size. Milliseconds are of the clock on the wall, through the exported graph
without the mirror image, all trunks taking turns in each round; medians and quartiles, so the machine must be idle.
With `--threads 1` they are processor time, which is good for comparing on a busy one.

With `--samples`, each trunk is distilled from the teacher's embeddings on so many views of the splits `train` and
`unlabelled`, with the same seed and settings, in a run of its own below `--runs`; a stopped one is gone on with. The
trained trunk is measured through its graph on the crops of the split `val`, at most 30 of each person. Writes
docs/results/trunks.json and .md.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch

from facerec.calibration import balanced, measure_operating_points
from facerec.evaluation.result_file import read_result, write_result
from facerec.faces.encoder_export import PixelsToEmbedding, to_graph
from facerec.faces.golden import golden_faces
from facerec.faces.trunks import TRUNKS, Trunk, create_trunk, summarise_trunk
from facerec.learning.datasets import Crops, load_shards
from facerec.learning.settings import TrainSettings
from facerec.runtime import Graph, open_graph
from facerec.training import train

BATCHES = (1, 32)
REPEATS = {1: 8, 32: 1}
TARGETS = (1e-2, 1e-3)
BATCH = 128
RESULT = "measured.json"
CORES = len(os.sched_getaffinity(0))
Figures = dict[str, Any]


def graph_of(trunk: Trunk, threads: int | None = None) -> Graph:
    """Pixels in, embeddings out, the face alone."""
    return open_graph(to_graph(PixelsToEmbedding(trunk.eval(), mirror=False)).SerializeToString(), threads)


def quartiles(values: Sequence[float]) -> list[float]:
    """Median, first and third quartile."""
    return [round(float(value), 3) for value in np.percentile(values, (50, 25, 75))]


def times(graphs: dict[str, Graph], rounds: int, threads: int) -> dict[str, dict[str, list[float]]]:
    """Milliseconds a face of each graph and batch, turn by turn; who begins changes."""
    spent: dict[str, dict[int, list[float]]] = {name: {batch: [] for batch in BATCHES} for name in graphs}
    faces = {batch: np.resize(golden_faces(), (batch, 112, 112, 3)) for batch in BATCHES}
    clock = time.process_time if threads == 1 else time.perf_counter
    for turn in range(rounds + 1):
        for batch in BATCHES:
            for name in sorted(graphs, reverse=turn % 2 == 1):
                for _ in range(REPEATS[batch]):
                    start = clock()
                    graphs[name](faces[batch])
                    if turn:  # the first one warms up
                        spent[name][batch].append((clock() - start) * 1e3 / batch)
    return {name: {f"batch of {batch}": quartiles(all_) for batch, all_ in by.items()} for name, by in spent.items()}


def costs(name: str) -> Figures:
    """Parameters and multiply-adds; nothing is computed."""
    found = summarise_trunk(name)
    return {"side": found.input[1], "parameters": found.parameters, "multiply-adds": found.multiplications}


def settings_of(name: str, samples: int, crops: int, compiled: bool) -> TrainSettings:
    """The packaged encoder's recipe, cut to a number of samples: smaller faces first where the trunk takes them."""
    with torch.device("meta"):
        trunk = create_trunk(name)
    sizes = ((0.0, 80), (0.6, trunk.side)) if trunk.takes(80) else ((0.0, trunk.side),)
    return TrainSettings(
        trunk=name, epochs=samples / (crops // BATCH * BATCH), batch=BATCH, sizes=sizes, compiled=compiled,
        checkpoint_every=50,
    )  # fmt: skip


def learned(name: str, given: argparse.Namespace, crops: Crops) -> tuple[Trunk, Figures]:
    """The trunk after its small training, and how that went."""
    settings = settings_of(name, given.samples, len(crops), given.compiled)
    rates: list[float] = []

    def hear(report: Any, steps: int) -> None:
        rates.append(report.images_per_second)
        if report.step % 10 == 0:
            words = f"{name}: {report.step}/{steps} loss {report.loss:.3f} {report.images_per_second:.0f} images/s"
            print(words, file=sys.stderr, flush=True)

    trunk = create_trunk(name)
    trunk.load_state_dict(train(settings, crops, given.runs / f"{name}-{given.samples}", hear).state_dict())
    return trunk, {"settings": asdict(settings), "images a second": quartiles(rates) if rates else None}


def quality(graph: Graph, val: Crops) -> Figures:
    """The mean cosine to the teacher, and FNMR with its interval at each FMR."""
    faces = np.ascontiguousarray(val.pixels[:, 8:120, 8:120])
    rows = np.concatenate([graph(faces[at : at + 32])[0] for at in range(0, len(faces), 32)])
    points = measure_operating_points(
        rows, [str(label) for label in val.labels], encoder="0" * 64, evidence="val", rng=np.random.default_rng(0),
        targets=TARGETS,
    )  # fmt: skip
    rates = {f"FNMR at FMR {row.target:g}": [row.fnmr, *row.fnmr_interval.as_list()] for row in points.rows}
    return {"cosine to the teacher": float((rows * val.targets).sum(axis=1).mean()), **rates}


def trained(name: str, given: argparse.Namespace, crops: Crops | None, val: Crops | None) -> Figures:
    """Training and its figures, or those of a run that is finished; those stay when the command is given again."""
    kept = given.runs / f"{name}-{given.samples}" / RESULT
    if not kept.exists():
        assert crops is not None and val is not None
        trunk, went = learned(name, given, crops)
        write_result(kept, went | quality(graph_of(trunk), val))
    return read_result(kept)


def balanced_val(faces: Path, most: int) -> Crops:
    """The split `val`, at most so many crops of each person."""
    val = load_shards(faces, ("val",))
    return val[balanced([str(label) for label in val.labels], most, np.random.default_rng(0))]


def training(given: argparse.Namespace) -> dict[str, Figures]:
    """The figures of all trunks; the crops are read only where a run is not finished."""
    waiting = [name for name in given.trunks if not (given.runs / f"{name}-{given.samples}" / RESULT).exists()]
    faces = given.data / "faces"
    crops = load_shards(faces, ("train", "unlabelled")) if waiting else None
    val = balanced_val(faces, given.most) if waiting else None
    return {name: trained(name, given, crops, val) for name in given.trunks}


def cells(name: str, found: Figures) -> list[str]:
    """A row of the table."""
    row = [name, f"{found['side']}", f"{found['parameters'] / 1e6:.2f}", f"{found['multiply-adds'] / 1e6:,.0f}"]
    row += ["{:.2f} ({:.2f} to {:.2f})".format(*found["milliseconds a face"][f"batch of {batch}"]) for batch in BATCHES]
    went = found.get("training")
    if not went:
        return [*row, *[""] * (2 + len(TARGETS))]
    row.append("{:.0f} ({:.0f} to {:.0f})".format(*went["images a second"]) if went["images a second"] else "")
    row.append(f"{went['cosine to the teacher']:.3f}")
    rates = [went.get(f"FNMR at FMR {target:g}") for target in TARGETS]
    return row + ["{:.1%} ({:.1%} to {:.1%})".format(*rate) if rate else "" for rate in rates]


def page(found: Figures) -> str:
    head = ["trunk", "side", "million parameters", "million multiply-adds"]
    head += [f"ms a face, batch of {batch}" for batch in BATCHES]
    head += ["training, images/s", "cosine to the teacher", *(f"FNMR at FMR {target:g}" for target in TARGETS)]
    trained_on = f"; {found['samples']:,} samples of distillation each" if found["samples"] else ""
    return "\n".join(
        [
            "# The trunks beside each other", "",
            f"`{found['command']}`, load {found['load at the start']} at the start{trained_on}. "
            f"{found['clock'].capitalize()}, medians (quartiles); error rates on people outside the training, with "
            "95 % intervals by bootstrap over people.", "",
            "| " + " | ".join(head) + " |", "| --- |" + " ---: |" * (len(head) - 1),
            *("| " + " | ".join(cells(name, row)) + " |" for name, row in found["trunks"].items()), "",
        ]
    )  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=str(__doc__).splitlines()[0])
    parser.add_argument("trunks", nargs="*", metavar="TRUNK", help=f"of {', '.join(TRUNKS)} (all)")
    parser.add_argument("--data", type=Path, default=os.environ.get("FACEREC_DATA"), help="the folder of real pictures")
    parser.add_argument("--samples", type=int, default=0, help="of the small training; 0 leaves it out (0)")
    parser.add_argument("--compiled", action="store_true", help="compile the trunk for it: pays in long trainings")
    parser.add_argument("--runs", type=Path, default=Path("runs/trunks"), help="the trainings' folder (runs/trunks)")
    parser.add_argument("--most", type=int, default=30, help="crops of each person in `val` (30)")
    parser.add_argument("--rounds", type=int, default=15, help="turns of each trunk (15)")
    parser.add_argument("--threads", type=int, default=CORES, help="of the engine; 1: processor time (one a core)")
    parser.add_argument("--results", type=Path, default=Path("docs/results"), help="where to write (docs/results)")
    given = parser.parse_args()
    if unknown := set(given.trunks) - TRUNKS.keys():
        parser.error(f"no trunk {', '.join(sorted(unknown))}; known: {', '.join(TRUNKS)}")
    if given.samples and given.data is None:
        parser.error("training needs the folder of real pictures: --data or FACEREC_DATA")
    if 0 < given.samples < BATCH:
        parser.error(f"one step takes {BATCH} samples")
    given.trunks = given.trunks or list(TRUNKS)
    load = round(os.getloadavg()[0], 1)
    torch.manual_seed(0)
    graphs = {name: graph_of(create_trunk(name), given.threads) for name in given.trunks}
    spent = times(graphs, given.rounds, given.threads)
    found = {name: costs(name) | {"milliseconds a face": spent[name]} for name in given.trunks}
    if given.samples:
        for name, went in training(given).items():
            found[name]["training"] = went
    options = f"--samples {given.samples} --rounds {given.rounds} --threads {given.threads}"
    shown = " ".join(["scripts/bench_trunks.py", *given.trunks, options])
    clock = "processor time of one thread" if given.threads == 1 else f"time on the wall, {given.threads} threads"
    result = {"command": shown, "samples": given.samples, "load at the start": load, "clock": clock}
    given.results.mkdir(parents=True, exist_ok=True)
    write_result(given.results / "trunks.json", result | {"trunks": found})
    (given.results / "trunks.md").write_text(page(result | {"trunks": found}))
    print(page(result | {"trunks": found}))


if __name__ == "__main__":
    main()
