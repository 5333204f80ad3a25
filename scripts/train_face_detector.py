"""Train the packaged face detector: from the data folder to its place in the package.

Stages, each kept below --out and not done again: crops and where two detectors see their landmarks; the training, which
goes on from its checkpoint; the packaged graph with the threshold at which false finds are rare on faceless pictures.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parent.parent))

from facerec.faces.detector import create_detector
from facerec.learning.datasets import load_shards
from facerec.training.face_detector import backgrounds
from facerec.training.face_detector.composing import Composer
from facerec.training.face_detector.labels import Labels, label

SPLITS = {"train": ("train", "unlabelled"), "val": ("val",)}
COUNTS = {"train": 36000, "val": 3295}
"""So many crops of each, taken evenly at random: the detectors that label them need four minutes for these."""
SEED = 7


def say(text: str) -> None:
    print(f"{time.strftime('%H:%M:%S')} {text}", flush=True)


def labelled(data: Path, out: Path, name: str) -> tuple[np.ndarray, Labels]:
    """The crops of a split that both detectors see alike, and their labels."""
    pixels, labels = out / f"crops-{name}.npy", out / f"labels-{name}.npz"
    if not labels.exists():
        crops = load_shards(data / "faces", SPLITS[name], workers=1).pixels
        rows = np.random.default_rng(SEED).permutation(len(crops))[: COUNTS[name]]
        crops = crops[np.sort(rows)]
        say(f"{len(crops)} crops of {name}")
        yunet = create_detector(f"yunet:{data / 'weights' / 'yunet_n_640_640.onnx'}")
        found = label(crops, (yunet, create_detector("mtcnn")))
        say(f"{found.sure.mean():.1%} of them are seen alike by both detectors")
        np.save(pixels, crops[found.sure], allow_pickle=False)
        found[found.sure].save(labels)
    return np.load(pixels, mmap_mode="r"), Labels.load(labels)


def main() -> None:
    parser = argparse.ArgumentParser(description=str(__doc__).splitlines()[0])
    parser.add_argument("--data", type=Path, default=os.environ.get("FACEREC_DATA"), help="the data folder")
    parser.add_argument("--out", type=Path, default=Path("runs/face-detector"), help="where the stages are kept")
    parser.add_argument("--steps", type=int, default=9000, help="steps of training (9000)")
    parser.add_argument("--seconds", type=float, default=np.inf, help="stop after so long; the same command goes on")
    given = parser.parse_args()
    if given.data is None:
        parser.error("name the data folder by --data or FACEREC_DATA")
    import cv2
    import torch

    from facerec.training.face_detector.loop import DetectorSettings, Training

    start = time.monotonic()
    cv2.setNumThreads(1)
    torch.set_num_threads(1)
    given.out.mkdir(parents=True, exist_ok=True)
    crops, labels = labelled(given.data, given.out, "train")
    labelled(given.data, given.out, "val")
    faceless = (
        backgrounds.streets(given.data, ["train", "val"]) + backgrounds.cells(given.data) + backgrounds.packages()
    )
    say(f"{len(crops)} crops, {len(faceless)} pictures without a face")
    training = Training(DetectorSettings(steps=given.steps), Composer(crops, labels, faceless, SEED))
    training.resume(given.out)
    done = training.run(given.out, given.seconds - (time.monotonic() - start), say=say)
    if not done:
        say("stopped; the same command goes on")


if __name__ == "__main__":
    main()
