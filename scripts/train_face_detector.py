"""Train the packaged face detector: from the data folder to its place in the package.

Stages, each kept below --out and not done again: crops and where two detectors see their landmarks; the training, which
goes on from its checkpoint; the packaged graph with the threshold at which false finds are rare on faceless pictures.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from dataclasses import asdict
from pathlib import Path

import cv2
import numpy as np
import torch
from safetensors.torch import load_file, save_file

sys.path.insert(0, str(Path(__file__).parent.parent))

from facerec.faces.detector import create_detector
from facerec.faces.single_shot import PACKAGED, STRIDES, SingleShot, SingleShotSettings
from facerec.faces.single_shot_export import graph_of, landmark_graph_of, write_detector
from facerec.faces.yunet import YuNet, YuNetSettings
from facerec.learning.datasets import load_shards
from facerec.replacing import replacing
from facerec.runtime import open_graph
from facerec.training.face_detector import backgrounds
from facerec.training.face_detector.composing import Composer, ComposeSettings, Peopled
from facerec.training.face_detector.labels import Labels, label
from facerec.training.face_detector.loop import DetectorSettings, Training
from facerec.training.face_detector.refining import Guesses, refine
from facerec.training.face_detector.threshold import answers, choose, only

SPLITS = {"train": ("train", "unlabelled"), "val": ("val",)}
LANDMARK_STEPS = 1500
"""Of the second net, 128 faces each."""
SCENES = 400
HARD = ComposeSettings(sizes=(12.0, 190.0), parts=0.5, peopled=0.3)
"""Pictures that the thresholds are chosen on: with more that is no face than most have."""
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
        found = label(crops, (create_detector("mtcnn"), yunet))
        say(f"{found.sure.mean():.1%} of them are seen alike by both detectors")
        np.save(pixels, crops[found.sure], allow_pickle=False)
        found[found.sure].save(labels)
    return np.load(pixels, mmap_mode="r"), Labels.load(labels)


def peopled(data: Path, out: Path) -> list[Peopled]:
    """Pictures of people and where their faces lie, which will be replaced."""
    kept = out / "people.npz"
    if not kept.exists():
        yunet = YuNet(open_graph(data / "weights" / "yunet_n_640_640.onnx"), YuNetSettings(threshold=0.3))
        found = backgrounds.people(data, (create_detector("mtcnn"), yunet))
        say(f"{sum(len(heads) for _, heads in found)} faces to be replaced in {len(found)} pictures of people")
        parts = {f"picture-{k}": picture for k, (picture, _) in enumerate(found)}
        with replacing(kept) as fresh, fresh.open("wb") as handle:
            np.savez(handle, **parts, **{f"heads-{k}": heads for k, (_, heads) in enumerate(found)})
    with np.load(kept, allow_pickle=False) as stored:
        return [(stored[f"picture-{k}"], stored[f"heads-{k}"]) for k in range(len(stored.files) // 2)]


def main() -> None:
    parser = argparse.ArgumentParser(description=str(__doc__).splitlines()[0])
    parser.add_argument("--data", type=Path, default=os.environ.get("FACEREC_DATA"), help="the data folder")
    parser.add_argument("--out", type=Path, default=Path("runs/face-detector"), help="where the stages are kept")
    parser.add_argument("--package", type=Path, default=PACKAGED, help="where the detector goes (into the package)")
    parser.add_argument("--steps", type=int, default=4500, help="steps of training (4500)")
    parser.add_argument("--start", type=Path, help="a checkpoint whose averaged weights are the first")
    parser.add_argument("--rate", type=float, default=2.5e-3, help="the highest learning rate (0.0025)")
    parser.add_argument("--seconds", type=float, default=np.inf, help="stop after so long; the same command goes on")
    given = parser.parse_args()
    if given.data is None:
        parser.error("name the data folder by --data or FACEREC_DATA")
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
    composer = Composer(crops, labels, faceless, SEED, peopled=peopled(given.data, given.out))
    training = Training(DetectorSettings(steps=given.steps, learning_rate=given.rate), composer)
    if given.start:
        training.start_from(given.start)
    training.resume(given.out)
    if not training.run(given.out, given.seconds - (time.monotonic() - start), say):
        say("stopped; the same command goes on")
        return
    package(given, training, refined(given.out, crops, labels), len(faceless))


def refined(out: Path, crops: np.ndarray, labels: Labels) -> dict[str, torch.Tensor]:
    """The weights of the net that places landmarks again."""
    kept = out / "landmarks.safetensors"
    if not kept.exists():
        weights = refine(Guesses(crops, labels, SEED + 2), LANDMARK_STEPS, say)
        with replacing(kept) as fresh:
            save_file(weights, fresh)
    return load_file(kept)


def package(
    given: argparse.Namespace, training: Training, second: dict[str, torch.Tensor], faceless: int
) -> None:  # fmt: skip
    """The graph of the averaged weights, and a card with the threshold and what it was made from."""
    graph, facts = graph_of(training.average)
    small, small_facts = landmark_graph_of(second)
    people, labels = labelled(given.data, given.out, "val")
    streets = backgrounds.streets(given.data, ["val"])
    composer = Composer(people, labels, streets, SEED + 1, HARD, peopled=peopled(given.data, given.out))
    scenes, opened = [composer() for _ in range(SCENES)], open_graph(graph)
    chosen = {stride: choose(answers(SingleShot(opened, only(stride)), scenes)) for stride in STRIDES}
    usual = [one.threshold for one in chosen.values()]
    whole = answers(SingleShot(opened, SingleShotSettings(usual=tuple(usual))), scenes)
    say(f"{len(graph):,} and {len(small):,} bytes, {chosen}")
    facts |= {
        "landmarks": small_facts | {"steps": LANDMARK_STEPS},
        "chosen_on": {
            "pictures": whole.pictures,
            "faces": len(whole.true),
            "recall": float((whole.true > 0).mean()),
            "false_per_picture": len(whole.false) / whole.pictures,
            "strides": {stride: one._asdict() for stride, one in chosen.items()},
        },
        "crops": len(training.composer.crops),
        "faceless": faceless,
        "training": asdict(training.settings),
        "composing": asdict(training.composer.settings),
    }
    write_detector(given.package, graph, small, usual, facts)


if __name__ == "__main__":
    main()
