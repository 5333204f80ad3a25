"""The ablation's figures in words: a table, the curves, and for each run what became of it and why."""

from __future__ import annotations

from typing import Any

import numpy as np

COLLAPSED = 0.9
"""Mean cosine of two strangers from which all embeddings count as one point."""
STARVED = 0.05
"""Active share below which a miner hardly finds anything that still teaches."""
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
    "collapsed": "Collapsed: the mean cosine of two strangers is {cosine:.2f}, all embeddings have become one point, "
    "where each triplet violates by just the margin. The least similar positive and the most similar negative of a "
    "young trunk are noise, and the quickest way to bring the positives nearer is to bring everybody nearer.",
    "starved": "Starved: only {last:.1%} of what is looked at still teaches, so most of each batch is spent for "
    "nothing; strangers are at a mean cosine of {cosine:.2f}.",
    "learned": "Learned: strangers are at a mean cosine of {cosine:.2f}, and {last:.0%} of what is looked at teaches.",
    "whole": "Every sample teaches to the end: strangers are at a mean cosine of {cosine:.2f}.",
}


def page(result: Found, curves: dict[str, Curve]) -> str:
    """docs/results/training.md, from what training.json holds and the curves of the first stage."""
    lines = [
        INTRODUCTION.format(command=result["command"], **result["budget"], **{
            key: result[key] for key in ("crops", "val_crops", "val_subjects", "lfw_folds", "lfw_pairs")
        }),
        "| way | TAR from scratch | LFW | TAR after hard triplets | LFW | active, first and last tenth | minutes |",
        "| --- | ---: | ---: | ---: | ---: | ---: | ---: |",
        *(row(name, found, curves[name]) for name, found in result["runs"].items()),
        "", "![loss and active share over the samples](training.png)", "",
        "The curves as figures: [training.csv](training.csv). Each way, by its own curve:", "",
        *(f"- **{name}.** {verdict(found['first'], curves[name])}" for name, found in result["runs"].items()),
    ]  # fmt: skip
    if by_head := [(name, found["first"]) for name, found in result["runs"].items() if found["first"]["by_its_head"]]:
        lines += [
            "",
            *(f"By its own head, {name} has a TAR of {tar(found['by_its_head'])}." for name, found in by_head),
        ]
    return "\n".join(lines) + "\n"


def row(name: str, found: Found, curve: Curve) -> str:
    """A line of the table."""
    stages = [found["first"], found.get("second")]
    cells = [cell for stage in stages for cell in (tar(stage["val"]) if stage else "", lfw(stage) if stage else "")]
    minutes = sum(stage["seconds"] for stage in stages if stage) / 60
    shares = "" if is_whole(curve) else f"{tenth(curve, 0):.0%}, {tenth(curve, -1):.1%}"
    return f"| {name} | {' | '.join(cells)} | {shares} | {minutes:.1f} |"


def tar(found: Found) -> str:
    """The rate with its interval."""
    if found["tar"] is None:
        return "too few errors to say"
    return f"{found['tar']:.1%} [{found['interval'][0]:.1%}, {found['interval'][1]:.1%}]"


def lfw(found: Found) -> str:
    return f"{found['lfw']['accuracy']:.2%} ± {found['lfw']['standard_error']:.2%}"


def tenth(curve: Curve, end: int) -> float:
    """Mean active share over the first tenth of a run (0) or the last (-1)."""
    count = max(1, len(curve["active"]) // 10)
    return float((curve["active"][:count] if end == 0 else curve["active"][-count:]).mean())


def is_whole(curve: Curve) -> bool:
    """Is there nothing that could be settled in this loss?"""
    return bool((curve["active"] == 1).all())


def verdict(found: Found, curve: Curve) -> str:
    """What became of a run, in a sentence."""
    cosine, last = found["strangers"]["mean_cosine"], tenth(curve, -1)
    kind = "collapsed" if cosine >= COLLAPSED else "whole" if is_whole(curve) else "learned"
    if kind == "learned" and last < STARVED:
        kind = "starved"
    return WHY[kind].format(cosine=cosine, last=last)
