"""The R-CNN family on BCCD's blood cells: what each finds, and what a picture costs.

    FACEREC_DATA=... python scripts/bench_rcnn.py rcnn
    FACEREC_DATA=... python scripts/bench_rcnn.py page

`rcnn` fits R-CNN on the trainval list and finds on the test list; `fast_rcnn`, `faster_rcnn` and `rfcn` train a small
network each, go on where they were stopped, and find; `picture` draws, and `page` writes docs/results/rcnn.md. Every
step adds to docs/results/rcnn.json.
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
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch

from facerec import images
from facerec.detection.annotated import Annotated
from facerec.detection.choosing import Choice
from facerec.detection.framed import frame_all
from facerec.detection.letterbox import Letterbox
from facerec.detection.rcnn import RCNN, RCNNSettings, decided, fit_linear, lesson_of, region_features, together
from facerec.detection.rcnn_file import save_rcnn
from facerec.detection.selective_search import selective_search
from facerec.detection.two_stage import TwoStage
from facerec.detection.two_stage_file import save_two_stage
from facerec.detection.two_stage_fitting import (
    TWO_STAGE,
    TwoStageSettings,
    begin_two_stage,
    find_two_stage,
    learn_two_stage,
)
from facerec.detection.voc import read_voc
from facerec.finding import drawn, open_finder
from facerec.geometry import iou
from facerec.metrics.detection import average_precisions, coco_ap
from facerec.records import Detections, Float32, Objects

NAMES = ("RBC", "WBC", "Platelets")
RUNS, RESULT = Path("runs/rcnn"), Path("docs/results/rcnn.json")
Figures = dict[str, Any]


def data_of(listing: str, most: int | None = None) -> Annotated:
    """The pictures of one of BCCD's lists, unpacked below runs/."""
    folder = RUNS / "BCCD"
    if not folder.is_dir():
        with tarfile.open(Path(os.environ["FACEREC_DATA"]) / "bccd.tar") as archive:
            archive.extractall(RUNS, filter="data")
    return read_voc(folder / "ImageSets" / "Main" / f"{listing}.txt", NAMES)[slice(most)]


def weights() -> Path:
    return Path(os.environ["FACEREC_DATA"]) / "weights" / "squeezenet1_0-imagenet.npz"


def add(part: str, figures: Figures) -> None:
    """Put the figures of one step into the result file."""
    result = json.loads(RESULT.read_text()) if RESULT.exists() else {}
    RESULT.write_text(json.dumps(result | {part: figures}, indent=1) + "\n")
    print(part, json.dumps(figures), flush=True)


def judged(found: list[Detections], truth: tuple[Objects, ...]) -> Figures:
    """Average precision at IoU 0.5 as VOC counts it, of each class and their mean, and COCO's."""
    each = average_precisions(found, truth, len(NAMES))
    per_class = {name: float(value) for name, value in zip(NAMES, each, strict=True)}
    return {"mAP@0.5": float(np.nanmean(each)), "AP@0.5": per_class, "COCO AP": coco_ap(found, truth, len(NAMES))}


def proposals_of(path: Path) -> Float32:
    """Selective search's boxes of a picture, kept for the next run."""
    kept = RUNS / "proposals" / f"{path.stem}.npy"
    if not kept.exists():
        kept.parent.mkdir(parents=True, exist_ok=True)
        np.save(kept, selective_search(images.load(path)))
    return np.load(kept)


def recall(data: Annotated) -> Figures:
    """The share of objects that a proposal overlaps by half or more, of each class."""
    best: dict[str, list[float]] = {name: [] for name in NAMES}
    counts = []
    for path, objects in zip(data.paths, data.objects, strict=True):
        proposals = proposals_of(path)
        counts.append(len(proposals))
        for label, overlap in zip(objects.labels, iou(objects.boxes, proposals).max(axis=1, initial=0), strict=True):
            best[NAMES[label]].append(float(overlap))
    shares = {name: float(np.mean(np.array(each) >= 0.5)) for name, each in best.items() if each}
    return {"proposals a picture": float(np.mean(counts)), "recall at IoU 0.5": shares}


def bench_rcnn(most: int | None) -> None:
    """Fit R-CNN, save it, and find on the test list."""
    settings, rng = RCNNSettings(), np.random.default_rng(0)
    train, test = data_of("trainval", most), data_of("test", most)
    features, start, lessons = region_features(weights(), settings), time.process_time(), []
    for done, (path, objects) in enumerate(zip(train.paths, train.objects, strict=True), start=1):
        proposals = proposals_of(path)
        lessons.append(
            lesson_of(images.load(path), objects, len(NAMES), features, lambda _, p=proposals: p, settings, rng)
        )
        if done % 20 == 0:
            print(f"learned from {done} of {len(train)}, {time.process_time() - start:.0f} s", flush=True)
    lesson = together(lessons)
    linear = fit_linear(lesson, settings, rng, lambda done, of: print(f"class {done} of {of}", flush=True))
    fitted = time.process_time() - start
    model = RCNN(features, linear, settings, selective_search)
    save_rcnn(RUNS / "rcnn.safetensors", model, NAMES)
    found, seconds, plain = [], [], []
    for path in test.paths:
        image, begin = images.load(path), time.process_time()
        proposals = selective_search(image)
        np.save(RUNS / "proposals" / f"{path.stem}.npy", proposals)
        searched, rows = time.process_time() - begin, features(image, proposals)
        found.append(decided(linear, rows, proposals, image.shape[:2], settings))
        seconds.append((searched, time.process_time() - begin))
        unmoved = np.zeros_like(linear.ridge), np.zeros_like(linear.ridge_bias)
        still = type(linear)(linear.scale, linear.svm, linear.svm_bias, *unmoved)
        plain.append(decided(still, rows, proposals, image.shape[:2], settings))
        if len(found) % 10 == 0:
            print(f"found on {len(found)} of {len(test)}, {seconds[-1][1]:.1f} s each", flush=True)
    search, whole = np.median(seconds, axis=0)
    figures = judged(found, test.objects) | {
        "without box regression": judged(plain, test.objects)["mAP@0.5"],
        "regions learned from": len(lesson.boxes),
        "fitting": fitted,
        "search seconds a picture": float(search),
        "seconds a picture": float(whole),
        "proposals": recall(test),
        "pictures": [len(train), len(test)],
        "settings": {"side": settings.side, "context": settings.context, "svm_c": settings.svm_c},
    }
    add("rcnn", figures)


def bench_two_stage(net: str, most: int | None) -> None:
    """Train a small two-stage network, and find on the test list; what took how long is processor time."""
    settings = TwoStageSettings(net=net)
    listed = {name: data_of(name, most) for name in ("trainval", "test")}
    framed = {name: frame_all(each, settings.size) for name, each in listed.items()}
    regions: dict[str, list[np.ndarray] | None] = dict.fromkeys(listed)
    if net == "fast_rcnn":
        regions = {
            name: [framed_proposals(path, framed[name].letters[0]) for path in each.paths]
            for name, each in listed.items()
        }
    run = begin_two_stage(settings, len(NAMES), len(framed["trainval"]), RUNS / net, weights())
    begin, first = time.process_time(), run.step
    for last in learn_two_stage(run, settings, framed["trainval"], regions["trainval"]):
        if last.step % 50 == 0:
            parts = " ".join(f"{part:.3f}" for part in last.parts)
            print(f"{net} {last.step} of {last.steps}: {last.loss:.3f} = {parts}, {time.process_time() - begin:.0f} s")
            sys.stdout.flush()
    trained = time.process_time() - begin
    model = run.averaged()
    assert isinstance(model, TwoStage)
    save_two_stage(RUNS / f"{net}.safetensors", model, net, settings.size, NAMES)
    found, seconds, start = [], [], time.process_time()
    for detections in find_two_stage(model, framed["test"], regions["test"]):
        found.append(detections)
        seconds.append(time.process_time() - start)
        start = time.process_time()
    figures = judged(found, framed["test"].truth) | {
        "seconds a picture": float(np.median(seconds)),
        "training seconds": trained if first == 0 else None,
        "steps": run.settings.steps,
        "parameters": sum(weights.numel() for weights in model.parameters()),
        "pictures": [len(framed["trainval"]), len(framed["test"])],
        "settings": {"epochs": settings.epochs, "batch": settings.batch, "size": list(settings.size)},
    }
    add(net, figures)


def framed_proposals(path: Path, letter: Letterbox) -> np.ndarray:
    """Selective search's boxes of a picture, in its frame."""
    return letter.into(proposals_of(path))


WORDS = {
    "rcnn": "R-CNN: selective search, features of every region, SVMs",
    "fast_rcnn": "Fast R-CNN: selective search, one map of the picture",
    "faster_rcnn": "Faster R-CNN: proposals from the map as well",
    "rfcn": "R-FCN: position-sensitive maps vote",
}


def page(most: int | None) -> None:
    """The figures in Markdown."""
    result = json.loads(RESULT.read_text())
    lines = [
        "# The R-CNN family on blood cells",
        "",
        "`scripts/bench_rcnn.py rcnn faster_rcnn picture page`, one thread. BCCD's own lists: learned",
        "from trainval (292 pictures),",
        "measured on test (72), by which nothing was chosen. Every trunk is SqueezeNet up to",
        "fire8 or fire9 with its authors'",
        "ImageNet weights. AP at IoU 0.5 as VOC counts it; COCO AP is the mean over IoUs of 0.5",
        "to 0.95. Seconds are processor",
        "time of one picture without reading it, the median; [bccd.md](bccd.md) has the small YOLO beside them.",
        "<!-- figures: none, settings of the measures -->",
        "",
        "<!-- figures: rcnn.json -->",
        "| detector | mAP@0.5 | RBC | WBC | platelets | COCO AP | s/picture | made in |",
        "| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |",
    ]
    for name in (each for each in WORDS if each in result):
        row = result[name]
        precisions = [row["mAP@0.5"], *row["AP@0.5"].values(), row["COCO AP"]]
        cells = [WORDS[name], *(f"{value:.3f}" for value in precisions), f"{row['seconds a picture']:.3f}"]
        made = row.get("fitting", row.get("training seconds"))
        lines.append(f"| {' | '.join(cells)} | {'' if made is None else f'{made / 60:.0f} min'} |")
    if "rcnn" in result:
        lines += ["", *told_of_rcnn(result["rcnn"])]
    if "faster_rcnn" in result:
        row = result["faster_rcnn"]
        height, width = row["settings"]["size"]
        lines += [
            "",
            f"The networks see {width}x{height} pixels; Faster R-CNN has {row['parameters']:,}",
            "parameters and was trained for",
            f"{row['settings']['epochs']:.0f} epochs of {row['pictures'][0]} pictures. Its proposals",
            "come from the map that its head",
            "looks at, which is why it is both: better placed boxes, and no search before it.",
        ]
    lines += ["", "![R-CNN on the left, Faster R-CNN on the right, scores from 0.5 on](rcnn.jpg)"]
    RESULT.with_suffix(".md").write_text(filled(lines))


def filled(lines: list[str]) -> str:
    """A page whose prose is wrapped; tables, headings and comments stay as they are."""
    runs = itertools.groupby(lines, key=lambda line: bool(line) and line[0] not in "|#<!")
    parts = [textwrap.fill(" ".join(some), 118) if is_prose else "\n".join(some) for is_prose, some in runs]
    return "\n".join(parts) + "\n"


def told_of_rcnn(row: Figures) -> list[str]:
    """What R-CNN's figure is made of."""
    found, proposals = row["proposals"]["recall at IoU 0.5"], row["proposals"]["proposals a picture"]
    shares = ", ".join(f"{share:.1%} of {name}" for name, share in found.items())
    return [
        f"Selective search proposes {proposals:,.0f} boxes a picture in",
        f"{row['search seconds a picture']:.1f} s; at IoU 0.5 they",
        f"hold {shares}. R-CNN warps each to {row['settings']['side']} pixels and runs the network",
        "on it, which takes the",
        "rest of its time; fitting is without the search.",
        f"Without the box regression its mAP is {row['without box regression']:.3f}. It learned from",
        f"{row['regions learned from']:,} regions; a picture's own objects are all among them, of",
        "its proposals up to 120",
        "that overlap an object and 200 that do not. The network was not fine-tuned on regions,",
        "as the paper's was, and its",
        "input is 83 pixels where the paper's is 227.",
        "<!-- figures: rcnn.json -->",
    ]


def picture(most: int | None) -> None:
    """What R-CNN and Faster R-CNN find on the third picture of the test list, side by side."""
    image, sides = images.load(data_of("test").paths[2]), []
    for name in ("rcnn", "faster_rcnn"):
        finder = open_finder(str(RUNS / f"{name}.safetensors"), Choice(floor=0.5))
        sides.append(images.resize(drawn(image, finder(image), finder.names), (360, 480)))
    images.save(images.grid(sides, 2), RESULT.with_suffix(".jpg"))


STEPS = {"rcnn": bench_rcnn} | {net: partial(bench_two_stage, net) for net in TWO_STAGE}
STEPS |= {"picture": picture, "page": page}


def main() -> None:
    parser = argparse.ArgumentParser(description=str(__doc__).splitlines()[0])
    parser.add_argument("steps", nargs="+", choices=STEPS)
    parser.add_argument("--most", type=int, help="only so many pictures of each list, for a try")
    given = parser.parse_args()
    torch.set_num_threads(1)
    RUNS.mkdir(parents=True, exist_ok=True)
    for step in given.steps:
        STEPS[step](given.most)


if __name__ == "__main__":
    main()
