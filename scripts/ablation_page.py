"""The ablation's figures in words: a table, the curves, and for each run what became of it and why.

    python scripts/ablation_page.py [docs/results]

writes training.md anew from training.json, into which it puts the active shares of training.csv.
"""

from __future__ import annotations

import csv
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np

CONTRACTED, COLLAPSED = 0.4, 0.9
"""Mean cosine of two strangers from which a space counts as half gone, and from which everybody is one point."""
Found = dict[str, Any]
Curve = dict[str, np.ndarray]

INTRODUCTION = """# Ways to train, side by side

`{command}`:
the same trunk ({trunk}, fresh weights, seed 0), the same {crops:,} crops of the split `train`, the same {samples:,}
samples at {size}x{size} pixels and rate {learning_rate:g} for every way, in batches of 128 (32 subjects with 4 crops
each where pairs or triplets are compared). Then each goes on for {second:,} samples with triplet loss and batch-hard
mining, at rate 2e-4. No way is tuned, and the budget is small: it shows who learns at all, and how fast.

TAR is the share of genuine pairs accepted at a false match rate of 1e-3, over all pairs of {val_crops:,} crops of
{val_subjects} people of the split `val`, with its 95 % interval by bootstrap over people. LFW is the accuracy over
{lfw_folds} folds ({lfw_pairs:,} pairs), with its standard error, on faces that were aligned once. One view of a face,
no mirror image. Active is the share of the triplets, impostor pairs or judgements that still teach, in the first and
the last tenth of the run.
"""

WHY = {
    "learned": "Learns: strangers stay apart, at a mean cosine of {path}.",
    "contracted": "On the way to a collapse: strangers are at a mean cosine of {path}.",
    "collapsed": "Collapses: strangers are at a mean cosine of {path}, everybody is one point.",
}
COLLAPSE = """Why some collapse: where everybody is one point each triplet is worth the margin, 0.2, and every squared
distance has a gradient of zero, so nothing leads out again. The farthest positives and nearest negatives of a young
trunk are mostly noise and wrong labels; bringing everybody nearer lowers a loss over them more quickly than telling
them apart does, down to the margin. Losses over all or random triplets, over all pairs of a batch balanced by a head,
or over a teacher's embeddings are lowest where strangers are apart, from the first step on."""


def page(result: Found) -> str:
    """docs/results/training.md, from what training.json holds."""
    runs = result["runs"]
    lines = [
        INTRODUCTION.format(command=result["command"], **result["budget"], **{
            key: result[key] for key in ("crops", "val_crops", "val_subjects", "lfw_folds", "lfw_pairs")
        }),
        "| way | TAR from scratch | LFW | TAR after hard triplets | LFW | active, first and last tenth | minutes |",
        "| --- | ---: | ---: | ---: | ---: | ---: | ---: |",
        *(row(name, found) for name, found in runs.items()),
        "", "![loss and active share over the samples](training.png)", "",
        "The curves as figures: [training.csv](training.csv). What became of each way, from scratch and then with hard",
        "triplets:", "",
        *(f"- **{name}.** {verdict(found)}" for name, found in runs.items()), "", COLLAPSE, "", *followed(runs),
    ]  # fmt: skip
    if by_head := [(name, found["first"]) for name, found in runs.items() if found["first"]["by_its_head"]]:
        lines += [
            "",
            *(f"By its own head, {name} has a TAR of {tar(found['by_its_head'])}." for name, found in by_head),
        ]
    return "\n".join(lines) + "\n"


def followed(runs: dict[str, Found]) -> list[str]:
    """Which ways the stage of hard triplets helped or harmed, beyond both intervals."""
    helped, harmed = [], []
    for name, found in runs.items():
        first, second = (found[stage]["val"]["interval"] if stage in found else None for stage in ("first", "second"))
        if first and second:
            helped += [name] * (second[0] > first[1])
            harmed += [name] * (second[1] < first[0])
    raised, lowered = (" | ".join(names) or "no way" for names in (helped, harmed))
    return [f"Beyond both intervals, hard triplets raise the TAR after: {raised}.", f"They lower it after: {lowered}."]


def row(name: str, found: Found) -> str:
    """A line of the table."""
    stages = [found["first"], found.get("second")]
    cells = [cell for stage in stages for cell in (tar(stage["val"]) if stage else "", lfw(stage) if stage else "")]
    minutes = sum(stage["seconds"] for stage in stages if stage) / 60
    begun, ended = found["first"]["active"]
    shares = "" if begun == ended == 1 else f"{begun:.0%}, {ended:.1%}"
    return f"| {name} | {' | '.join(cells)} | {shares} | {minutes:.1f} |"


def tar(found: Found) -> str:
    """The rate with its interval."""
    if found["tar"] is None:
        return "too few errors to say"
    return f"{found['tar']:.1%} [{found['interval'][0]:.1%}, {found['interval'][1]:.1%}]"


def lfw(found: Found) -> str:
    return f"{found['lfw']['accuracy']:.2%} ± {found['lfw']['standard_error']:.2%}"


def active(curve: Curve) -> list[float]:
    """Mean active share over the first and over the last tenth of a run; 1 and 1 where a loss looks only at such."""
    count = max(1, len(curve["active"]) // 10)
    return [float(curve["active"][:count].mean()), float(curve["active"][-count:].mean())]


def verdict(found: Found) -> str:
    """What became of a run, stage after stage, in words."""
    stages = [found[stage] for stage in ("first", "second") if stage in found]
    cosines = [stage["strangers"]["mean_cosine"] for stage in stages]
    path = " and then ".join(f"{cosine:.2f}" for cosine in cosines)
    kind = "collapsed" if cosines[-1] >= COLLAPSED else "contracted" if cosines[-1] >= CONTRACTED else "learned"
    return WHY[kind].format(path=path)


def read_curves(path: Path) -> dict[str, Curve]:
    """The first stage of every run in training.csv."""
    with path.open(newline="", encoding="utf-8") as handle:
        rows = [row for row in csv.DictReader(handle) if row["stage"] == "first"]
    names = dict.fromkeys(row["run"] for row in rows)
    return {
        name: {
            column: np.array([float(row[column]) for row in rows if row["run"] == name])
            for column in ("samples", "loss", "active")
        }
        for name in names
    }


def write_page(results: Path) -> None:
    """Put training.md beside training.json and training.csv, and the active shares into the first of them."""
    path = results / "training.json"
    result = json.loads(path.read_text(encoding="utf-8"))
    for name, curve in read_curves(results / "training.csv").items():
        result["runs"][name]["first"]["active"] = active(curve)
    path.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
    (results / "training.md").write_text(page(result), encoding="utf-8")


if __name__ == "__main__":
    write_page(Path(sys.argv[1] if len(sys.argv) > 1 else "docs/results"))
