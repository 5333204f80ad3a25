"""What a small network learned: LeNet-5 on scikit-learn's digits, then pictures of what it sees.

python examples/21_look_inside.py FOLDER
"""

import sys
from pathlib import Path

import numpy as np
import torch
from sklearn.datasets import load_digits
from torch import nn

from facerec import images
from facerec.cnn import visualise
from facerec.cnn.networks import create

folder = Path(sys.argv[1])
torch.manual_seed(0)
torch.set_num_threads(1)  # more threads only wait for each other on so small a network
digits = load_digits()
levels = torch.from_numpy(digits.images).float()[:, None] / 16  # (1797, 1, 8, 8)
pictures = nn.functional.pad(nn.functional.interpolate(levels, (24, 24), mode="bilinear"), (4, 4, 4, 4))
labels = torch.from_numpy(digits.target)
train, test = slice(0, 1400), slice(1400, None)

net = create("lenet5_modern", classes=10, channels=1)
optimizer = torch.optim.Adam(net.parameters(), 3e-3)
for _ in range(6):
    for rows in torch.randperm(1400).split(50):
        loss = nn.functional.cross_entropy(net(pictures[train][rows]), labels[train][rows])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
with torch.no_grad():
    right = (net(pictures[test]).argmax(dim=1) == labels[test]).float().mean()
print(f"{right:.1%} of {len(labels[test])} digits that it never saw are right")

sight = visualise.look_into(net, size=32, channels=1)
grey = (pictures[test] * 255).round().to(torch.uint8).permute(0, 2, 3, 1).numpy()  # (397, 32, 32, 1)
named = [(str(row), np.repeat(picture, 3, axis=2)) for row, picture in enumerate(grey)]
eight = named[labels[test].tolist().index(8)][1]
images.save(visualise.paint_filters(visualise.first_filters(net)), folder / "filters.png")
images.save(visualise.paint_maps(visualise.feature_maps(sight, "relu1", eight)), folder / "maps.png")
for layer in ("relu1", "relu2"):
    patches = visualise.exciting_patches(sight, layer, 0, named)
    images.save(visualise.paint_patches(patches), folder / f"patches-{layer}.png")
seen = visualise.occlusion(sight, eight, square=8, stride=1, label=8)
images.save(visualise.paint_occlusion(seen), folder / "occlusion.png")
