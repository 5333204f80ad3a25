"""A detector of one's own in seconds: it learns to find black and white discs, and counts them on a new picture.

python examples/31_count_discs.py FOLDER
"""

import sys
from pathlib import Path

import numpy as np
import torch

from facerec import images
from facerec.detection.detector import open_detector
from facerec.detection.training import read_material, train_into
from facerec.finding import drawn

COLOURS = {"black": (25, 25, 25), "white": (240, 240, 240)}
folder = Path(sys.argv[1])
rng = np.random.default_rng(0)
torch.set_num_threads(1)  # more threads only wait for each other on so small a network


def picture(count: int, side: int = 64) -> tuple[np.ndarray, list[str]]:
    """Discs on noise, none over another, and a `x1,y1,x2,y2,colour` of each."""
    pixels = rng.normal(130, 12, (side, side, 3))
    rows, columns = np.mgrid[:side, :side]
    marks = []
    for place in rng.permutation(4)[:count]:
        x, y = np.array([place % 2, place // 2]) * side // 2 + rng.integers(12, 20, 2)
        radius, colour = int(rng.integers(7, 12)), str(rng.choice(list(COLOURS)))
        pixels[(columns - x) ** 2 + (rows - y) ** 2 <= radius**2] = COLOURS[colour]
        marks.append(f"{x - radius},{y - radius},{x + radius + 1},{y + radius + 1},{colour}")
    return np.clip(pixels, 0, 255).astype(np.uint8), marks


lines = []
for number in range(32):
    pixels, marks = picture(count=int(rng.integers(0, 4)))
    images.save(pixels, folder / f"{number}.png")
    lines.append(" ".join([f"{number}.png", *marks]))
(folder / "discs.txt").write_text("\n".join(lines) + "\n")
(folder / "discs.toml").write_text(
    'train = "discs.txt"\nsize = [64, 64]\nwidth = 0.5\nscales = [1.0]\nepochs = 80\nbatch = 8\nlearning_rate = 0.005\n'
    "average = 0.9\n"
)
train_into(folder / "run", read_material(folder / "discs.toml", folder / "run"), lambda step, steps: None)

detector = open_detector(folder / "run")
image, marks = picture(count=4)
found = detector(image)
for name in COLOURS:
    there = sum(mark.endswith(name) for mark in marks)
    print(f"{name}: {sum(detector.names[label] == name for label in found.labels)} found, {there} there")
images.save(drawn(images.resize(image, (256, 256)), type(found)(found.boxes * 4, found.scores, found.labels),
                  detector.names), folder / "found.png")  # fmt: skip
