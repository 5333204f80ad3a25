"""The ways to train an encoder side by side: the same trunk, as many samples, from scratch, then hard-mined triplets.

    scripts/ablation --data DIR -o OUT

DIR has faces/, with a teacher's targets.npy, and lfw/, with pairs.txt and the pictures or an archive of them. OUT keeps
the runs and LFW's aligned faces: the same command goes on where it was stopped, and a finished run is not repeated.
Writes training.json, .md, .csv and .png into the folder of results.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from ablation_faces import Test, load_test, measured
from ablation_page import lfw, tar, write_page
from safetensors.torch import load_file

from facerec.cli.progress import Counter
from facerec.evaluation.result_file import write_result
from facerec.faces.head import BinaryHead
from facerec.learning import log
from facerec.learning.datasets import Crops, load_shards
from facerec.learning.embedding import embed
from facerec.learning.reports import Report
from facerec.learning.samplers import rows_by_subject
from facerec.learning.settings import TrainSettings
from facerec.plots.ablation import ablation_figure
from facerec.plots.figure import save
from facerec.training import train

BATCH, SUBJECTS, PER_SUBJECT = 128, 32, 4
EVERY = 10
"""Steps that a line of training.csv is a mean of."""
Settings = dict[str, Any]

RUNS: dict[str, Settings] = {
    "triplet, random": {"triplet": 1.0, "miner": "random"},
    "triplet, batch-all": {"triplet": 1.0, "miner": "batch_all"},
    "triplet, semi-hard": {"triplet": 1.0, "miner": "semi_hard"},
    "triplet, batch-hard": {"triplet": 1.0, "miner": "batch_hard"},
    "triplet, hard over all crops": {"triplet": 1.0, "miner": "batch_hard", "mine_every": 1},
    "contrastive": {"contrastive": 1.0},
    "binary head": {"binary": 1.0},
    "margin softmax (CosFace)": {"cosface": 1.0},
    "distillation": {"distil": 1.0},
}
SECOND: Settings = {"triplet": 1.0, "miner": "batch_hard", "learning_rate": 2e-4, "seed": 1}


@dataclass(frozen=True)
class Budget:
    """What every run has: samples of the first and of the second stage, and the side of the input in pixels."""

    samples: int
    second: int
    size: int
    learning_rate: float
    trunk: str
    compiled: bool


def settings_of(terms: Settings, budget: Budget, samples: int, labels: np.ndarray, start: str = "") -> TrainSettings:
    """The settings of a run of so many samples."""
    shared: Settings = {
        "trunk": budget.trunk, "splits": ["train"], "sizes": [[0.0, budget.size]], "batch": BATCH, "distil": 0.0,
        "subjects": SUBJECTS, "per_subject": PER_SUBJECT, "learning_rate": budget.learning_rate, "start": start,
        "compiled": budget.compiled, "checkpoint_every": 200,
    }  # fmt: skip
    told = TrainSettings.of(shared | terms)
    per_epoch = len(rows_by_subject(labels)) // SUBJECTS if told.of_pairs else len(labels) // BATCH
    return TrainSettings.of(shared | terms | {"epochs": round(samples / BATCH) / per_epoch})


class Curve:
    """Writes every step's loss and active share to a file; a run that goes on drops what it will write again."""

    def __init__(self, path: Path, progress: Counter, name: str):
        self.path, self.progress, self.name, self.begun = path, progress, name, False

    def __call__(self, now: Report, steps: int) -> None:
        if not self.begun:
            log.cut(self.path, now.step - 1)
            self.begun = True
        log.append(self.path, {"step": now.step, "loss": now.loss, "active": now.active})
        self.progress(now.step, steps, f"{self.name}: loss {now.loss:.3f}, {now.images_per_second:.0f} images/s")


def read_curve(path: Path) -> dict[str, np.ndarray]:
    """Means over about EVERY steps: samples, loss and active, each (N,)."""
    table = np.loadtxt(path, delimiter=",", skiprows=1, ndmin=2)
    parts = np.array_split(table, max(1, len(table) // EVERY))
    means = np.array([part.mean(axis=0) for part in parts])
    return {"samples": np.array([part[-1, 0] for part in parts]) * BATCH, "loss": means[:, 1], "active": means[:, 2]}


def done(settings: TrainSettings, crops: Crops, test: Test, folder: Path, name: str) -> dict[str, Any]:
    """What a run came to: from its folder where it is finished, else trained and measured now."""
    kept = folder / "result.json"
    if kept.exists():
        result: dict[str, Any] = json.loads(kept.read_text(encoding="utf-8"))
        if TrainSettings.of(result["settings"]) != settings:
            sys.exit(f"{folder} holds a run with other settings: choose another folder, or delete it")
        return result
    torch.compiler.reset()  # or each new run would count as one more variant of the one before
    began = time.perf_counter()
    with Counter(name) as progress:
        trunk = train(settings, crops, folder, Curve(folder / "curve.csv", progress, name))
    seconds = time.perf_counter() - began
    result = {"settings": asdict(settings), "seconds": seconds, **judged(trunk, settings, test, folder)}
    write_result(kept, result)
    (folder / "checkpoint.safetensors").unlink(missing_ok=True)
    return result


def judged(trunk: torch.nn.Module, settings: TrainSettings, test: Test, folder: Path) -> dict[str, Any]:
    """Error rates of a trained trunk, and by its own head where it has one."""
    size = settings.sizes[-1][1]
    with torch.autocast("cpu", torch.bfloat16, enabled=settings.bf16):
        val, lfw = (embed(trunk, pixels, size) for pixels in (test.val, test.lfw))
    head = None
    if settings.binary:
        beside = load_file(folder / "beside.safetensors")
        weight, bias = (beside[f"terms.binary.head.{name}"] for name in ("weight", "bias"))
        head = BinaryHead(settings.difference, weight.numpy(), bias.item(), "", {})
    return measured(test, val, lfw, head)


def slug(name: str) -> str:
    """A run's folder.

    >>> slug("margin softmax (CosFace)")
    'margin-softmax-cosface'
    """
    return "-".join("".join(sign if sign.isalnum() else " " for sign in name.lower()).split())


def table(budget: Budget, crops: Crops, test: Test, out: Path, names: list[str]) -> dict[str, dict[str, Any]]:
    """Both stages of every named run."""
    results: dict[str, dict[str, Any]] = {}
    for name in names:
        first, second = out / slug(name), out / f"{slug(name)}-then-hard"
        told = settings_of(RUNS[name], budget, budget.samples, crops.labels)
        results[name] = {"first": done(told, crops, test, first, name)}
        if budget.second:
            told = settings_of(SECOND, budget, budget.second, crops.labels, str(first))
            results[name]["second"] = done(told, crops, test, second, f"{name}, then hard")
        for stage, found in results[name].items():
            print(f"{name}, {stage} stage: TAR {tar(found['val'])}, LFW {lfw(found)}", flush=True)
    return results


def write_curves(path: Path, stages: dict[str, dict[str, dict[str, np.ndarray]]]) -> None:
    """All curves as one CSV: run, stage, samples, loss, active."""
    lines = ["run,stage,samples,loss,active"]
    for stage, runs in stages.items():
        for name, curve in runs.items():
            rows = zip(curve["samples"], curve["loss"], curve["active"], strict=True)
            lines += [f'"{name}",{stage},{samples:.0f},{loss:.5f},{active:.4f}' for samples, loss, active in rows]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def said(given: argparse.Namespace) -> str:
    """The command line, without the folders of this machine."""
    words = [f"--samples {given.samples} --second {given.second} --size {given.size}"]
    words += [f"--learning-rate {given.learning_rate:g} --trunk {given.trunk}"] + ["--no-compile"] * given.no_compile
    return " ".join(["scripts/ablation --data DIR -o OUT", *words])


def figures(found: dict[str, Any]) -> dict[str, Any]:
    """What was measured of a run, without what only its folder needs to know."""
    return {name: value for name, value in found.items() if name not in ("settings", "schema", "made_by")}


def main() -> None:
    parser = argparse.ArgumentParser(prog="scripts/ablation", description=str(__doc__).splitlines()[0])
    parser.add_argument("--data", type=Path, required=True, help="folder with faces/ and lfw/")
    parser.add_argument("-o", "--out", type=Path, required=True, help="folder of the runs")
    parser.add_argument("--results", type=Path, default=Path("docs/results"), help="where to write (docs/results)")
    parser.add_argument("--samples", type=int, default=100_000, help="that each run sees from scratch (100000)")
    parser.add_argument("--second", type=int, default=25_000, help="that each sees with hard-mined triplets (25000)")
    parser.add_argument("--size", type=int, default=64, help="side of the input in pixels, a multiple of 16 (64)")
    parser.add_argument("--learning-rate", type=float, default=1e-3, help="of the runs from scratch (0.001)")
    parser.add_argument("--trunk", default="residual", help="(residual)")
    parser.add_argument("--no-compile", action="store_true", help="for a machine without a C++ compiler, or short runs")
    parser.add_argument("--only", action="append", choices=list(RUNS), help="one of the runs; may be given again")
    given = parser.parse_args()
    budget = Budget(
        given.samples, given.second, given.size, given.learning_rate, given.trunk, not given.no_compile
    )  # fmt: skip
    names = given.only or list(RUNS)
    test = load_test(given.data, given.out)
    crops = load_shards(given.data / "faces", ("train",))
    results = table(budget, crops, test, given.out, names)
    curves = {
        stage: {name: read_curve(given.out / f"{slug(name)}{end}" / "curve.csv") for name in names}
        for stage, end in (("first", ""), ("second", "-then-hard")) if stage == "first" or budget.second
    }  # fmt: skip
    told = {"command": said(given), "budget": asdict(budget), **test.described(), "crops": len(crops)}
    result = told | {"runs": {name: {stage: figures(f) for stage, f in both.items()} for name, both in results.items()}}
    given.results.mkdir(parents=True, exist_ok=True)
    write_result(given.results / "training.json", result)
    write_curves(given.results / "training.csv", curves)
    save(ablation_figure(curves["first"], curves.get("second", {})), given.results / "training.png")
    write_page(given.results)


if __name__ == "__main__":
    main()
