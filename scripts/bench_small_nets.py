"""How well the small networks read scikit-learn's digits, and how long they take to learn it.

    python scripts/bench_small_nets.py

A fifth of each digit is held back to test on. Writes docs/results/cnn-small-nets.json and .md; of networks that are not
named, what was measured with the same settings before stays.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from sklearn.datasets import load_digits

from facerec.classification import ClassifierSettings, train_classifier
from facerec.cnn.networks import NETWORKS
from facerec.cnn.preparation import squared
from facerec.learning.class_settings import ViewSettings
from facerec.learning.labelled import Labelled, held_out

VIEWS = ViewSettings(rotation=8, scale=0.08, shift=6, shear=0.08)
SETTINGS = {
    "fashion_dense": {"epochs": 30, "learning_rate": 0.05, "step_epochs": 20, "batch": 32},
    "lenet5": {"epochs": 40, "learning_rate": 0.002, "step_epochs": 27, "batch": 32},
    "lenet5_modern": {"epochs": 30, "learning_rate": 0.02, "step_epochs": 20, "batch": 32},
    "capsule": {"epochs": 3, "learning_rate": 0.1, "step_epochs": 2, "batch": 16},
    "network_in_network": {"epochs": 8, "learning_rate": 0.01, "step_epochs": 6, "batch": 16},
}
"""Steps down to a tenth; few epochs where one takes long."""


def digits(side: int) -> Labelled:
    found = load_digits()
    levels = np.clip(found.images * 16, 0, 255).astype(np.uint8)[..., None].repeat(3, axis=3)
    pixels = np.stack([squared(picture, side) for picture in levels])
    return Labelled(pixels, found.target.astype(np.int64), tuple("0123456789"))


def measure(name: str) -> dict[str, Any]:
    """Train one network, and test it."""
    entry, some = NETWORKS[name], digits(NETWORKS[name].size)
    learned, tested = held_out(some.labels, 0.2, np.random.default_rng(0))
    settings = ClassifierSettings(data="", net=name, augment=VIEWS, **SETTINGS[name])  # type: ignore[arg-type]
    start, wall = time.process_time(), time.perf_counter()
    outcome = train_classifier(settings, some[learned], some[tested], lambda epoch: print(name, epoch, flush=True))
    return {
        "parameters": sum(weight.numel() for weight in outcome.net.parameters()),
        "channels": entry.channels,
        "size": entry.size,
        "epochs": settings.epochs,
        "learning_rate": settings.learning_rate,
        "accuracy": outcome.accuracy,
        "tested on": len(tested),
        "seconds of processor time": time.process_time() - start,
        "seconds": time.perf_counter() - wall,
    }


def page(result: dict[str, Any]) -> str:
    """The table in Markdown."""
    lines = [
        "# The small networks on digits",
        "",
        f"`{result['command']}`, torch {result['torch']}, {result['threads']} threads on {result['cores']} cores,",
        f"load {result['load']} at the start. scikit-learn's 1,797 digits, brought from 8x8 to the network's own size.",
        "A fifth of each is held back, and the weights after the last epoch are tested on it; rates are from a few",
        "tries. Views are turned, moved, scaled and sheared a little; the rate steps down to a tenth after two thirds.",
        "Networks that the command does not name were measured before, with the same settings. Other work on a",
        "machine lengthens the seconds, and hardly the processor time.",
        "",
        "| network | input | parameters | epochs | rate | test accuracy | seconds | of processor time |",
        "| --- | --- | ---: | ---: | ---: | ---: | ---: | ---: |",
    ]
    for name, found in result["networks"].items():
        lines.append(
            f"| {name} | {found['channels']}x{found['size']}x{found['size']} | {found['parameters']:,} | "
            f"{found['epochs']} | {found['learning_rate']:g} | {found['accuracy']:.1%} | {found['seconds']:.0f} | "
            f"{found['seconds of processor time']:.0f} |"
        )
    return "\n".join(lines) + "\n"


def kept(path: Path, again: list[str]) -> dict[str, Any]:
    """What a run before found of the networks that are not measured again, where their settings are still the same."""
    before: dict[str, Any] = json.loads(path.read_text())["networks"] if path.exists() else {}
    return {
        name: found for name, found in before.items()
        if name not in again and all(SETTINGS[name][key] == found[key] for key in ("epochs", "learning_rate"))
    }  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=str(__doc__).splitlines()[0])
    parser.add_argument("networks", nargs="*", metavar="NETWORK", help=f"of {', '.join(SETTINGS)} (all)")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads(), help="torch's (one a core)")
    parser.add_argument("--results", type=Path, default=Path("docs/results"), help="where to write (docs/results)")
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    load = os.getloadavg()[0]
    result: dict[str, Any] = {
        "command": " ".join(["scripts/bench_small_nets.py", *sys.argv[1:]]),
        "torch": torch.__version__,
        "threads": given.threads,
        "cores": os.cpu_count(),
        "load": round(load, 1),
        "networks": kept(given.results / "cnn-small-nets.json", given.networks or list(SETTINGS)),
    }
    given.results.mkdir(parents=True, exist_ok=True)
    for name in given.networks or SETTINGS:
        result["networks"][name] = measure(name)
        result["networks"] = {name: result["networks"][name] for name in SETTINGS if name in result["networks"]}
        (given.results / "cnn-small-nets.json").write_text(json.dumps(result, indent=1) + "\n")
        (given.results / "cnn-small-nets.md").write_text(page(result))


if __name__ == "__main__":
    main()
