"""Frozen features, two-phase fine-tuning and training from scratch on small tasks, each with the same budget.

    FACEREC_DATA=... python scripts/bench_transfer.py

SqueezeNet 1.0 with its authors' ImageNet weights against the same network with fresh ones, on scikit-learn's digits,
on BCCD's blood cells cut out by their boxes, and on patches of CamVid's streets that show one thing. The budget is
processor time of one thread; a way of training takes as many whole epochs as fit, and of several learning rates the
best counts, each with the whole budget. Writes docs/results/cnn-transfer.json and .md.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import sys
import tarfile
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import torch
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression

from facerec import images
from facerec.classification import ClassifierSettings, begin
from facerec.cnn.preparation import Preparation, squared
from facerec.cnn.pretrained import open_classifier
from facerec.cnn.transfer import LoadReport, features, set_head, shallow_head
from facerec.learning.class_loop import batches, learn, loss_of, predict, views
from facerec.learning.class_settings import ViewSettings
from facerec.learning.labelled import Labelled

RATES = (0.003, 0.01, 0.03)
"""Of training from scratch."""
FINE_RATES = (0.000003, 0.00001, 0.00003)
"""Of fine-tuning, after the head is fitted."""
OFFSET = 100.0
"""Of a fitted head, so that SqueezeNet's ReLU passes all of it on."""
CORNERS = ("xmin", "ymin", "xmax", "ymax")
STREET = {0: "sky", 1: "building", 3: "road", 4: "pavement", 5: "tree", 8: "car"}
"""CamVid's classes of which there are patches enough."""
PATCH, STEP, PURE = 40, 20, 0.8
"""Side of a patch and the way to the next one, pixels of 320x240; the share of it that one class must have."""
Figures = dict[str, Any]


def digits(side: int, per_class: int) -> tuple[Labelled, Labelled]:
    """So many of each digit to learn from, 500 others to test on."""
    found = load_digits()
    rng = np.random.default_rng(0)
    levels = np.clip(found.images * 16, 0, 255).astype(np.uint8)[..., None].repeat(3, axis=3)
    order = rng.permutation(len(levels))
    learned = np.concatenate([order[found.target[order] == digit][:per_class] for digit in range(10)])
    tested = np.setdiff1d(order, learned, assume_unique=False)[:500]

    def part(rows: np.ndarray) -> Labelled:
        pixels = np.stack([squared(levels[row], side) for row in rows])
        return Labelled(pixels, found.target[rows].astype(np.int64), tuple("0123456789"))

    return part(learned), part(tested)


def cells(side: int, per_class: int, archive: Path) -> tuple[Labelled, Labelled]:
    """So many blood cells of each kind from the training pictures, at most 60 of each from the test pictures."""
    with tarfile.open(archive) as tar:
        train, test = (list(cut_out(tar, split)) for split in ("trainval", "test"))
    return chosen(train, ("Platelets", "RBC", "WBC"), per_class, side), chosen(
        test, ("Platelets", "RBC", "WBC"), 60, side
    )


def cut_out(tar: tarfile.TarFile, split: str) -> Iterator[tuple[np.ndarray, str]]:
    """Every cell of a split with its kind: the square around its box."""
    for stem in read(tar, f"BCCD/ImageSets/Main/{split}.txt").decode().split():
        picture = images.decode(read(tar, f"BCCD/JPEGImages/{stem}.jpg"))
        for cell in ElementTree.fromstring(read(tar, f"BCCD/Annotations/{stem}.xml")).iter("object"):
            x1, y1, x2, y2 = (int(cell.findtext(f"bndbox/{corner}", "0")) for corner in CORNERS)
            half = max(x2 - x1, y2 - y1) // 2
            x, y = (x1 + x2) // 2, (y1 + y2) // 2
            square = picture[max(0, y - half) : y + half, max(0, x - half) : x + half]
            if min(square.shape[:2]) >= 8:
                yield square, str(cell.findtext("name"))


def street(side: int, per_class: int, archive: Path) -> tuple[Labelled, Labelled]:
    """So many patches of each thing from the training pictures, at most 60 of each from the test pictures."""
    with tarfile.open(archive) as tar:
        train, test = (list(patches(tar, split)) for split in ("train", "test"))
    names = tuple(STREET.values())
    return chosen(train, names, per_class, side), chosen(test, names, 60, side)


def patches(tar: tarfile.TarFile, split: str) -> Iterator[tuple[np.ndarray, str]]:
    """Every patch of a split's pictures that shows one thing of the street, and which."""
    for line in read(tar, f"camvid/{split}.txt").decode().split("\n"):
        if not line.strip():
            continue
        picture, mask = (images.decode(read(tar, f"camvid/{name}")) for name in line.split())
        for y, x in itertools.product(*(range(0, length - PATCH + 1, STEP) for length in mask.shape[:2])):
            counts = np.bincount(mask[y : y + PATCH, x : x + PATCH, 0].ravel())
            if counts.max() >= PURE * PATCH**2 and (kind := int(counts.argmax())) in STREET:
                yield picture[y : y + PATCH, x : x + PATCH], STREET[kind]


def read(tar: tarfile.TarFile, name: str) -> bytes:
    member = tar.extractfile(name)
    assert member is not None
    return member.read()


def chosen(found: list[tuple[np.ndarray, str]], names: tuple[str, ...], most: int, side: int) -> Labelled:
    """At most so many of each kind, spread over the pictures, `side` pixels large."""
    rows = []
    for name in names:
        all_of = [row for row, (_, kind) in enumerate(found) if kind == name]
        rows += [all_of[place] for place in np.linspace(0, len(all_of) - 1, min(most, len(all_of))).astype(int)]
    labels = np.array([names.index(found[row][1]) for row in rows], np.int64)
    return Labelled(np.stack([squared(found[row][0], side) for row in rows]), labels, names)


def spent(work: Callable[[], Figures]) -> Figures:
    """What the work found, and the processor time that it took."""
    start = time.process_time()
    found = work()
    return found | {"seconds": time.process_time() - start}


def features_of(part: Labelled, net: torch.nn.Module, prepare: Preparation) -> torch.Tensor:
    """What the head sees of each picture, computed once."""
    pictures = torch.from_numpy(part.pixels).permute(0, 3, 1, 2).float()
    return features(net, (prepare.normalised(some) for some in pictures.split(50)))


def frozen(train: Labelled, test: Labelled, weights: Path) -> Figures:
    """Features computed once by the network as it is, and a shallow head on them."""
    source = open_classifier("squeezenet", weights)

    def work() -> Figures:
        rows = features_of(train, source.net, source.preparation)
        return {"head": shallow_head(rows, torch.from_numpy(train.labels), len(train.names))}

    found = spent(work)
    layer = found.pop("head")
    with torch.no_grad():
        guessed = layer(features_of(test, source.net, source.preparation)).argmax(dim=1).numpy()
    return found | {"accuracy": float((guessed == test.labels).mean())}


def trained(train: Labelled, test: Labelled, settings: ClassifierSettings, budget: float) -> Figures:
    """A network trained for as many whole epochs as fit into the budget, judged by the weights that it ends with.

    One that starts from weights gets its head first: the shallow one, which counts too.
    """
    net, prepare, loaded = fresh(settings, train)
    start = time.process_time()
    one_epoch(net, train, prepare, settings)
    epochs = max(2, int(budget / (time.process_time() - start)) - bool(settings.start))  # features take half an epoch
    net, prepare, loaded = fresh(settings, train)

    def work() -> Figures:
        if settings.start:
            rows = features_of(train, net, prepare)
            set_head(net, shallow_head(rows, torch.from_numpy(train.labels), len(train.names)), OFFSET)
        return {"epochs": len(list(learn(net, train, test[np.arange(1)], prepare, replace(settings, epochs=epochs))))}

    found = spent(work)
    accuracy = float((predict(net, test.pixels, prepare) == test.labels).mean())
    return found | {"accuracy": accuracy, "loaded": str(loaded) if loaded else None, "rate": settings.learning_rate}


def fresh(settings: ClassifierSettings, train: Labelled) -> tuple[torch.nn.Module, Preparation, LoadReport | None]:
    """The network before its training, the same on every call."""
    torch.manual_seed(settings.seed)
    return begin(settings, len(train.names))


def one_epoch(net: torch.nn.Module, train: Labelled, prepare: Preparation, settings: ClassifierSettings) -> None:
    """Forward and backward over all pictures once, for the time that it takes."""
    draw = torch.Generator().manual_seed(0)
    for rows in batches(len(train), settings.batch, np.random.default_rng(0)):
        pictures = views(train.pixels[rows], prepare, settings.augment, draw)
        loss_of(net, pictures, torch.from_numpy(train.labels[rows])).backward()


def on_pixels(train: Labelled, test: Labelled) -> Figures:
    """Logistic regression on the pictures as 16x16 grey, for a floor."""

    def flat(part: Labelled) -> np.ndarray:
        grey = torch.from_numpy(part.pixels).float().mean(dim=3)[:, None] / 255
        return torch.nn.functional.interpolate(grey, (16, 16), mode="area").flatten(1).numpy()

    model = LogisticRegression(max_iter=2000).fit(flat(train), train.labels)
    return {"accuracy": float(model.score(flat(test), test.labels))}


def measure(train: Labelled, test: Labelled, weights: Path, budget: float, side: int) -> Figures:
    """All ways on one task."""
    base = ClassifierSettings(data="", net="squeezenet", side=side, batch=16, schedule="cosine", weight_decay=2e-4)
    light = ViewSettings(rotation=8, scale=0.08, shift=4)
    scratch = [trained(train, test, replace(base, learning_rate=rate, augment=light), budget) for rate in RATES]
    fine = replace(base, start=str(weights), augment=light)
    tuned = [trained(train, test, replace(fine, learning_rate=rate), budget) for rate in FINE_RATES]
    return {
        "learned from": len(train),
        "tested on": len(test),
        "classes": list(train.names),
        "frozen": frozen(train, test, weights),
        "fine-tuned": max(tuned, key=lambda found: found["accuracy"]),
        "fine-tuned, all rates": tuned,
        "scratch": max(scratch, key=lambda found: found["accuracy"]),
        "scratch, all rates": scratch,
        "pixels": on_pixels(train, test),
    }


WAYS = {
    "frozen": "frozen features, shallow head",
    "fine-tuned": "the same, then all of it fine-tuned, best of three rates",
    "scratch": "from scratch, best of three rates",
    "pixels": "logistic regression on 16x16 grey pixels",
}


def page(result: Figures) -> str:
    """The figures in Markdown."""
    lines = [
        "# Transfer learning",
        "",
        f"`{result['command']}`, torch {result['torch']}, one thread on {result['cores']} cores, load",
        f"{result['load']} at the start. SqueezeNet 1.0 on pictures of {result['side']}x{result['side']}, with its",
        f"authors' ImageNet weights or from scratch. Everything trained has {result['budget']:g} s of processor time;",
        "frozen features take what they take, far less. Each of three learning rates has that budget, and the best on",
        "the test pictures counts, which flatters both fine-tuning and training from scratch.",
        "",
        "A blood cell is the square around its box. A street patch is "
        f"{PATCH}x{PATCH} pixels of CamVid, reduced to 320x240,",
        f"of which one class has {PURE:.0%} or more. Both are tested on pictures that nothing was learned from.",
        "",
        "| task | way | accuracy | seconds | epochs |",
        "| --- | --- | ---: | ---: | ---: |",
    ]
    for task, figures in result["tasks"].items():
        sizes = f"{task}: {figures['learned from']} to learn from, {figures['tested on']} to test on"
        for way, words in WAYS.items():
            found = figures[way]
            seconds = f"{found['seconds']:.1f}" if "seconds" in found else ""
            lines.append(f"| {sizes} | {words} | {found['accuracy']:.1%} | {seconds} | {found.get('epochs', '')} |")
    loaded = next(iter(result["tasks"].values()))["fine-tuned"]["loaded"]
    lines += ["", f"What the fine-tuned network took over, in the words of `load_fitting`: {loaded}."]
    return "\n".join(lines) + "\n"


TASKS: dict[str, Callable[[int, Path], tuple[Labelled, Labelled]]] = {
    "digits": lambda side, data: digits(side, 20),
    "blood cells": lambda side, data: cells(side, 60, data / "bccd.tar"),
    "street patches": lambda side, data: street(side, 30, data / "camvid.tar"),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=str(__doc__).splitlines()[0])
    parser.add_argument("tasks", nargs="*", metavar="TASK", help=f"of {', '.join(TASKS)} (all)")
    parser.add_argument("--budget", type=float, default=40, help="seconds of processor time (40)")
    parser.add_argument("--side", type=int, default=96, help="of the pictures, pixels (96)")
    parser.add_argument("--results", type=Path, default=Path("docs/results"), help="where to write (docs/results)")
    given = parser.parse_args()
    if unknown := set(given.tasks) - TASKS.keys():
        parser.error(f"no task {', '.join(sorted(unknown))}")
    torch.set_num_threads(1)
    data = Path(os.environ["FACEREC_DATA"])
    result: Figures = {
        "command": " ".join(["scripts/bench_transfer.py", *sys.argv[1:]]),
        "torch": torch.__version__,
        "cores": os.cpu_count(),
        "load": round(os.getloadavg()[0], 1),
        "budget": given.budget,
        "side": given.side,
        "tasks": {},
    }
    given.results.mkdir(parents=True, exist_ok=True)
    for name in given.tasks or TASKS:
        train, test = TASKS[name](given.side, data)
        weights = data / "weights" / "squeezenet1_0-imagenet.npz"
        result["tasks"][name] = measure(train, test, weights, given.budget, given.side)
        print(name, json.dumps(result["tasks"][name]), flush=True)
        (given.results / "cnn-transfer.json").write_text(json.dumps(result, indent=1) + "\n")
        (given.results / "cnn-transfer.md").write_text(page(result))


if __name__ == "__main__":
    main()
