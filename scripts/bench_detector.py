"""Compare the face detectors with other implementations on real pictures, and time them.

Agreement: pictures of Labeled Faces in the Wild (folds 1 to 5), 250x250, evenly spread over its people; and
groups, up to 16 of them side by side, reduced to several sizes. Pictures are apart by a pixel where rounding
chooses between two boxes whose scores are as good as equal. Times are milliseconds of CPU a picture, all threads,
the least of several interleaved rounds: a busy machine only ever adds to them.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parent.parent))

from facerec.faces.mtcnn import Mtcnn
from facerec.faces.mtcnn_export import mtcnn_graphs
from facerec.faces.yunet import YuNet, YuNetSettings
from facerec.records import Faces, Image
from facerec.runtime import open_graph
from tests.real_pictures import grid, group_pictures, lfw
from tests.reference import difference, facenet_mtcnn, opencv_yunet

RESULTS = Path("docs/results")
Detect = Callable[[Image], Faces]
Figures = dict[str, object]


def agreement(ours: Detect, theirs: Detect, pictures: list[Image]) -> Figures:
    """How far two detectors are apart: pixels, and score."""
    found = [difference(ours(picture), theirs(picture)) for picture in pictures]
    paired = np.array([one for one in found if one is not None])
    faces, apart = paired[:, 0], paired[paired[:, 0] > 0, 1:]
    return {
        "pictures": len(pictures),
        "faces": int(faces.sum()),
        "pictures with other faces": len(found) - len(paired),
        "pictures apart by a pixel or more": int((apart[:, :2].max(axis=1) >= 1).sum()),
        **{
            f"{what}, {kind}": float(f"{value:.1e}")
            for what, column in zip(("box", "landmark", "score"), apart.T, strict=True)
            for kind, value in (("median", np.median(column)), ("largest", column.max()))
        },
    }


class Clock:
    """A callable that adds up the time spent in another."""

    def __init__(self, work: Callable[[np.ndarray], list[np.ndarray]]):
        self.work, self.spent = work, 0.0

    def __call__(self, images: np.ndarray) -> list[np.ndarray]:
        start = time.process_time()
        answer = self.work(images)
        self.spent += (time.process_time() - start) * 1e3
        return answer


def breakdown(pictures: list[Image], rounds: int) -> Figures:
    """CPU milliseconds a picture in MTCNN: all, in each net, and in the rest; of the round that took least."""
    nets = {name: Clock(open_graph(graph)) for name, graph in mtcnn_graphs().items()}
    detect = Mtcnn(graphs=nets)
    best: dict[str, float] = {"all": np.inf}
    for _ in range(rounds):
        for net in nets.values():
            net.spent = 0
        start = time.process_time()
        for picture in pictures:
            detect(picture)
        spent = {"all": (time.process_time() - start) * 1e3} | {name: net.spent for name, net in nets.items()}
        best = min(best, spent, key=lambda one: one["all"])
    best["rest"] = 2 * best["all"] - sum(best.values())
    return {name: round(value / len(pictures), 1) for name, value in best.items()}


def least_ms(detectors: dict[str, Detect], pictures: list[Image], rounds: int) -> Figures:
    """CPU milliseconds a picture of each detector, their rounds in turn."""
    best = dict.fromkeys(detectors, np.inf)
    for _ in range(rounds):
        for name, detect in detectors.items():
            start = time.process_time()
            for picture in pictures:
                detect(picture)
            best[name] = min(best[name], (time.process_time() - start) * 1e3 / len(pictures))
    return {name: round(value, 1) for name, value in best.items()}


def yunet_agreement(path: Path, singles: list[Image]) -> Figures:
    """YuNet's file against OpenCV, on pictures framed to the size that the file is made for."""
    graph, settings = open_graph(path), YuNetSettings()
    _, _, side, _ = next(iter(graph.inputs.values()))
    assert side is not None
    framed = [np.pad(picture, ((0, side - 250), (0, side - 250), (0, 0))) for picture in singles]
    theirs = opencv_yunet(str(path), side, settings.threshold, settings.overlap)
    return agreement(YuNet(graph, settings), theirs, framed)


def measure(data: Path, count: int, rounds: int) -> dict[str, Figures]:
    import torch

    torch.set_num_threads(1)  # its threads wait in busy loops, for ever where something else runs
    singles = lfw(data, count)
    groups = group_pictures(singles, 24)
    timed = {"250x250, 1 face": singles[:30], "1280x720, 15 faces": [grid(singles, 3, 5, 720, 1280)]}
    yunet = data / "weights" / "yunet_n_640_640.onnx"
    detectors = {
        "ours": Mtcnn(),
        "facenet-pytorch": facenet_mtcnn(),
        "YuNet 640": YuNet(open_graph(yunet)),
    }
    figures: dict[str, Figures] = {
        "MTCNN and facenet-pytorch, single pictures": agreement(detectors["ours"], facenet_mtcnn(), singles),
        "MTCNN and facenet-pytorch, groups": agreement(detectors["ours"], facenet_mtcnn(), groups),
        "YuNet 640 and OpenCV": yunet_agreement(yunet, singles),
    }
    for name, pictures in timed.items():
        figures[f"Milliseconds, {name}"] = least_ms(detectors, pictures, rounds)
        figures[f"Where MTCNN's go, {name}"] = breakdown(pictures, rounds)
    return figures


def page(figures: dict[str, Figures], command: str) -> str:
    sections = ["# Face detectors, in figures", f"Made by `{command}`.", str(__doc__).split("\n\n")[1]]
    for name, rows in figures.items():
        lines = [f"| {what} | {figure} |" for what, figure in rows.items()]
        sections += [f"## {name}", "\n".join(["| what | figure |", "| --- | ---: |", *lines])]
    return "\n\n".join(sections) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=str(__doc__).splitlines()[0])
    parser.add_argument("--data", type=Path, default=os.environ.get("FACEREC_DATA"), help="the folder of real pictures")
    parser.add_argument("--pictures", type=int, default=400, help="how many of them (400)")
    parser.add_argument("--rounds", type=int, default=7, help="how often each is timed (7)")
    given = parser.parse_args()
    if given.data is None:
        parser.error("name the folder of real pictures by --data or FACEREC_DATA")
    command = f"scripts/bench_detector --pictures {given.pictures} --rounds {given.rounds}"
    machine = {"cores": os.cpu_count(), "load at the start": round(os.getloadavg()[0], 1)}
    figures = {"Machine": machine, **measure(given.data, given.pictures, given.rounds)}
    RESULTS.mkdir(parents=True, exist_ok=True)
    (RESULTS / "detector.json").write_text(json.dumps({"command": command, **figures}, indent=1) + "\n")
    (RESULTS / "detector.md").write_text(page(figures, command))
    print(page(figures, command))


if __name__ == "__main__":
    main()
