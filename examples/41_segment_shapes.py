"""A U-Net learns to tell discs and squares from the ground, then says so of a picture that it never saw.

python examples/41_segment_shapes.py FOLDER
"""

import sys
from pathlib import Path

import numpy as np

from facerec import images
from facerec.images.masks import save_mask
from facerec.segmentation.making import read_material, train_into
from facerec.segmentation.masks import COLOURS
from facerec.segmentation.overlay import overlay
from facerec.segmentation.segmenter import open_segmenter

CONFIG = """
data = "pictures"
masks = "masks"
names = ["ground", "disc", "square"]
net = "unet"
width = 32
epochs = 8
batch = 8
size = [48, 64]
learning_rate = 0.003
average = 0.8
"""


def drawn(number):
    """A picture of a disc and a square, and its mask: (48, 64, 3) and (48, 64) uint8."""
    rng = np.random.default_rng(number)
    rows, columns = np.mgrid[:48, :64]
    mask = np.zeros((48, 64), np.uint8)
    top, left, y, x = rng.integers(9, (32, 48, 39, 55))
    mask[top : top + 14, left : left + 14] = 2
    mask[(rows - y) ** 2 + (columns - x) ** 2 < 64] = 1
    levels = np.array([[120, 120, 120], [220, 180, 60], [40, 60, 140]])[mask] + rng.normal(0, 12, (48, 64, 3))
    return levels.clip(0, 255).astype(np.uint8), mask


folder = Path(sys.argv[1])
for name in ("pictures", "masks"):
    (folder / name).mkdir(parents=True, exist_ok=True)
for number in range(40):
    picture, mask = drawn(number)
    images.save(picture, folder / "pictures" / f"{number}.png")
    save_mask(mask, COLOURS, folder / "masks" / f"{number}.png")
(folder / "shapes.toml").write_text(CONFIG)

material = read_material(folder / "shapes.toml", folder / "run")
outcome = train_into(folder / "run", material, lambda told: print(f"step {told.step}: loss {told.loss:.3f}"))
print(f"mean IoU {outcome.agreement.mean_iou:.1%} on {outcome.tested_on} pictures that were held out")

segmenter = open_segmenter(folder / "run")  # from here on without torch
picture, mask = drawn(1000)
found = segmenter(picture)
images.save(overlay(picture, found, segmenter.labels.colours), folder / "found.png")
print(f"{(found == mask).mean():.1%} of the pixels of another picture are right")
