"""One object at most, and landmarks: small networks trained for real, in seconds.

    FACEREC_DATA=... python scripts/bench_one_object.py

Drawn shapes (where, and which of three); crops of BCCD's slides that hold exactly one white blood cell or none; and
five landmarks of faces, whose true places are the detector's (MTCNN's), on people who are in no training picture.
Writes docs/results/one-object.json and .md.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import sys
import tarfile
import textwrap
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from facerec import images
from facerec.detection.annotated import Annotated
from facerec.detection.landmarks import LandmarkNet, landmark_loss, landmark_targets, normalised_mean_error, points_of
from facerec.detection.one_object import OneObjectNet, decoded, learn_targets, mean_overlap, one_object_loss, target_of
from facerec.detection.voc import read_voc
from facerec.faces.detector import create_detector
from facerec.geometry import apply, intersection, warp
from facerec.learning.datasets import read_rows
from facerec.records import Detections, Image, Objects

sys.path.insert(0, str(Path(__file__).parent.parent))
from tests.detection.shapes import shapes

SIDE = 64
WBC = ("RBC", "WBC", "Platelets")
CUT = 240
"""Side of a crop of a slide, pixels of 640x480."""
RUNS = Path("runs/one-object")
Figures = dict[str, Any]


def judged(found: list[Detections], truth: list[Objects]) -> Figures:
    """How well presence is told, the mean IoU where there is something, and the class of what was found."""
    there = np.array([len(each) > 0 for each in truth])
    said = np.array([len(each) > 0 for each in found])
    both = [(a, b) for a, b in zip(found, truth, strict=True) if len(a) and len(b)]
    return {
        "presence": float((there == said).mean()),
        "mean IoU": mean_overlap(found, truth),
        "class": float(np.mean([a.labels[0] == b.labels[0] for a, b in both])),
        "tested on": len(truth),
        "with an object": int(there.sum()),
    }


def fitted(
    train: tuple[Tensor, list[Objects]], test: tuple[Tensor, list[Objects]], classes: int, epochs: int
) -> Figures:
    """Train on one part, judge on the other."""
    torch.manual_seed(0)
    net, start = OneObjectNet(classes, SIDE), time.process_time()
    targets = torch.stack([target_of(each, (SIDE, SIDE), classes) for each in train[1]])
    list(learn_targets(net, train[0], targets, one_object_loss, epochs))
    seconds = time.process_time() - start
    with torch.inference_mode():
        found = decoded(torch.cat([net(some) for some in torch.split(test[0], 256)]), (SIDE, SIDE))
    facts = {"learned from": len(train[1]), "epochs": epochs, "training seconds": seconds}
    return judged(found, test[1]) | facts


def drawn_shapes() -> Figures:
    """Discs, squares and triangles."""
    train, test = (shapes(count, SIDE, np.random.default_rng(seed)) for count, seed in ((2000, 0), (500, 1)))
    return fitted(train, test, 3, 15)


def white_cells(data: Path) -> Figures:
    """Crops of slides with one whole white blood cell or none."""
    if not (RUNS / "BCCD").is_dir():
        with tarfile.open(data / "bccd.tar") as archive:
            archive.extractall(RUNS, filter="data")
    lists = RUNS / "BCCD" / "ImageSets" / "Main"
    parts = [
        cut_all(read_voc(lists / f"{name}.txt", WBC), each, np.random.default_rng(seed))
        for name, each, seed in (("trainval", 10, 0), ("test", 6, 1))
    ]
    return fitted(parts[0], parts[1], 1, 20)


def cut_all(data: Annotated, each: int, rng: np.random.Generator) -> tuple[Tensor, list[Objects]]:
    """So many crops of each slide: (N, 3, SIDE, SIDE) 0..1, and the cell on each."""
    pictures, objects = [], []
    for path, marked in zip(data.paths, data.objects, strict=True):
        slide = images.load(path)
        for _ in range(each):
            found = cut_one(slide, marked.boxes[marked.labels == 1], rng)
            if found is not None:
                pictures.append(images.resize(found[0], (SIDE, SIDE)))
                objects.append(found[1])
    return torch.from_numpy(np.stack(pictures)).permute(0, 3, 1, 2).float() / 255, objects


def cut_one(slide: Image, cells: np.ndarray, rng: np.random.Generator) -> tuple[Image, Objects] | None:
    """A crop that holds one cell whole or none at all; None where twenty tries gave none."""
    for _ in range(20):
        y, x = (int(rng.integers(0, length - CUT + 1)) for length in slide.shape[:2])
        around = np.array([[x, y, x + CUT, y + CUT]], np.float32)
        seen = intersection(cells, around)[:, 0]
        whole = seen >= np.prod(cells[:, 2:] - cells[:, :2], axis=1) * 0.9
        if (seen > 0).sum() == whole.sum() <= 1:
            boxes = (np.clip(cells[whole] - [x, y, x, y], 0, CUT) * SIDE / CUT).reshape(-1, 4)
            return slide[y : y + CUT, x : x + CUT], Objects.of(boxes, np.zeros(len(boxes)))
    return None


def faces_with_points(data: Path, split: str, count: int, rng: np.random.Generator) -> list[tuple[Image, np.ndarray]]:
    """Face crops of a split at random, those in which MTCNN finds one face, and its five points (5, 2)."""
    rows, detector, found = read_rows(data / "faces" / "faces.csv", (split,)), create_detector("mtcnn"), []
    chosen = sorted(rng.permutation(len(rows))[:count], key=lambda place: rows[place]["shard"])
    for shard, places in itertools.groupby(chosen, key=lambda place: rows[place]["shard"]):
        with tarfile.open(data / "faces" / shard) as archive:
            for place in places:
                member = archive.extractfile(rows[place]["file"])
                assert member is not None
                crop = images.decode(member.read())
                seen = detector(crop)
                if len(seen) == 1:
                    found.append((crop, seen.landmarks[0]))
    return found


def street_patches(data: Path, split: str, count: int, rng: np.random.Generator) -> list[Image]:
    """Parts of CamVid's streets, 128x128: where no face fills the picture."""
    found = []
    with tarfile.open(data / "camvid.tar") as archive:
        member = archive.extractfile(f"camvid/{split}.txt")
        assert member is not None
        names = [line.split()[0] for line in member.read().decode().splitlines() if line.strip()]
        for name in names[:: max(1, len(names) // 60)]:
            file = archive.extractfile(f"camvid/{name}")
            assert file is not None
            street = images.decode(file.read())
            for _ in range(count // 60 + 1):
                y, x = (int(rng.integers(0, length - 128)) for length in street.shape[:2])
                found.append(street[y : y + 128, x : x + 128])
    return found[:count]


def turned(crop: Image, points: np.ndarray | None, rng: np.random.Generator) -> tuple[Image, np.ndarray]:
    """A view of SIDE pixels, turned up to 25 degrees, 0.7 to 1.1 times as large, shifted; and the points in it."""
    angle, scale = np.deg2rad(rng.uniform(-25, 25)), rng.uniform(0.7, 1.1) * SIDE / crop.shape[0]
    linear = scale * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    middle = np.array([crop.shape[1], crop.shape[0]]) / 2
    shift = SIDE / 2 + rng.uniform(-0.08, 0.08, 2) * SIDE - linear @ middle
    matrix = np.column_stack([linear, shift])
    return warp(crop, matrix, (SIDE, SIDE)), apply(matrix, np.zeros((5, 2)) if points is None else points)


def landmark_set(data: Path, split: str, streets: str, count: int, views: int, seed: int) -> tuple[Tensor, Tensor, int]:
    """Views of faces and half as many of streets: pictures (N, 3, SIDE, SIDE), targets (N, 11), and how many faces."""
    rng = np.random.default_rng(seed)
    faces = faces_with_points(data, split, count, rng)
    seen = [turned(crop, points, rng) for crop, points in faces for _ in range(views)]
    empty = [turned(crop, None, rng) for crop in street_patches(data, streets, len(seen) // 2, rng)]
    pictures = np.stack([picture for picture, _ in (*seen, *empty)])
    points = torch.from_numpy(np.stack([each for _, each in (*seen, *empty)])).float()
    present = torch.arange(len(pictures)) < len(seen)
    targets = landmark_targets(present, torch.where(present[:, None, None], points, 0.0), SIDE)
    return torch.from_numpy(pictures).permute(0, 3, 1, 2).float() / 255, targets, len(faces)


def face_landmarks(data: Path) -> Figures:
    """Train on train's people, judge on val's; beside it, the mean places of all training points."""
    pictures, targets, faces = landmark_set(data, "train", "train", 1000, 5, 0)
    others, wanted, tested = landmark_set(data, "val", "test", 300, 1, 1)
    torch.manual_seed(0)
    net, start = LandmarkNet(5, SIDE), time.process_time()
    list(learn_targets(net, pictures, targets, landmark_loss, epochs=12))
    seconds = time.process_time() - start
    with torch.inference_mode():
        sure, points = points_of(net(others), SIDE)
    shown = wanted[:, 0] > 0
    truth = wanted[shown, 1:].reshape(-1, 5, 2) * SIDE
    mean = targets[targets[:, 0] > 0, 1:].mean(dim=0).reshape(5, 2) * SIDE
    return {
        "presence": float(((sure >= 0.5) == shown).float().mean()),
        "normalised mean error": float(normalised_mean_error(points[shown], truth).mean()),
        "of the mean places": float(normalised_mean_error(mean.expand(len(truth), -1, -1), truth).mean()),
        "learned from": faces,
        "views": len(pictures),
        "tested on": tested,
        "parameters": sum(weights.numel() for weights in net.parameters()),
        "training seconds": seconds,
    }


def page(result: Figures) -> str:
    """The figures in Markdown."""
    lines = [
        "# One object, and landmarks",
        "",
        f"`{result['command']}`, torch {result['torch']}, one thread. Inputs of {SIDE}x{SIDE} pixels; four",
        "convolutions and two dense layers. The target of a picture is [p, x, y, h, w,",
        "classes...], and where p is 0 the",
        "loss ignores the rest. Seconds are processor time. IoU counts 0 for an object that was not found.",
        "",
        "| pictures | learned from | tested on, with an object | presence right | mean IoU | class right | training |",
        "| --- | ---: | ---: | ---: | ---: | ---: | ---: |",
    ]
    for name, words in (
        ("shapes", "drawn shapes, three classes"),
        ("white cells", "slides with one white cell or none"),
    ):
        row = result[name]
        kind = f"{row['class']:.1%}" if name == "shapes" else ""
        lines.append(
            f"| {words} | {row['learned from']:,} | {row['tested on']}, {row['with an object']} | "
            f"{row['presence']:.1%} | "
            f"{row['mean IoU']:.3f} | {kind} | {row['training seconds']:.0f} s |"
        )
    row = result["landmarks"]
    lines += [
        "",
        "Five landmarks of faces, true where MTCNN puts them, each view turned by up to 25",
        "degrees, 0.7 to 1.1 times as",
        f"large, and shifted: learned from {row['learned from']:,} faces in {row['views']:,}",
        "views, a third of them streets,",
        f"tested on {row['tested on']} faces of people in no training picture. The mean distance of a point is",
        f"{row['normalised mean error']:.1%} of the distance of the eyes; the mean places of all training points are",
        f"{row['of the mean places']:.1%} off. Whether there is a face is told in {row['presence']:.1%} of views.",
        f"{row['parameters']:,} weights, {row['training seconds']:.0f} s of training.",
    ]
    return filled(lines)


def filled(lines: list[str]) -> str:
    """A page whose prose is wrapped; tables, headings and comments stay as they are."""
    runs = itertools.groupby(lines, key=lambda line: bool(line) and line[0] not in "|#<!")
    parts = [textwrap.fill(" ".join(some), 118) if is_prose else "\n".join(some) for is_prose, some in runs]
    return "\n".join(parts) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=str(__doc__).splitlines()[0])
    parser.parse_args()
    torch.set_num_threads(1)
    RUNS.mkdir(parents=True, exist_ok=True)
    data = Path(os.environ["FACEREC_DATA"])
    result: Figures = {"command": "scripts/bench_one_object.py", "torch": torch.__version__}
    for name, work in (
        ("shapes", drawn_shapes),
        ("white cells", lambda: white_cells(data)),
        ("landmarks", lambda: face_landmarks(data)),
    ):
        result[name] = work()
        print(name, json.dumps(result[name]), flush=True)
    folder = Path("docs/results")
    (folder / "one-object.json").write_text(json.dumps(result, indent=1) + "\n")
    (folder / "one-object.md").write_text(page(result))


if __name__ == "__main__":
    main()
