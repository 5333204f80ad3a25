"""Sliding windows one after the other and all at once: the same numbers, and how many times faster.

    python scripts/bench_sliding_windows.py

LeNet-5 learns scikit-learn's digits and the empty ground as an eleventh class; digits are then looked for on canvases,
by cutting each window out and by the same network with its dense layers as convolutions. Both run in turn in one
process with one thread; the ratio is the median over the rounds. Writes docs/results/sliding-windows.json and .md.
"""

from __future__ import annotations

import argparse
import json
import os
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from sklearn.datasets import load_digits
from torch import Tensor, nn

from facerec.cnn.dense_to_conv import fully_convolutional
from facerec.cnn.networks.lenet import LeNet5Modern
from facerec.detection.windows import best_windows, slide_at_once, slide_plainly
from facerec.geometry import iou, nms_per_class

SIDE, STRIDE, DIGIT = 32, 4, 24
GROUND = 10
SIZES = ((96, 96), (160, 160), (240, 320))
Figures = dict[str, Any]


def glyphs() -> tuple[Tensor, np.ndarray]:
    """scikit-learn's digits as 24x24, 0..1, and which they are."""
    found = load_digits()
    small = torch.from_numpy(found.images / 16).float()[:, None]
    return nn.functional.interpolate(small, (DIGIT, DIGIT), mode="bilinear")[:, 0], found.target


def canvas(
    size: tuple[int, int], digits: Tensor, labels: np.ndarray, rng: np.random.Generator
) -> tuple[Tensor, np.ndarray, np.ndarray]:
    """Digits apart from each other on a grey canvas: (1, H, W), their boxes (N, 4) and labels (N,)."""
    picture = torch.from_numpy(rng.normal(0.1, 0.05, size)).float()
    boxes: list[tuple[int, int, int, int]] = []
    kinds = []
    for _ in range(size[0] * size[1] // 2500):
        y, x = (int(rng.integers(2, length - DIGIT - 2)) for length in size)
        box = (x, y, x + DIGIT, y + DIGIT)
        if boxes and iou(np.array([box]) + np.array([-9, -9, 9, 9]), np.array(boxes)).max() > 0:
            continue
        row = int(rng.integers(len(digits)))
        picture[y : y + DIGIT, x : x + DIGIT] += digits[row]
        boxes.append(box)
        kinds.append(labels[row])
    return picture[None], np.array(boxes, np.float32), np.array(kinds)


def crops(count: int, digits: Tensor, labels: np.ndarray, rng: np.random.Generator) -> tuple[Tensor, Tensor]:
    """Windows to learn from: a digit within two pixels of the middle, or the ground, or a digit far from the middle."""
    pictures = torch.from_numpy(rng.normal(0.1, 0.05, (count, 3 * SIDE, 3 * SIDE))).float()
    wanted = torch.full((count,), GROUND)
    for number, picture in enumerate(pictures):
        row, way = int(rng.integers(len(digits))), rng.random()
        shift = rng.integers(-2, 3, 2)
        while way >= 0.4 and np.abs(shift).max() < 7:
            shift = rng.integers(-27, 28, 2)
        y, x = (int(SIDE + 4 + step) for step in shift)
        if way < 0.9:
            picture[y : y + DIGIT, x : x + DIGIT] += digits[row]
        if way < 0.4:
            wanted[number] = int(labels[row])
    return pictures[:, None, SIDE : 2 * SIDE, SIDE : 2 * SIDE], wanted


def learned(digits: Tensor, labels: np.ndarray, rng: np.random.Generator) -> nn.Sequential:
    """LeNet-5 that tells ten digits and the ground apart."""
    torch.manual_seed(0)
    net = LeNet5Modern(classes=GROUND + 1)
    pictures, wanted = crops(24_000, digits, labels, rng)
    optimizer = torch.optim.AdamW(net.parameters(), 2e-3)
    for epoch in range(6):
        for rows in torch.split(torch.randperm(len(pictures)), 64):
            optimizer.zero_grad()
            nn.functional.cross_entropy(net(pictures[rows]), wanted[rows]).backward()
            optimizer.step()
        optimizer.param_groups[0]["lr"] = 2e-3 * (1 - (epoch + 1) / 6) + 1e-5
    return net.eval()


def compare(net: nn.Sequential, picture: Tensor, rounds: int) -> Figures:
    """Both ways in turn: how far their numbers are apart, seconds of each, and the ratio."""
    turned = fully_convolutional(net, 16, 5, 5)
    plain, at_once = slide_plainly(net, picture, SIDE, STRIDE), slide_at_once(turned, picture)
    apart = (torch.softmax(plain, dim=0) - torch.softmax(at_once, dim=0)).abs().max()
    seconds = []
    for _ in range(rounds):
        start = time.perf_counter()
        slide_plainly(net, picture, SIDE, STRIDE)
        middle = time.perf_counter()
        slide_at_once(turned, picture)
        seconds.append((middle - start, time.perf_counter() - middle))
    each = np.array(seconds)
    return {
        "size": list(picture.shape[1:]),
        "windows": plain[0].numel(),
        "largest difference": float(apart),
        "largest difference of a logit": float((plain - at_once).abs().max()),
        "largest logit": float(plain.abs().max()),
        "plain seconds": float(np.median(each[:, 0])),
        "at once seconds": float(np.median(each[:, 1])),
        "times faster": float(np.median(each[:, 0] / each[:, 1])),
        "rounds": rounds,
    }


def found_share(net: nn.Sequential, digits: Tensor, labels: np.ndarray, rng: np.random.Generator) -> Figures:
    """Digits found on ten canvases, as the right class at an IoU of 0.4 of window and digit, and false finds."""
    turned, right, wrong, total = fully_convolutional(net, 16, 5, 5), 0, 0, 0
    for _ in range(10):
        picture, boxes, kinds = canvas(SIZES[-1], digits, labels, rng)
        found, scores, classes = best_windows(slide_at_once(turned, picture), SIDE, STRIDE, floor=0.9)
        kept = nms_per_class(found, scores, classes, 0.2)
        overlap = iou(found[kept], boxes)
        hit = (overlap > 0.4) & (classes[kept][:, None] == kinds)
        right, wrong, total = right + int(hit.any(0).sum()), wrong + int((~hit.any(1)).sum()), total + len(boxes)
    return {"digits": total, "found": right, "wrong": wrong}


def page(result: Figures) -> str:
    lines = [
        "# Sliding windows",
        "",
        f"`{result['command']}`, torch {result['torch']}, one thread, load {result['load']} at the start. LeNet-5 with",
        f"windows of {SIDE}x{SIDE} pixels every {STRIDE} pixels, cut out one by one and run in batches, or at once by",
        "the network whose dense layers are convolutions, the weights carried over. In turn in one process; the median",
        "of the rounds' ratios.",
        "",
        "| picture | windows | largest difference of a probability, of a logit | one by one | at once | times faster |",
        "| --- | ---: | ---: | ---: | ---: | ---: |",
    ]
    for row in result["sizes"]:
        height, width = row["size"]
        lines.append(
            f"| {width}x{height} | {row['windows']:,} | {row['largest difference']:.0e}, "
            f"{row['largest difference of a logit']:.0e} | {row['plain seconds'] * 1000:.1f} ms | "
            f"{row['at once seconds'] * 1000:.1f} ms | {row['times faster']:.0f} |"
        )
    found = result["digits"]
    lines += [
        "",
        "Logits reach " + f"{max(row['largest logit'] for row in result['sizes']):.0f}" + ": their last digits differ.",
        f"On ten canvases of 320x240 with scikit-learn's digits it finds {found['found']} of {found['digits']} digits",
        f"as what they are, with {found['wrong']} false finds.",
        "<!-- figures: sliding-windows.json digits -->",
    ]
    return "\n".join(lines) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=str(__doc__).splitlines()[0])
    parser.add_argument("--rounds", type=int, default=15, help="of each size (15)")
    given = parser.parse_args()
    torch.set_num_threads(1)
    load, rng = round(os.getloadavg()[0], 1), np.random.default_rng(0)
    digits, labels = glyphs()
    half = len(digits) // 2
    net = learned(digits[:half], labels[:half], rng)
    result: Figures = {
        "command": "scripts/bench_sliding_windows.py",
        "torch": torch.__version__,
        "load": load,
        "digits": found_share(net, digits[half:], labels[half:], rng),
        "sizes": [],
    }
    for size in SIZES:
        result["sizes"].append(compare(net, canvas(size, digits[half:], labels[half:], rng)[0], given.rounds))
        print(json.dumps(result["sizes"][-1]), flush=True)
    folder = Path("docs/results")
    (folder / "sliding-windows.json").write_text(json.dumps(result, indent=1) + "\n")
    (folder / "sliding-windows.md").write_text(page(result))


if __name__ == "__main__":
    main()
