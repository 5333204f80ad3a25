"""The small YOLO on BCCD's blood cells: what it finds, and what a picture costs beside the R-CNN family's.

    FACEREC_DATA=... scripts/bench_detection train     into runs/bccd, as scripts/bccd.toml says
    FACEREC_DATA=... scripts/bench_detection measure   average precision on the test list
    FACEREC_DATA=... scripts/bench_detection speed     every detector on the same pictures, by turns, in one run
    FACEREC_DATA=... scripts/bench_detection pictures  what it finds and misses, drawn
    scripts/bench_detection page                       docs/results/bccd.md

`speed` times what lies in runs/bccd and in runs/rcnn (made by scripts/bench_rcnn.py). Every step adds to
docs/results/bccd.json.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tarfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from facerec import images
from facerec.detection.annotated import Annotated
from facerec.detection.choosing import MEASURING
from facerec.detection.detector import open_detector
from facerec.detection.evaluating import measure
from facerec.detection.training import read_material, train_into
from facerec.detection.voc import read_voc
from facerec.finding import drawn
from facerec.learning.run import CHECKPOINT
from facerec.records import Detections, Image

NAMES = ("RBC", "WBC", "Platelets")
RUN, FAMILY, RESULT = Path("runs/bccd"), Path("runs/rcnn"), Path("docs/results/bccd.json")
SETTINGS = Path("scripts/bccd.toml")
FLOOR = 0.4
"""Least score for the counts of found, wrong and missed objects, and in the drawings."""
Figures = dict[str, Any]


def data_of(listing: str) -> Annotated:
    """The pictures of one of BCCD's lists, unpacked once."""
    folder = Path("runs/BCCD")
    if not folder.is_dir():
        folder.parent.mkdir(exist_ok=True)
        with tarfile.open(Path(os.environ["FACEREC_DATA"]) / "bccd.tar") as archive:
            archive.extractall(folder.parent, filter="data")
    return read_voc(folder / "ImageSets" / "Main" / f"{listing}.txt", NAMES)


def add(part: str, figures: Figures) -> None:
    """Put the figures of one step into the result file."""
    result = json.loads(RESULT.read_text()) if RESULT.exists() else {"command": "scripts/bench_detection"}
    RESULT.write_text(json.dumps(result | {part: figures}, indent=1) + "\n")
    print(part, json.dumps(figures), flush=True)


def train() -> None:
    """Train as the settings say. Its processor time is known where the run was not stopped in between."""
    data_of("trainval")
    config = Path("runs/bccd.toml")  # beside the unpacked pictures
    config.write_text(SETTINGS.read_text())
    is_whole, start = not (RUN / CHECKPOINT).exists(), time.process_time()
    facts = train_into(RUN, read_material(config, RUN), lambda step, steps: told(step.step, steps, step.loss))
    keep = {name: facts[name] for name in ("steps", "pictures", "objects")}
    add("training", keep | {"seconds of processor time": time.process_time() - start if is_whole else None})


def told(step: int, steps: int, loss: float) -> None:
    if step % 100 == 0:
        print(f"step {step} of {steps}: loss {loss:.3f}", flush=True)


def measured() -> None:
    """Average precision on the test list, and on the list that it learned from."""
    detector = open_detector(RUN, MEASURING)
    figures = {name: measure(detector, data_of(name)).as_dict(FLOOR) for name in ("test", "trainval")}
    for each in figures.values():
        del each["seconds_per_picture"]  # `speed` takes those
    size = sum((RUN / name).stat().st_size for name in ("model.onnx",))
    facts = {name: detector.card[name] for name in ("parameters", "steps", "pictures", "objects", "size", "digest")}
    add("small YOLO", figures | {"model": facts | {"bytes": size}})


def speed(pictures: int, rounds: int) -> None:
    """Median seconds of a picture, each detector by turns on the same pictures."""
    finders = known_finders()
    test = data_of("test")
    taken: dict[str, list[float]] = {name: [] for name in finders}
    for path in test.paths[:pictures]:
        image = images.load(path)
        for name, find in finders.items():
            for _ in range(rounds if name in QUICK else 1):
                start = time.perf_counter()
                find(image)
                taken[name].append(time.perf_counter() - start)
        print(path.name, {name: round(times[-1], 4) for name, times in taken.items()}, flush=True)
    figures = {name: float(np.median(times)) for name, times in taken.items()}
    ahead = os.sched_getscheduler(0) in (os.SCHED_RR, os.SCHED_FIFO)
    facts = {"pictures": pictures, "threads": 1, "load": os.getloadavg()[0], "ahead of others": ahead}
    add("seconds per picture", facts | {"each": figures})


QUICK = ("small YOLO", "Faster R-CNN", "R-FCN")
"""Looked at several times each."""


def known_finders() -> dict[str, Callable[[Image], Detections]]:
    """Every detector whose file is there."""
    found: dict[str, Callable[[Image], Detections]] = {"small YOLO": open_detector(RUN, threads=1)}
    names = {"fast_rcnn": "Fast R-CNN", "faster_rcnn": "Faster R-CNN", "rfcn": "R-FCN"}
    two_stage = {name: FAMILY / f"{file}.safetensors" for file, name in names.items()}
    if any(path.exists() for path in (FAMILY / "rcnn.safetensors", *two_stage.values())):
        import torch

        from facerec.detection.rcnn_file import load_rcnn
        from facerec.detection.two_stage_file import load_two_stage

        torch.set_num_threads(1)
        if (FAMILY / "rcnn.safetensors").exists():
            found["R-CNN"] = load_rcnn(FAMILY / "rcnn.safetensors")[0]
        found |= {name: load_two_stage(path)[0] for name, path in two_stage.items() if path.exists()}
    return found


def pictures() -> None:
    """What it finds on six pictures of the test list, beside what is marked."""
    detector, test = open_detector(RUN), data_of("test")
    rows: list[Image] = []
    for place in np.linspace(0, len(test) - 1, 6).round().astype(int):
        image, objects = images.load(test.paths[place]), test.objects[place]
        found = detector(image)
        truth = Detections.best_first(objects.boxes, np.ones(len(objects)), objects.labels)
        pair = [drawn(image, truth, NAMES), drawn(image, found[found.scores >= FLOOR], NAMES)]
        rows += [images.resize(each, (300, 400)) for each in pair]
    images.save(images.grid(rows, 4), "docs/results/bccd.jpg")


FAMILY_NAMES = {"rcnn": "R-CNN", "fast_rcnn": "Fast R-CNN", "faster_rcnn": "Faster R-CNN", "rfcn": "R-FCN"}


def page() -> str:
    """The figures in Markdown."""
    result = json.loads(RESULT.read_text())
    seconds = result.get("seconds per picture", {"each": {}})
    family = Path("docs/results/rcnn.json")
    others = json.loads(family.read_text()) if family.exists() else {}
    test = result["small YOLO"]["test"]
    own = {name: each["ap_50"] for name, each in test["classes"].items()}
    lines = [
        "# Blood cells: the small YOLO and the R-CNN family on BCCD",
        "",
        "BCCD has 364 pictures, 640x480, of three kinds of cells. Learned from its trainval list, measured on its test",
        f"list ({test['pictures']} pictures), by which nothing was chosen. AP as VOC counts it (all points), at an IoU",
        "of 0.5; COCO AP is the mean over IoUs of 0.50 to 0.95.",
        "<!-- figures: none, settings of the measures -->",
        "",
        "<!-- figures: bccd.json; rcnn.json -->" if others else "<!-- figures: bccd.json -->",
        "| detector | mAP@0.5 | RBC | WBC | platelets | COCO AP | ms per picture |",
        "| --- | ---: | ---: | ---: | ---: | ---: | ---: |",
        row("small YOLO", test["mean_ap_50"], own, test["coco_ap"], seconds),
    ]
    for key, name in FAMILY_NAMES.items():
        if each := others.get(key):
            lines.append(row(name, each["mAP@0.5"], each["AP@0.5"], each["COCO AP"], seconds))
    if seconds["each"]:
        lines += [
            "",
            f"Times: medians over {seconds['pictures']} test pictures, all detectors by turns in one run, one thread,",
            f"{'ahead of all else (`chrt -r 2`), ' * seconds['ahead of others']}load {seconds['load']:.1f} at its end;",
            "reading the file is not counted. The small YOLO runs as an ONNX graph, the others in torch. These are",
            "times of the clock; [rcnn.md](rcnn.md) has processor times of a quieter run, which are lower.",
        ]
    drawing = "![What is marked, and beside it what the small YOLO finds](bccd.jpg)"
    return "\n".join([*lines, "", *told_of_yolo(result), "", *PUBLISHED, "", drawing, ""])


def told_of_yolo(result: Figures) -> list[str]:
    """How it was made, and what it finds at one score."""
    model, test = result["small YOLO"]["model"], result["small YOLO"]["test"]
    counts = [f"{r['found']} of {r['objects']} {n} ({r['wrong']} wrong)" for n, r in test["classes"].items()]
    height, width = model["size"]
    taken = result["training"]["seconds of processor time"]
    told = f": {taken / 60:.1f} minutes of one core" if taken else ""
    return [
        f"The small YOLO has {model['parameters']:,} parameters and sees {width}x{height} pixels. It learned from",
        f"{model['pictures']} pictures with {model['objects']:,} cells in {model['steps']:,} steps, from",
        f"fresh weights, as `scripts/bccd.toml` says{told}.",
        f"At scores from {FLOOR} on it finds {', '.join(counts)}.",
        "BCCD leaves red cells unmarked here and there; one that is found all the same counts as wrong.",
        "<!-- figures: bccd.json -->",
    ]


PUBLISHED = (
    "Published on this set, each with its own split: mAP 85.35 % by a network of Joshi et al. (Uniciencia 36, 2022),",
    "86 % by YOLO-Dense (as told in Mathematics 13, 3023, 2025), 92.4 % by YOLOv8n and 94.7 % by NBCDC-YOLOv8 (Chen et",
    "al., IET Computer Vision, 2025).",
    "<!-- figures: none, published by those named -->",
)


def row(name: str, mean: float, each: dict[str, float], coco: float, seconds: Figures) -> str:
    """One line of the table."""
    time_ = seconds["each"].get(name)
    cells = [f"{value:.3f}" for value in (mean, *(each[n] for n in NAMES), coco)]
    return f"| {name} | {' | '.join(cells)} | {'' if time_ is None else format(time_ * 1000, ',.0f')} |"


def main() -> None:
    parser = argparse.ArgumentParser(description=str(__doc__).splitlines()[0])
    parser.add_argument("steps", nargs="+", choices=("train", "measure", "speed", "pictures", "page"))
    parser.add_argument("--pictures", type=int, default=8, help="for speed")
    parser.add_argument("--rounds", type=int, default=5, help="looks of a quick detector at each picture")
    given = parser.parse_args()
    steps: dict[str, Callable[[], object]] = {
        "train": train,
        "measure": measured,
        "speed": lambda: speed(given.pictures, given.rounds),
        "pictures": pictures,
        "page": lambda: Path("docs/results/bccd.md").write_text(page()),
    }
    for step in given.steps:
        steps[step]()
    sys.stdout.flush()


if __name__ == "__main__":
    main()
