"""One embedding through several inference engines: time, agreement, verification accuracy, cold start.

    FACEREC_DATA=... python scripts/bench_runtimes.py

Every engine lives in a process of its own, and they take turns: in each round each of them embeds the same faces a few
times, the others waiting for it; who begins changes. Medians and quartiles over all calls. Times are of the clock on
the wall, so the machine must be idle; with `--threads 1` they are processor time, which is good for comparing on a busy
one. A cold start is a fresh process that imports the engine, opens the graph and embeds one face.

The int8 graph is what `facerec export --precision int8` makes. Agreement and error rates are taken on the faces of the
split `val` of FACEREC_DATA/faces, at most 30 of each person, as `facerec export --calibrate` does. Writes
docs/results/runtimes.json and .md.
"""

from __future__ import annotations

import argparse
import importlib.metadata
import importlib.util
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from bench_engines import COLD, ENGINES, PACKAGES, THREADS, Engine, torch_module

BATCHES = (1, 32)
REPEATS = {1: 16, 32: 2}
"""Calls in a turn, by the size of the batch."""
TARGETS = (1e-2, 1e-3, 1e-4)
Figures = dict[str, Any]


def times(engines: dict[str, Engine], rounds: int) -> dict[str, dict[str, list[float]]]:
    """Median and quartiles, milliseconds a face, of each engine and batch, turn by turn."""
    from facerec.faces.golden import golden_faces

    spent: dict[str, dict[int, list[float]]] = {name: {batch: [] for batch in BATCHES} for name in engines}
    faces = {batch: np.resize(golden_faces(), (batch, 112, 112, 3)) for batch in BATCHES}
    for turn in range(rounds + 1):
        for batch in BATCHES:
            for name in sorted(engines, reverse=turn % 2 == 1):
                taken, _ = engines[name].ask(faces[batch], REPEATS[batch])
                if turn:  # the first one warms up
                    spent[name][batch] += [each / batch for each in taken]
    return {name: {f"batch of {batch}": quartiles(all_) for batch, all_ in by.items()} for name, by in spent.items()}


def quartiles(values: Sequence[float]) -> list[float]:
    """Median, first and third quartile."""
    return [round(float(value), 3) for value in np.percentile(values, (50, 25, 75))]


def quality(engines: dict[str, Engine], crops: np.ndarray, labels: list[str]) -> dict[str, Figures]:
    """Cosines to the first engine's embeddings, and FNMR with its interval at each FMR, of every engine."""
    from facerec.calibration import measure_operating_points

    reference, found = None, {}
    for name, engine in engines.items():
        rows = np.concatenate([engine.ask(crops[at : at + 32], 1)[1] for at in range(0, len(crops), 32)])
        reference = rows if reference is None else reference
        cosines = (rows * reference).sum(axis=1)
        points = measure_operating_points(
            rows / np.linalg.norm(rows, axis=1, keepdims=True), labels, encoder="0" * 64, evidence=name,
            rng=np.random.default_rng(0), targets=TARGETS,
        )  # fmt: skip
        found[name] = {
            "cosine to the first, mean": float(cosines.mean()),
            "cosine to the first, least": float(cosines.min()),
            **{f"FNMR at FMR {row.target:g}": [row.fnmr, *row.fnmr_interval.as_list()] for row in points.rows},
        }
        print(name, found[name], file=sys.stderr)
    return found


def strangers(faces: Path, most: int) -> tuple[np.ndarray, list[str]]:
    """The split `val`, at most so many faces of each person: (N, 112, 112, 3), and whose they are."""
    from facerec.calibration import balanced
    from facerec.learning.datasets import load_shards

    crops = load_shards(faces, ("val",))
    labels = [str(label) for label in crops.labels]
    keep = balanced(labels, most, np.random.default_rng(0))
    return np.ascontiguousarray(crops.pixels[keep, 8:120, 8:120]), [labels[row] for row in keep]


def make_int8(folder: Path, faces: np.ndarray) -> None:
    """Write int8.onnx beside the graph, as `facerec export --precision int8` makes it."""
    from facerec.faces.encoder_export import graph_of

    (folder / "int8.onnx").write_bytes(graph_of(torch_module(folder), faces)[0])


def cold_starts(names: Sequence[str], folder: Path, runs: int, threads: int) -> dict[str, list[float]]:
    """Seconds of a fresh process from its start to its first embedding, in turns: median and quartiles."""
    spent: dict[str, list[float]] = {name: [] for name in names}
    clock = processes_time if threads == 1 else time.perf_counter
    command = [sys.executable, __file__, "--encoder", folder, "--threads", threads, "--once"]
    for turn in range(runs + 1):
        for name in names:
            start = clock()
            subprocess.run([str(word) for word in (*command, name)], check=True)
            if turn:  # the first one fills the caches of the disk, and OpenVINO's own
                spent[name].append(clock() - start)
    return {name: quartiles(values) for name, values in spent.items()}


def processes_time() -> float:
    """Processor time of all processes that were waited for."""
    spent = resource.getrusage(resource.RUSAGE_CHILDREN)
    return spent.ru_utime + spent.ru_stime


def embed_once(name: str, folder: Path, threads: int) -> None:
    """What a cold start does: one drawn face, as the everyday path embeds it."""
    from facerec.faces.golden import golden_faces

    rows = (ENGINES | COLD)[name](folder, threads)(golden_faces()[:1])
    assert rows.shape == (1, 128)


def installed(names: Sequence[str]) -> list[str]:
    """Those engines whose package is here; says of the others how to get it."""
    here = []
    for name in names:
        package = PACKAGES[name.split()[0]]
        if importlib.util.find_spec(package):
            here.append(name)
        else:
            print(f"{name} is left out: pip install {package}", file=sys.stderr)
    return here


def measure(given: argparse.Namespace, folder: Path) -> Figures:
    from facerec.faces.encoder_export import RANGES
    from facerec.faces.some_faces import some_faces

    shutil.copytree(given.encoder, folder, dirs_exist_ok=True)
    names = installed(list(ENGINES))
    faces = given.data / "faces"
    make_int8(folder, some_faces(faces, RANGES))
    engines = {name: Engine(name, folder, given.threads) for name in names}
    try:
        spent = times(engines, given.rounds)
        crops, labels = strangers(faces, given.most)
        rates = quality(engines, crops, labels)
    finally:
        for engine in engines.values():
            engine.stop()
    sizes = {file: (folder / file).stat().st_size for file in ("encoder.onnx", "int8.onnx")}
    starts = cold_starts([*names, *installed(list(COLD))], folder, given.starts, given.threads)
    return {
        "crops": len(crops), "people": len(set(labels)), "bytes": sizes, "milliseconds a face": spent,
        "quality": rates, "cold start, seconds": starts,
    }  # fmt: skip


def line(name: str, found: Figures) -> str:
    """A row of the table."""
    spent, rates = found["milliseconds a face"].get(name, {}), found["quality"].get(name, {})
    cells = [name]
    for batch in BATCHES:
        cells.append("{:.2f} ({:.2f} to {:.2f})".format(*spent[f"batch of {batch}"]) if spent else "")
    cells.append("{:.2f} ({:.2f} to {:.2f})".format(*found["cold start, seconds"][name]))
    cells.append(
        f"{rates['cosine to the first, mean']:.5f}, {rates['cosine to the first, least']:.4f}" if rates else ""
    )
    for target in TARGETS:
        rate = rates.get(f"FNMR at FMR {target:g}")
        cells.append("{:.2%} ({:.1%} to {:.1%})".format(*rate) if rate else "")
    return "| " + " | ".join(cells) + " |"


def clock_in_words(threads: int) -> str:
    return "Processor time of one thread" if threads == 1 else f"Time on the wall, {threads} threads"


def page(found: Figures) -> str:
    head = ["engine", *(f"ms a face, batch of {batch}" for batch in BATCHES), "cold start, s", "cosine: mean, least"]
    head += [f"FNMR at FMR {target:g}" for target in TARGETS]
    return "\n".join(
        [
            "# Inference engines, in figures", "",
            f"`{found['command']}`, load {found['load at the start']} at the start. "
            f"{clock_in_words(found['threads'])}, medians (quartiles). Cosines to the first row's embeddings and error "
            f"rates on {found['crops']} crops of {found['people']} people outside the training, 95 % intervals by "
            "bootstrap over people.", "",
            "| " + " | ".join(head) + " |", "| --- |" + " ---: |" * (len(head) - 1),
            *(line(name, found) for name in found["cold start, seconds"]), "",
        ]
    )  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=str(__doc__).splitlines()[0])
    parser.add_argument("--data", type=Path, default=os.environ.get("FACEREC_DATA"), help="the folder of real pictures")
    parser.add_argument("--encoder", type=Path, help="its folder (the packaged one)")
    parser.add_argument("--rounds", type=int, default=25, help="turns of each engine (25)")
    parser.add_argument("--starts", type=int, default=9, help="cold starts of each engine (9)")
    parser.add_argument("--most", type=int, default=30, help="crops of each person (30)")
    parser.add_argument("--results", type=Path, default=Path("docs/results"), help="where to write (docs/results)")
    parser.add_argument("--threads", type=int, default=THREADS, help="of each engine; 1: processor time (one a core)")
    parser.add_argument("--once", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.once:
        return embed_once(given.once, given.encoder, given.threads)
    if given.data is None:
        parser.error("name the folder of real pictures by --data or FACEREC_DATA")
    from facerec.evaluation.result_file import write_result
    from facerec.faces.encoder import PACKAGED, Card

    given.encoder = given.encoder or PACKAGED["default"]
    load = round(os.getloadavg()[0], 1)
    with tempfile.TemporaryDirectory() as folder:
        found = measure(given, Path(folder))
    options = f"--rounds {given.rounds} --starts {given.starts} --threads {given.threads}"
    found |= {
        "command": f"scripts/bench_runtimes.py {options}", "load at the start": load, "threads": given.threads,
        "encoder": Card.read(given.encoder).digest,
        "versions": {p: importlib.metadata.version(p) for p in PACKAGES.values() if importlib.util.find_spec(p)},
    }  # fmt: skip
    given.results.mkdir(parents=True, exist_ok=True)
    write_result(given.results / "runtimes.json", found)
    (given.results / "runtimes.md").write_text(page(found))
    print(page(found))


if __name__ == "__main__":
    main()
