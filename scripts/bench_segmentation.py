"""Segmentation on real pictures: CamVid by U-Net-32 and FCN-8s, cell membranes by U-Net-32.

    scripts/bench_segmentation train NAME...  of camvid_unet, camvid_fcn8s, membrane_unet; goes on where it stopped
    scripts/bench_segmentation measure        what is trained: docs/results/segmentation.json and .md, and two pictures

Reads camvid.tar, membrane.tar and weights/ below FACEREC_DATA; keeps its runs in runs/segmentation.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
import tarfile
import time
from pathlib import Path
from typing import Any

import numpy as np

from facerec import images
from facerec.replacing import replacing
from facerec.segmentation.data import Masked, read_masked
from facerec.segmentation.evaluating import as_answer, evaluate
from facerec.segmentation.masks import IGNORE
from facerec.segmentation.overlay import overlay
from facerec.segmentation.segmenter import Segmenter, open_segmenter

ROOT = Path(__file__).resolve().parent.parent
RUNS, RESULTS = ROOT / "runs" / "segmentation", ROOT / "docs" / "results"
NAMES = ("camvid_unet", "camvid_fcn8s", "membrane_unet")
HELD_OUT = range(24, 30)
"""Sections of the membranes that are held out: the last of the stack, so that only one has a neighbour learned from."""
PUBLISHED = {
    "segnet_basic_367": {"accuracy": 0.828, "mean_accuracy": 0.623, "mean_iou": 0.463},
    "segnet_vgg_367": {"accuracy": 0.886, "mean_accuracy": 0.659, "mean_iou": 0.502},
    "segnet_vgg_3433": {"accuracy": 0.904, "mean_accuracy": 0.712, "mean_iou": 0.601},
    "unet_isbi_pixel_error": 0.0611,
}
"""SegNet at 480x360 on the same 233 test pictures: the first two as its authors' tutorial gives them for the 367
training pictures that are used here too, the third from their paper (IEEE TPAMI 39(12), 2017, table 3), after training
on 3,433. U-Net's from its paper (MICCAI 2015, table 1), on the challenge's own 30 test pictures."""


def unpacked(name: str) -> Path:
    """A run's settings, in the folder of its data set, beside its lists."""
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
    from facerec.segmentation.making import read_material, train_into

    def hear(told: Any) -> None:
        tested = told.tested.mean_iou if told.tested else ""
        print(f"step {told.step} of {told.steps}  loss {told.loss:.4f}  {told.seconds:.0f} s  {tested}", flush=True)

    outcome = train_into(RUNS / name, read_material(unpacked(name), RUNS / name), hear)
    print(f"val: mean IoU {outcome.agreement.mean_iou:.4f}", flush=True)


def measured(name: str, tested_on: str) -> dict[str, Any]:
    """How well a trained network does on a list of its data set, and how long it takes on one core."""
    segmenter, folder = open_segmenter(RUNS / name, threads=1), unpacked(name).parent
    tested = read_masked(folder / tested_on, None, segmenter.labels)
    began = time.process_time()  # one thread: what else the machine does is not counted
    answer = as_answer(evaluate(segmenter, tested), segmenter.labels.names)
    each = (time.process_time() - began) / len(tested)
    report = json.loads((RUNS / name / "report.json").read_text())
    settings = json.loads((RUNS / name / "settings.json").read_text())
    steps = int((RUNS / name / "log.csv").read_text().splitlines()[-1].split(",")[0])
    found = {"tested_on": len(tested), **answer, "trained_seconds": report["seconds"], "steps": steps,
             "views": steps * settings["batch"], "size": settings["size"], "seconds_a_picture": each}  # fmt: skip
    if folder.name == "membrane":
        return found | pixel_errors(segmenter, tested)
    return found | {"validation": {key: report[key] for key in ("mean_iou", "accuracy", "mean_accuracy", "tested_on")}}


def pixel_errors(segmenter: Segmenter, tested: Masked) -> dict[str, float]:
    """The two things that have been called pixel error on the membranes: shares of the pixels.

    `pixel_error` are those labelled wrong, a half being the limit; `pixel_error_f` is 1 less the F-score of the
    membrane's pixels at the best limit of all, which the challenge's page came to define.
    """
    shares = np.concatenate([segmenter.probabilities(picture)[0].ravel() for picture in tested.pictures])
    truth = np.concatenate([mask.ravel() for mask in tested.masks])
    shares, is_membrane = shares[truth != IGNORE], truth[truth != IGNORE] == 0
    scores = []
    for limit in np.linspace(0.02, 0.98, 49):
        called = shares >= limit
        scores.append(2 * (called & is_membrane).sum() / (called.sum() + is_membrane.sum()))
    return {"pixel_error": float(((shares > 0.5) != is_membrane).mean()), "pixel_error_f": float(1 - max(scores)),
            "membrane_share": float(is_membrane.mean())}  # fmt: skip


def measure() -> None:
    """Write the results and the pictures of membranes."""
    lists = {"camvid_unet": "test.txt", "camvid_fcn8s": "test.txt", "membrane_unet": "held.txt"}
    found = {name: measured(name, place) for name, place in lists.items() if (RUNS / name / "report.json").exists()}
    whole = {"made_by": "scripts/bench_segmentation measure", **found, "published": PUBLISHED}
    with replacing(RESULTS / "segmentation.json") as fresh:
        fresh.write_text(json.dumps(whole, indent=1) + "\n")
    draw_membranes()
    for name, own in found.items():
        print(name, {key: value for key, value in own.items() if key not in ("classes", "confusion")})


def draw_membranes() -> None:
    """Two pictures of membranes: views of one section with its mask, and a held-out section, as marked and as found."""
    import torch

    from facerec.segmentation.settings import SegmenterSettings
    from facerec.segmentation.views import views

    config = unpacked("membrane_unet")
    settings = SegmenterSettings.read(config)
    learned, held = (read_masked(config.parent / f"{word}.txt", None, settings.labels) for word in ("learn", "held"))
    colours, pictures = ((230, 159, 0), (30, 60, 120)), ROOT / "docs" / "pictures"
    rng = torch.Generator().manual_seed(1)
    levels, labels = views(learned.pictures[:1] * 4, learned.masks[:1] * 4, (256, 256), settings.augment, rng)
    seen = [
        overlay(each.permute(1, 2, 0).byte().numpy(), label.numpy().astype(np.uint8), colours, 0.35)
        for each, label in zip(levels, labels, strict=True)
    ]
    images.save(images.grid(seen, 4), pictures / "segmentation-views.jpg")
    if (RUNS / "membrane_unet" / "report.json").exists():
        segmenter, picture, mask = open_segmenter(RUNS / "membrane_unet"), held.pictures[2], held.masks[2]
        shown = [picture, overlay(picture, mask, colours, 0.45), overlay(picture, segmenter(picture), colours, 0.45)]
        parts = [part[:320, :320] for part in shown]
        images.save(images.grid(parts, 3), pictures / "segmentation-membranes.jpg")


if __name__ == "__main__":
    if sys.argv[1:2] == ["train"] and set(sys.argv[2:]) <= set(NAMES):
        for name in sys.argv[2:] or NAMES:
            train(name)
    elif sys.argv[1:] == ["measure"]:
        measure()
    else:
        sys.exit(__doc__)
