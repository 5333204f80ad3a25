"""Compare the classic networks with other implementations, and time them on the CPU.

Ours and the other one take turns, pass by pass, and so does who begins. The ratio is the median of the rounds' own
ratios, so that what slows both down for a while is no matter, and rounds go on until that median is certain to a
hundredth. With one thread it is processor time, which other processes hardly touch. Writes
docs/results/cnn-networks.json and .md.
"""

from __future__ import annotations

import argparse
import gc
import json
import math
import os
import statistics
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

sys.path.insert(0, str(Path(__file__).parent.parent))

from facerec.cnn.networks import NETWORKS
from facerec.cnn.networks.keys import RENAMINGS
from facerec.cnn.summary import summarise
from tests.cnn.networks.pictures import china_and_flower, resized
from tests.cnn.networks.published import is_installed, pair

BATCHES = (1, 8)
LEAST_SECONDS = 0.05
"""A round repeats a fast network until it lasts at least so long."""
CERTAIN = 0.01
"""Rounds go on until the standard error of the median ratio is at most this."""
MOST = 5
"""But at most so many times the rounds that were asked for."""

Figures = dict[str, Any]


def counted(name: str) -> Figures:
    """What a network is made of, on its published input: nothing is computed."""
    entry = NETWORKS[name]
    with torch.device("meta"):
        network = entry.build(entry.classes, entry.channels)
    table = summarise(network, (entry.channels, entry.size, entry.size))
    return {
        "input": [entry.channels, entry.size, entry.size],
        "classes": entry.classes,
        "parameters": table.parameters,
        "published": entry.parameters,
        "left out": entry.left_out,
        "source": entry.source,
        "multiply-adds": table.multiplications,
        "activation bytes, inference": table.inference_bytes,
        "activation bytes, training": table.training_bytes,
        "receptive field": math.ceil(table.fields[0].size),
    }


def agreement(theirs: nn.Module, ours: nn.Module, pictures: torch.Tensor) -> Figures:
    """The largest difference of any logit on the two pictures, and the largest logit."""
    with torch.inference_mode():
        expected, got = theirs(pictures), ours(pictures)
    return {
        "largest difference": (got - expected).abs().max().item(),
        "largest logit": expected.abs().max().item(),
    }


def seconds(network: nn.Module, x: torch.Tensor) -> float:
    """The time of one forward pass: processor time of a single thread, or else by the clock on the wall."""
    clock = time.process_time if torch.get_num_threads() == 1 else time.perf_counter
    start = clock()
    network(x)
    return clock() - start


@torch.inference_mode()
def rounds_of(sides: dict[str, nn.Module], x: torch.Tensor, rounds: int) -> dict[str, list[float]]:
    """Seconds of a forward pass, for each side in each round."""
    first = [seconds(network, x) for network in sides.values() for _ in range(2)]  # not counted: engines warm up
    repeats = math.ceil(LEAST_SECONDS / min(first))
    taken: dict[str, list[float]] = {key: [] for key in sides}
    while not enough(taken, rounds):
        for key, spent in one_round(sides, x, repeats, begin=len(taken["ours"])).items():
            taken[key].append(spent)
    return taken


def one_round(sides: dict[str, nn.Module], x: torch.Tensor, repeats: int, begin: int) -> dict[str, float]:
    """Mean seconds of a forward pass, the sides taking turns pass by pass; `begin` says who is first."""
    spent = dict.fromkeys(sides, 0.0)
    for turn in range(begin, begin + repeats):
        for key in sorted(sides, reverse=turn % 2 == 1):
            spent[key] += seconds(sides[key], x) / repeats
    return spent


def enough(taken: dict[str, list[float]], rounds: int) -> bool:
    """Whether all rounds that were asked for are done, and the ratio is certain or will not become so."""
    done = len(taken["ours"])
    if done < rounds or "theirs" not in taken:
        return done >= rounds
    return done >= MOST * rounds or uncertainty(ratios(taken)) <= CERTAIN


def ratios(taken: dict[str, list[float]]) -> list[float]:
    """How much faster ours was than theirs, in each round."""
    return [theirs / ours for ours, theirs in zip(taken["ours"], taken["theirs"], strict=True)]


def uncertainty(values: list[float]) -> float:
    """Standard error of a median, from the middle half of the values: 1.2533 sigma / sqrt(n), sigma = half / 1.349."""
    low, high = np.percentile(values, [25, 75])
    return float(0.929 * (high - low) / math.sqrt(len(values)))


def timed(sides: dict[str, nn.Module], name: str, rounds: int) -> Figures:
    """Images a second in each size of batch, and the ratio of ours to theirs where there are two sides."""
    entry, figures = NETWORKS[name], {}
    for batch in BATCHES:
        taken = rounds_of(sides, torch.rand(batch, entry.channels, entry.size, entry.size), rounds)
        found: Figures = {key: batch / statistics.median(times) for key, times in taken.items()}
        found["rounds"] = len(taken["ours"])
        if "theirs" in taken:
            found |= {"ratio": statistics.median(ratios(taken)), "uncertainty": uncertainty(ratios(taken))}
        figures[f"batch of {batch}"] = found
    return figures


def measure(name: str, rounds: int, pictures: torch.Tensor) -> Figures:
    """Everything about one network."""
    figures, entry = counted(name), NETWORKS[name]
    if name in RENAMINGS and is_installed(name):
        x = resized(pictures, entry.size)
        theirs, ours = pair(name, x)
        figures["agrees with"] = f"{RENAMINGS[name].publisher}'s {RENAMINGS[name].theirs}"
        figures["agreement"] = agreement(theirs, ours, x)
        sides = {"ours": ours, "theirs": theirs}
    else:
        sides = {"ours": entry.build(entry.classes, entry.channels).eval()}
    return figures | timed(sides, name, rounds)


def published(figures: Figures) -> str:
    """The published count, as far as ours is to be compared with it."""
    if figures["published"] is None:
        return "none"
    less = f" less {figures['left out']:,}" if figures["left out"] else ""
    return f"{figures['published']:,}{less}"


def rate(figures: Figures, batch: int) -> str:
    """Ours / theirs (ratio), or ours alone."""
    rates = figures[f"batch of {batch}"]
    if "theirs" not in rates:
        return f"{rates['ours']:.3g}"
    return f"{rates['ours']:.3g} / {rates['theirs']:.3g} ({rates['ratio']:.2f})"


def row(name: str, figures: Figures) -> str:
    agreed = figures.get("agreement")
    cells = [
        name,
        "x".join(map(str, figures["input"])),
        f"{figures['parameters']:,}",
        published(figures),
        figures["source"],
        f"{figures['multiply-adds'] / 1e6:,.1f}",
        f"{figures['activation bytes, inference'] / 1e6:,.1f}",
        f"{figures['activation bytes, training'] / 1e6:,.1f}",
        f"{figures['receptive field']}",
        f"{figures['agrees with']}: {agreed['largest difference']:.1g}" if agreed else "",
        *(rate(figures, batch) for batch in BATCHES),
    ]
    return "| " + " | ".join(cells) + " |"


def page(result: Figures) -> str:
    """The table in Markdown."""
    head = ["network", "input", "parameters", "published", "by", "million multiply-adds", "MB, inference"]
    head += ["MB, training", "receptive field", "largest difference of a logit"]
    head += [f"images/s, batch of {batch}" for batch in BATCHES]
    lines = [
        "# The classic networks",
        "",
        f"`{result['command']}`, torch {result['torch']}, on {result['cores']} cores, load "
        f"{result['load at the start']} at the start and {result['load at the end']} at the end"
        + (": **the machine was busy; the rates are good for comparing only**." if is_busy(result) else "."),
        "",
        "Activations are float32, of one picture; the receptive field is that of the last map whose cells see",
        "different parts, which squeeze and excitation ends early. Logits are those of scikit-learn's china and",
        "flower under random weights.",
        "",
        *how_timed(result),
        "",
        "| " + " | ".join(head) + " |",
        "| " + " | ".join("---" for _ in head) + " |",
        *(row(name, figures) for name, figures in result["networks"].items()),
    ]
    return "\n".join(lines) + "\n"


def is_busy(result: Figures) -> bool:
    """Whether something else was running when the measuring began."""
    return bool(result["load at the start"] > 0.5)


def how_timed(result: Figures) -> list[str]:
    """What the rates are, and how certain."""
    clock = "processor time of one thread" if result["threads"] == 1 else f"{result['threads']} threads"
    lines = [f"Rates are in {clock}: ours / theirs (ratio), medians of {result['rounds']} interleaved rounds or more."]
    if result["lowest ratio"] is not None:
        lines += [
            f"The lowest ratio is {result['lowest ratio']:.3f}; the standard error of a ratio is at most "
            f"{result['largest uncertainty']:.3f}.",
            "`tests/cnn/networks/test_agreement.py` counts that ours ask nothing of torch that torchvision's do not.",
        ]
    return lines


def main() -> None:
    parser = argparse.ArgumentParser(description=str(__doc__).splitlines()[0])
    parser.add_argument("networks", nargs="*", metavar="NETWORK", help=f"of {', '.join(NETWORKS)} (all)")
    parser.add_argument("--rounds", type=int, default=7, help="how often each is timed (7)")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads(), help="torch's (one a core)")
    parser.add_argument("--results", type=Path, default=Path("docs/results"), help="where to write (docs/results)")
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    if unknown := set(given.networks) - NETWORKS.keys():
        parser.error(f"no network {', '.join(sorted(unknown))}")
    networks: dict[str, Figures] = {}
    facts = {"load at the start": round(os.getloadavg()[0], 1), "rounds": given.rounds}
    pictures = china_and_flower()
    for name in given.networks or NETWORKS:
        networks[name] = measure(name, given.rounds, pictures)
        print(row(name, networks[name]), flush=True)
        write(given.results, facts | summed_up(networks))
        gc.collect()  # the largest weigh half a gigabyte


def summed_up(networks: dict[str, Figures]) -> Figures:
    """The run as a whole."""
    compared = [found[f"batch of {batch}"] for found in networks.values() for batch in BATCHES if "agreement" in found]
    return {
        "command": " ".join(["scripts/bench_networks", *sys.argv[1:]]),
        "torch": torch.__version__,
        "threads": torch.get_num_threads(),
        "cores": os.cpu_count(),
        "load at the end": round(os.getloadavg()[0], 1),
        "lowest ratio": min((found["ratio"] for found in compared), default=None),
        "largest uncertainty": max((found["uncertainty"] for found in compared), default=None),
        "networks": networks,
    }


def write(folder: Path, result: Figures) -> None:
    """The figures, and the table of them."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "cnn-networks.json").write_text(json.dumps(result, indent=1) + "\n")
    (folder / "cnn-networks.md").write_text(page(result))


if __name__ == "__main__":
    main()
