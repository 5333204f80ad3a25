"""Compare the classic networks with other implementations, and time them on the CPU.

Ours and the other one take turns within every round, and who begins changes from round to round. The least time of
all rounds counts: a busy machine only ever adds time. With one thread it is processor time, which other processes
hardly touch. Writes docs/results/cnn-networks.json and .md.
"""

from __future__ import annotations

import argparse
import gc
import json
import math
import os
import sys
import time
from pathlib import Path
from typing import Any

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
"""A timing repeats a fast network until it lasts at least so long."""

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


def seconds(network: nn.Module, x: torch.Tensor, repeats: int) -> float:
    """The mean time of one forward pass: processor time of a single thread, or else by the clock on the wall."""
    clock = time.process_time if torch.get_num_threads() == 1 else time.perf_counter
    start = clock()
    for _ in range(repeats):
        network(x)
    return (clock() - start) / repeats


@torch.inference_mode()
def images_per_second(sides: dict[str, nn.Module], x: torch.Tensor, rounds: int) -> dict[str, float]:
    """The best of all rounds, for each side."""
    repeats = {key: math.ceil(LEAST_SECONDS / seconds(network, x, 2)) for key, network in sides.items()}
    count = max(repeats.values())
    least = dict.fromkeys(sides, math.inf)
    for turn in range(rounds):
        for key in sorted(sides, reverse=turn % 2 == 1):
            least[key] = min(least[key], seconds(sides[key], x, count))
    return {key: len(x) / time for key, time in least.items()}


def timed(sides: dict[str, nn.Module], name: str, rounds: int) -> Figures:
    """Images a second in each size of batch, and the ratio of ours to theirs where there are two sides."""
    entry, figures = NETWORKS[name], {}
    for batch in BATCHES:
        x = torch.rand(batch, entry.channels, entry.size, entry.size)
        rates = images_per_second(sides, x, rounds)
        ratio = {"ratio": rates["ours"] / rates["theirs"]} if "theirs" in rates else {}
        figures[f"batch of {batch}"] = rates | ratio
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
        + (": **the machine was busy; the rates are good for comparing only**." if result["busy"] else "."),
        "",
        "Activations are float32, of one picture; the receptive field is that of the last map whose cells see",
        "different parts, which squeeze and excitation ends early. Logits are those of scikit-learn's china and",
        "flower under random weights. Rates are ours / theirs (ratio), each the best of "
        f"{result['rounds']} interleaved rounds,",
        f"{'in processor time of one thread' if result['threads'] == 1 else str(result['threads']) + ' threads'}.",
        "",
        "| " + " | ".join(head) + " |",
        "| " + " | ".join("---" for _ in head) + " |",
        *(row(name, figures) for name, figures in result["networks"].items()),
    ]
    return "\n".join(lines) + "\n"


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
    load, pictures = os.getloadavg()[0], china_and_flower()
    networks = {}
    for name in given.networks or NETWORKS:
        networks[name] = measure(name, given.rounds, pictures)
        print(row(name, networks[name]), flush=True)
        gc.collect()  # the largest weigh half a gigabyte
    result = {
        "command": " ".join(["scripts/bench_networks", *sys.argv[1:]]),
        "torch": torch.__version__,
        "threads": torch.get_num_threads(),
        "cores": os.cpu_count(),
        "load at the start": round(load, 1),
        "load at the end": round(os.getloadavg()[0], 1),
        "busy": load > 0.5,
        "rounds": given.rounds,
        "networks": networks,
    }
    given.results.mkdir(parents=True, exist_ok=True)
    (given.results / "cnn-networks.json").write_text(json.dumps(result, indent=1) + "\n")
    (given.results / "cnn-networks.md").write_text(page(result))


if __name__ == "__main__":
    main()
