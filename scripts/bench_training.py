"""Time the training loop beside the bare forward and backward passes of the same trunk in torch.

    scripts/bench_training

The loop is the one of `facerec train`: it picks crops, makes random views ahead, converts the loss to numbers, looks
for NaN, averages the weights and reports. Bare are the trunk's forward pass on one batch that never changes, a
distillation loss and the backward pass; with `step`, the optimizer's step too. All sides share one process, one
trunk, one compilation and the settings of the packaged encoder's recipe, and take turns. In a turn the loop first uses
up the batches that were made while others had theirs. The machine must be idle, or the program run at real-time
priority: the views are made on the same cores.
Writes docs/results/training-throughput.json and .md.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import torch

sys.path.insert(0, str(Path(__file__).parent.parent))

from facerec.evaluation.result_file import write_result, write_text
from facerec.faces.trunks import create_trunk
from facerec.learning.batches import DEPTH
from facerec.learning.datasets import Crops
from facerec.learning.devices import has_bf16
from facerec.learning.loop import go
from facerec.learning.objectives import objective_of
from facerec.learning.run import LoopSettings, Run
from facerec.learning.settings import TrainSettings
from facerec.records import Int64, unit

RESULTS = Path("docs/results")
NAME = "training-throughput"
BARE, STEP = "forward + backward", "forward + backward + step"
ENDLESS = 10**6
"""Steps of a run that nobody waits for."""
TARGET = 0.9
"""The share of the bare passes' pace that the loop must keep."""
Turn = Callable[[int], float]
"""Does so many steps and says how many seconds they took."""


def made_up(count: int) -> Crops:
    """Crops of coloured noise with targets: what is on them costs nothing more or less."""
    rng = np.random.default_rng(0)
    pixels = rng.integers(0, 256, (count, 128, 128, 3), np.uint8)
    sources = np.array([f"noise/{place}" for place in range(count)])
    return Crops(pixels, np.arange(count) % (count // 8), unit(rng.normal(size=(count, 128))), sources)


def in_the_loop(run: Run, crops: Crops, batch: int, workers: int, objective: torch.nn.Module) -> Turn:
    """Turns of the real loop, whose views are made by so many workers."""

    def batches(epoch: int) -> Iterator[Int64]:
        order = np.random.default_rng(epoch).permutation(len(crops))
        yield from order[: len(order) // batch * batch].reshape(-1, batch)

    run.settings = replace(run.settings, workers=workers)
    reports = go(run, crops, batches, objective)
    next(reports)  # begins the workers, and makes the first batches

    def turn(steps: int) -> float:
        for _ in islice(reports, DEPTH):
            pass
        started = time.perf_counter()
        for _ in islice(reports, steps):
            pass
        return time.perf_counter() - started

    return turn


def bare(run: Run, size: int, batch: int, with_step: bool) -> Turn:
    """Turns of the trunk alone, on one random batch."""
    rng = torch.Generator().manual_seed(0)
    views = torch.randn(batch, 3, size, size, generator=rng).to(run.device, memory_format=torch.channels_last)
    targets = torch.nn.functional.normalize(torch.randn(batch, 128, generator=rng), dim=1).to(run.device)

    def turn(steps: int) -> float:
        started = time.perf_counter()
        for _ in range(steps):
            run.optimizer.zero_grad(set_to_none=True)
            with run.autocast():
                rows = run.forward(views)
            (1 - (rows * targets).sum(dim=1).mean()).backward()
            if with_step:
                run.optimizer.step()
        if run.device.type == "cuda":
            torch.cuda.synchronize()
        return time.perf_counter() - started

    return turn


def measure(sides: dict[str, Turn], rounds: int, steps: int, batch: int) -> dict[str, list[float]]:
    """Images per second of every side, round by round; who begins changes, and the first round does not count."""
    rates: dict[str, list[float]] = {name: [] for name in sides}
    for turn in range(rounds + 1):
        for name in sorted(sides, reverse=turn % 2 == 1):
            time.sleep(1.0)  # until the batches that are made ahead are made
            rate = steps * batch / sides[name](steps)
            if turn:
                rates[name].append(rate)
                print(f"round {turn}  {name:28} {rate:7.1f} images/s", flush=True)
    return rates


def compared(rates: dict[str, list[float]]) -> dict[str, Any]:
    """The median pace of each side; of the loops also the ratio to both bare sides, round by round."""
    found: dict[str, Any] = {}
    for name, own in rates.items():
        found[name] = {"images per second": round(statistics.median(own), 1)}
        for other in (BARE, STEP) if name.startswith("loop") else ():
            ratios = sorted(mine / theirs for mine, theirs in zip(own, rates[other], strict=True))
            shown = [round(value, 3) for value in (statistics.median(ratios), ratios[0], ratios[-1])]
            found[name] |= {f"share of {other}, median, least, most": shown}
    return found


def page(result: dict[str, Any]) -> str:
    """The figures in Markdown."""
    lines = [
        "# Training throughput",
        "",
        f"`{result['command']}`, torch {result['torch']}, {result['device']}, "
        f"{result['cores']} core{'s' * (result['cores'] > 1)}, load "
        f"{result['load at the start']} at the start"
        + (", at real-time priority" if result["real time"] else "")
        + (": **a busy machine; these figures are no result**." if result["busy"] else "."),
        "",
        f"The trunk `{result['trunk']}` on {result['size']}x{result['size']} pixels in batches of {result['batch']}, "
        f"{'compiled' if result['compiled'] else 'not compiled'}, in {'bfloat16' if result['bf16'] else 'float32'}. "
        f"Medians of {result['rounds']} rounds of {result['steps']} steps, all sides in turn in one process;",
        "shares are medians of the rounds' own ratios, with the least and the most. The aim is a share of "
        f"{TARGET} of forward + backward.",
        "",
        "| | images/s | share of forward + backward | share of forward + backward + step |",
        "| --- | ---: | ---: | ---: |",
    ]
    for name, figures in result["sides"].items():
        shares = [figures.get(f"share of {other}, median, least, most") for other in (BARE, STEP)]
        cells = [f"{one[0]:.3f} ({one[1]:.3f} to {one[2]:.3f})" if one else "" for one in shares]
        lines.append(f"| {name} | {figures['images per second']} | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=str(__doc__).splitlines()[0])
    parser.add_argument("--trunk", default="residual", help="the trunk (residual)")
    parser.add_argument("--size", type=int, default=112, help="side of the input, pixels (112)")
    parser.add_argument("--batch", type=int, default=128, help="crops of a batch (128)")
    parser.add_argument("--rounds", type=int, default=9, help="rounds that count (9)")
    parser.add_argument("--steps", type=int, default=12, help="steps of a turn (12)")
    parser.add_argument(
        "--workers", type=int, nargs="*", default=[0, 1], help="worker processes to try (0 1); 0: a thread"
    )
    parser.add_argument("--crops", type=int, default=4096, help="made-up crops to choose from (4096)")
    parser.add_argument("--no-compile", action="store_true", help="do not compile the trunk, on any side")
    parser.add_argument("--results", type=Path, default=RESULTS, help="where to write (docs/results)")
    given = parser.parse_args()
    load, real_time = os.getloadavg()[0], os.sched_getscheduler(0) != os.SCHED_OTHER
    torch.manual_seed(0)
    settings = TrainSettings(trunk=given.trunk, compiled=not given.no_compile)
    loop = LoopSettings(steps=ENDLESS, sizes=((0.0, given.size),), compiled=settings.compiled, checkpoint_every=ENDLESS)
    crops = made_up(given.crops)
    run = Run(create_trunk(given.trunk), loop, Path(tempfile.mkdtemp()), settings.augment)
    objective = objective_of(settings, 1).to(run.device)
    sides = {
        BARE: bare(run, given.size, given.batch, with_step=False),
        STEP: bare(run, given.size, given.batch, with_step=True),
    }
    for workers in given.workers:
        name = f"loop, {workers} worker{'s' * (workers > 1)}" if workers else "loop, views in a thread"
        sides[name] = in_the_loop(run, crops, given.batch, workers, objective)
    rates = measure(sides, given.rounds, given.steps, given.batch)
    result = {
        "command": " ".join(["scripts/bench_training", *sys.argv[1:]]),
        "torch": torch.__version__,
        "device": str(run.device),
        "cores": len(os.sched_getaffinity(0)),
        "threads": torch.get_num_threads(),
        "trunk": given.trunk,
        "size": given.size,
        "batch": given.batch,
        "compiled": settings.compiled,
        "bf16": loop.bf16 and has_bf16(run.device),
        "rounds": given.rounds,
        "steps": given.steps,
        "load at the start": round(load, 1),
        "real time": real_time,
        "busy": load > 0.5 and not real_time,
        "sides": compared(rates),
        "images per second by round": {name: [round(rate, 1) for rate in own] for name, own in rates.items()},
    }
    write_result(given.results / f"{NAME}.json", result)
    write_text(given.results / f"{NAME}.md", page(result))
    print(page(result))


if __name__ == "__main__":
    main()
