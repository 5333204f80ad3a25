"""Segmentation on real pictures: CamVid by U-Net-32 and FCN-8s, cell membranes by U-Net-32.

    scripts/bench_segmentation train NAME     one of camvid_unet, camvid_fcn8s, membrane_unet; goes on where it stopped
    scripts/bench_segmentation                measure what is trained: docs/results/segmentation.json and .md

Reads camvid.tar, membrane.tar and weights/ below FACEREC_DATA; keeps its runs in runs/segmentation.
"""

from __future__ import annotations

import os
import shutil
import sys
import tarfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
RUNS = ROOT / "runs" / "segmentation"
NAMES = ("camvid_unet", "camvid_fcn8s", "membrane_unet")
HELD_OUT = range(24, 30)
"""Sections of the membranes that are held out: the last of the stack, so that only one has a neighbour learned from."""


def unpacked(name: str) -> Path:
    """The folder of a data set, with a run's settings beside its lists."""
    data = Path(os.environ["FACEREC_DATA"])
    folder = RUNS / "data" / name.partition("_")[0]
    if not folder.exists():
        RUNS.mkdir(parents=True, exist_ok=True)
        with tarfile.open(data / f"{folder.name}.tar") as tar:
            tar.extractall(folder.parent, filter="data")
    if folder.name == "membrane":
        lists = {"learn": [n for n in range(30) if n not in HELD_OUT], "held": HELD_OUT}
        for word, numbers in lists.items():
            lines = [f"train/image/{n}.png train/label/{n}.png\n" for n in numbers]
            (folder / f"{word}.txt").write_text("".join(lines))
    weights = folder / "squeezenet1_0-imagenet.npz"
    if not weights.exists():
        weights.symlink_to(data / "weights" / weights.name)
    shutil.copy(ROOT / "scripts" / f"segmentation_{name}.toml", folder / f"{name}.toml")
    return folder / f"{name}.toml"


def train(name: str) -> None:
    """Train one network into runs/segmentation/NAME, on from its checkpoint."""
    from facerec.segmentation.data import read_masked
    from facerec.segmentation.settings import SegmenterSettings
    from facerec.segmentation.training import begin
    from facerec.segmentation.training import train as go

    config = unpacked(name)
    settings, here = SegmenterSettings.read(config), config.parent
    learned, tested = (read_masked(here / place, None, settings.labels) for place in (settings.data, settings.test))
    go(
        settings,
        begin(settings, here),
        learned,
        tested,
        RUNS / name,
        lambda p: print(p.step, p.steps, f"{p.loss:.4f} {p.seconds:.0f} s", p.tested and p.tested.mean_iou, flush=True),
    )


if __name__ == "__main__":
    if sys.argv[1:2] == ["train"]:
        train(sys.argv[2])
