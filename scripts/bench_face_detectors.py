"""MTCNN, YuNet and our own face detector side by side: faces found, false finds, landmarks, milliseconds.

Nobody drew boxes on these pictures, so the truth comes from how they were made, not from one of the three:

- Labeled Faces in the Wild (folds 1 to 5, nobody of whom our training has seen): a picture is about the one face in its
  middle, 250x250. It counts as found when a box lies there: its middle within 40 pixels of the picture's, 45 to 190
  pixels wide.
- Groups: 16 of these pictures side by side, reduced so that the faces are about 50, 32, 24, 16 and 12 pixels wide, real
  faces with their own surroundings; a face counts as found when a box of half to double that width has its middle
  within a fifth of a tile of the tile's middle.
- Composed groups: crops of the people of split `val`, who are in no training here, put into CamVid's test pictures by
  the code that made our training pictures: known places, but a home game for our own detector. A face counts as found
  when a box has an overlap of 0.35 with its own. Crops that MTCNN and YuNet do not see alike are left out.
- Pictures without faces, which training has not seen: CamVid's test list and every tenth of BCCD's cells.
  Any find is false.
- False finds on pictures with faces: a find that is no wanted face and that neither of the two other detectors
  confirms, however unsure it is. Where two detectors err alike it goes unnoticed; where the other two are blind, a face
  counts as false.

Landmark errors are mean distances in units of the distance between the eyes, over faces that all three find. On LFW
each detector is measured against the two others, against MediaPipe's face mesh, which none of them has learnt from, and
against itself: its landmarks in a mirrored, in a turned and in a reduced picture, brought back. In composed groups the
truth is what MTCNN says of the clean crop, which favours MTCNN.

Times are milliseconds on the clock and of CPU, detectors in turn, the median of rounds. Where the process was given one
core only, as here, two threads are no faster than one.
"""

from __future__ import annotations

import argparse
import io
import json
import os
import sys
import tarfile
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import permutations
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).parent.parent))

from facerec import images
from facerec.faces.area import shrink
from facerec.faces.mtcnn import Mtcnn, MtcnnSettings
from facerec.faces.mtcnn_export import mtcnn_graphs
from facerec.faces.single_shot import CARD, GRAPH, LANDMARKS, PACKAGED, SingleShot, SingleShotSettings
from facerec.faces.yunet import YuNet, YuNetSettings
from facerec.geometry import apply, iou, warp
from facerec.records import Faces, Image
from facerec.runtime import open_graph
from facerec.training.face_detector import backgrounds
from facerec.training.face_detector.composing import MIRRORED, Composer, ComposeSettings
from facerec.training.face_detector.labels import Labels
from facerec.training.face_detector.pasting import about
from scripts.bench_face_mesh import FaceMesh
from tests.real_pictures import grid

RESULTS = Path("docs/results")
Detect = Callable[[Image], Faces]
Figures = dict[str, Any]
TILE, ACROSS = 250, 4
WIDTHS = {50: 125, 32: 80, 24: 60, 16: 40, 12: 30}
"""Width of a face, roughly -> side of its tile, pixels."""
NAMES = ("mtcnn", "yunet", "facerec")
LOW = {"mtcnn": 0.7, "yunet": 0.3, "facerec": 0.2}
"""Thresholds at which a detector may confirm another's find."""


def opened(data: Path, folder: Path, threads: int, low: bool = False, small: bool = False) -> dict[str, Detect]:
    """The three detectors; with `low` at thresholds at which they only confirm, with `small` YuNet's graph for 320."""
    mtcnn = MtcnnSettings(thresholds=(0.6, 0.7, LOW["mtcnn"])) if low else MtcnnSettings()
    yunet = YuNetSettings(threshold=LOW["yunet"]) if low else YuNetSettings()
    ours = SingleShotSettings(usual=tuple(json.loads((folder / CARD).read_text())["usual"]))
    side = 320 if small else 640
    return {
        "mtcnn": Mtcnn(mtcnn, {name: open_graph(graph, threads) for name, graph in mtcnn_graphs().items()}),
        "yunet": YuNet(open_graph(data / "weights" / f"yunet_n_{side}_{side}.onnx", threads), yunet),
        "facerec": SingleShot(
            open_graph(folder / GRAPH, threads),
            replace(ours, threshold=LOW["facerec"]) if low else ours,
            open_graph(folder / LANDMARKS, threads),
        ),
    }


def lfw(data: Path, count: int) -> list[Image]:
    """So many pictures of LFW, evenly over the list of its names; 0 for all."""
    with tarfile.open(data / "lfw" / "lfw-folds-1-5.tar") as archive:
        names = sorted(name for name in archive.getnames() if name.endswith(".jpg"))
        chosen = [names[k * len(names) // count] for k in range(count)] if count else names
        return [images.decode(_content(archive, name)) for name in chosen]


def _content(archive: tarfile.TarFile, name: str) -> bytes:
    member = archive.extractfile(name)
    assert member is not None
    return io.BytesIO(member.read()).getvalue()


def central(faces: Faces, middle: np.ndarray, within: float, least: float, most: float) -> np.ndarray:
    """Rows of the faces that lie there, best score first."""
    middles, widths = (faces.boxes[:, :2] + faces.boxes[:, 2:]) / 2, faces.boxes[:, 2] - faces.boxes[:, 0]
    near = np.abs(middles - middle).max(axis=1, initial=0) <= within
    return np.flatnonzero(near & (widths >= least) & (widths <= most))


def tile_rows(faces: Faces, columns: int, rows: int, side: float, width: float) -> list[np.ndarray]:
    """For each tile the rows of the faces that lie in its middle."""
    middles = [np.array([column + 0.5, row + 0.5]) * side for row in range(rows) for column in range(columns)]
    return [central(faces, middle, 0.2 * side, width / 2, width * 2) for middle in middles]


def unconfirmed(faces: Faces, others: Sequence[Faces], wanted: np.ndarray) -> int:
    """How many finds are no wanted face and confirmed by nobody: an overlap of 0.25 with one of the others'."""
    boxes = np.concatenate([other.boxes for other in others])
    best = iou(faces.boxes, boxes).max(axis=1, initial=0)
    extra = np.setdiff1d(np.arange(len(faces)), wanted)
    return int((best[extra] < 0.25).sum())


def counted(
    found: dict[str, list[Faces]], low: dict[str, list[Faces]], wanted: dict[str, list[list[np.ndarray]]]
) -> Figures:
    """Of each detector: faces found of all that are there, false finds a picture, faces confirmed beside the wanted."""
    figures: Figures = {}
    for name in NAMES:
        others = [other for other in NAMES if other != name]
        false = sum(
            unconfirmed(faces, [low[other][k] for other in others], np.concatenate([np.zeros(0, int), *rows]))
            for k, (faces, rows) in enumerate(zip(found[name], wanted[name], strict=True))
        )
        total = sum(len(rows) for rows in wanted[name])
        hits = sum(len(row) > 0 for rows in wanted[name] for row in rows)
        figures[name] = {
            "faces": total,
            "found": hits,
            "recall": hits / total,
            "false": false,
            "false_per_picture": false / len(found[name]),
        }
    return figures


def apart(first: np.ndarray, second: np.ndarray) -> float:
    """Mean distance of landmarks (5, 2), (5, 2) in the first's distance between the eyes."""
    return float(np.linalg.norm(first - second, axis=1).mean() / np.linalg.norm(first[1] - first[0]))


def spread(values: Sequence[float]) -> Figures:
    """Mean, median, the 95th percentile and how many."""
    array = np.array(values)
    if not len(array):
        return {"faces": 0}
    return {
        "mean": float(array.mean()),
        "median": float(np.median(array)),
        "p95": float(np.percentile(array, 95)),
        "faces": len(array),
    }


def landmark_errors(found: dict[str, list[Faces]], wanted: dict[str, list[list[np.ndarray]]]) -> Figures:
    """Each detector's landmarks against each other one's, over the faces that all find."""
    errors: dict[tuple[str, str], list[float]] = {pair: [] for pair in permutations(NAMES, 2)}
    for k in range(len(found[NAMES[0]])):
        for place in range(len(wanted[NAMES[0]][k])):
            rows = {name: wanted[name][k][place] for name in NAMES}
            if all(len(row) for row in rows.values()):
                points = {name: found[name][k].landmarks[rows[name][0]] for name in NAMES}
                for a, b in errors:
                    errors[a, b].append(apart(points[a], points[b]))
    return {a: {b: spread(errors[a, b]) for b in NAMES if b != a} for a in NAMES}


def stability(detectors: dict[str, Detect], pictures: Sequence[Image]) -> Figures:
    """How far a detector's landmarks move when the picture is mirrored, turned by 12 degrees, or reduced to 0.6."""
    middle = np.full(2, (TILE - 1) / 2)
    turn = about(middle, middle, 1.0, 12.0, 1.0)
    small = round(TILE * 0.6)
    factor = small / TILE
    changes: dict[str, tuple[Callable[[Image], Image], Callable[[np.ndarray], np.ndarray]]] = {
        "mirrored": (
            lambda p: np.ascontiguousarray(p[:, ::-1]),
            lambda points: (points * [-1, 1] + [TILE - 1, 0])[MIRRORED],
        ),
        "turned": (lambda p: warp(p, turn, (TILE, TILE)), lambda points: apply(turn, points)),
        "reduced": (lambda p: shrink(p, small, small), lambda points: points * factor + (factor - 1) / 2),
    }
    figures: Figures = {}
    for name, detect in detectors.items():
        plain = [_central_landmarks(detect(picture), TILE) for picture in pictures]
        figures[name] = {}
        for change, (of_picture, of_points) in changes.items():
            moved = [_central_landmarks(detect(made), len(made)) for made in map(of_picture, pictures)]
            pairs = [(of_points(a), b) for a, b in zip(plain, moved, strict=True) if a is not None and b is not None]
            figures[name][change] = spread([apart(a, b) for a, b in pairs])
    return figures


def _central_landmarks(faces: Faces, side: int) -> np.ndarray | None:
    rows = central(faces, np.full(2, side / 2), 0.2 * side, 0.15 * side, 0.8 * side)
    return faces.landmarks[rows[0]] if len(rows) else None


def run_all(detectors: dict[str, Detect], pictures: Sequence[Image]) -> dict[str, list[Faces]]:
    return {name: [detect(picture) for picture in pictures] for name, detect in detectors.items()}


def run_both(
    sure: dict[str, Detect], low: dict[str, Detect], pictures: Sequence[Image]
) -> tuple[dict[str, list[Faces]], dict[str, list[Faces]]]:
    """What the detectors find as they are used, and when they only have to confirm; MTCNN's are alike."""
    found = run_all(sure, pictures)
    others = {name: detect for name, detect in low.items() if name != "mtcnn"}
    return found, {"mtcnn": found["mtcnn"], **run_all(others, pictures)}


def on_lfw(sure: dict[str, Detect], low: dict[str, Detect], pictures: list[Image]) -> Figures:
    found, unsure = run_both(sure, low, pictures)
    middle = np.full(2, TILE / 2)
    wanted = {name: [[central(f, middle, 40, 45, 190)] for f in found[name]] for name in NAMES}
    return {
        "pictures": len(pictures),
        "found": counted(found, unsure, wanted),
        "landmarks": landmark_errors(found, wanted),
    }


def on_groups(sure: dict[str, Detect], low: dict[str, Detect], pictures: list[Image]) -> Figures:
    """Tiles of LFW in groups, by the width of the faces."""
    figures: Figures = {}
    for width, side in WIDTHS.items():
        groups = [
            grid(pictures[start : start + ACROSS**2], ACROSS, ACROSS, ACROSS * side, ACROSS * side)
            for start in range(0, len(pictures) - ACROSS**2 + 1, ACROSS**2)
        ]
        found, unsure = run_both(sure, low, groups)
        wanted = {name: [tile_rows(f, ACROSS, ACROSS, side, width) for f in found[name]] for name in NAMES}
        figures[str(width)] = {
            "groups": len(groups),
            "found": counted(found, unsure, wanted),
            "landmarks": landmark_errors(found, wanted),
        }
    return figures


def refereed(mesh: FaceMesh, sure: dict[str, Detect], pictures: Sequence[Image]) -> Figures:
    """Landmarks against the referee's, who looks where all three together point; also less each one's usual offset.

    The offset is a detector's median distance to the referee in each landmark, in the frame of the eyes: what the two
    call the tip of a nose may differ.
    """
    offsets: dict[str, list[np.ndarray]] = {name: [] for name in NAMES}
    for picture in pictures:
        points = {name: _central_landmarks(detect(picture), TILE) for name, detect in sure.items()}
        if any(point is None for point in points.values()):
            continue
        truth = mesh(picture, np.mean(list(points.values()), axis=0))
        x, y = truth[1] - truth[0]
        frame = np.array([[x, y], [-y, x]]) / (x * x + y * y)
        for name in NAMES:
            offsets[name].append((points[name] - truth) @ frame.T)
    figures: Figures = {}
    for name, found in offsets.items():
        away = np.array(found)
        usual = np.median(away, axis=0)
        figures[name] = {
            "as it is": spread(list(np.linalg.norm(away, axis=2).mean(axis=1))),
            "less the usual offset": spread(list(np.linalg.norm(away - usual, axis=2).mean(axis=1))),
        }
    return figures


def composed(crops: np.ndarray, labels: Labels, streets: list[Image], count: int) -> list[Any]:
    """Groups composed from the people of `val`."""
    settings = ComposeSettings(sizes=(12.0, 150.0), faceless=0.0, parts=0.0, noise=0.0, soft=0.1, covered=0.05)
    composer = Composer(crops, labels, streets, 2024, settings, window=320)
    return [composer() for _ in range(count)]


def on_composed(sure: dict[str, Detect], scenes: list[Any]) -> Figures:
    figures: Figures = {}
    for name, detect in sure.items():
        hits, total, false, errors = 0, 0, 0, []
        for scene in scenes:
            faces = detect(scene.picture)
            overlap = iou(scene.boxes, faces.boxes)
            best = overlap.max(axis=1, initial=0)
            hits, total = hits + int((best >= 0.35).sum()), total + len(scene.boxes)
            false += int((overlap.max(axis=0, initial=0) < 0.1).sum())
            errors += [
                apart(scene.landmarks[row], faces.landmarks[overlap[row].argmax()])
                for row in np.flatnonzero(best >= 0.35)
            ]
        figures[name] = {
            "faces": total, "found": hits, "recall": hits / total,
            "false": false, "false_per_picture": false / len(scenes), "landmarks": spread(errors),
        }  # fmt: skip
    return figures


def on_faceless(sure: dict[str, Detect], pictures: list[Image]) -> Figures:
    counts = {name: [len(detect(picture)) for picture in pictures] for name, detect in sure.items()}
    return {
        name: {"pictures": len(pictures), "false": sum(found), "false_per_picture": sum(found) / len(pictures)}
        for name, found in counts.items()
    }


def timed(detectors: dict[str, Detect], pictures: Sequence[Image], rounds: int) -> Figures:
    """Milliseconds a picture, detectors in turn, the medians of rounds, and how many times MTCNN's CPU time is that.

    CPU time hardly depends on what else the machine does; time on the clock does.
    """
    clocks = {"ms": time.perf_counter, "cpu": time.process_time}
    spent = {name: {clock: [0.0] * rounds for clock in clocks} for name in detectors}
    for detect in detectors.values():
        detect(pictures[0])
    for number in range(rounds):
        for name, detect in detectors.items():
            start = {clock: read() for clock, read in clocks.items()}
            for picture in pictures:
                detect(picture)
            for clock, read in clocks.items():
                spent[name][clock][number] = (read() - start[clock]) * 1e3 / len(pictures)
    figures: Figures = {}
    for name, times in spent.items():
        ratios = np.array(spent["mtcnn"]["cpu"]) / np.array(times["cpu"])
        medians = {clock: round(float(np.median(values)), 2) for clock, values in times.items()}
        figures[name] = medians | {"ratio": round(float(np.median(ratios)), 2)}
    return figures


def measure(
    data: Path, folder: Path, val: Path, mesh: Path | None, count: int, rounds: int, only: list[str]
) -> Figures:
    sure, low = opened(data, folder, 1), opened(data, folder, 1, low=True)
    pictures = lfw(data, count)
    streets = backgrounds.streets(data, ["test"])
    faceless = streets + backgrounds.cells(data, held_out=True)
    crops, labels = np.load(val / "crops-val.npy", mmap_mode="r"), Labels.load(val / "labels-val.npz")
    stages: dict[str, Callable[[], Figures]] = {
        "lfw": lambda: on_lfw(sure, low, pictures),
        "groups": lambda: on_groups(sure, low, pictures[:: max(len(pictures) // 640, 1)]),
        "composed": lambda: on_composed(sure, composed(crops, labels, streets, 200)),
        "faceless": lambda: on_faceless(sure, faceless),
        "stability": lambda: stability(sure, pictures[:: max(len(pictures) // 300, 1)]),
        "times": lambda: times(data, folder, pictures[:30], backgrounds.frames(data, 60), rounds),
    }
    if mesh:
        stages["referee"] = lambda: refereed(FaceMesh(mesh), sure, pictures[:: max(len(pictures) // 1000, 1)])
    figures: Figures = {}
    for name, stage in stages.items():
        if only and name not in only:
            continue
        start = time.monotonic()
        figures[name] = stage()
        print(f"{name}: {time.monotonic() - start:.0f} s", file=sys.stderr, flush=True)
    return figures


def times(data: Path, folder: Path, small: list[Image], large: list[Image], rounds: int) -> Figures:
    """Milliseconds at one and two threads, of pictures of 250x250 and of 1280x720."""
    figures: Figures = {}
    for threads in (1, 2):
        detectors = opened(data, folder, threads)
        with_small = opened(data, folder, threads, small=True)
        figures[f"250x250, threads {threads}"] = timed(with_small, small, rounds)
        figures[f"1280x720, threads {threads}"] = timed(detectors, large, rounds)
    return figures


TITLES = {
    "lfw": "Labeled Faces in the Wild, single pictures",
    "groups": "Groups of LFW's pictures, by the faces' width in pixels",
    "composed": "Composed groups of people outside the training",
    "faceless": "Pictures without faces",
    "referee": "Landmarks against MediaPipe's face mesh, mean distance in distances between the eyes",
    "stability": "Landmarks against themselves in a changed picture, in distances between the eyes",
    "times": "Milliseconds a picture",
}


def table(heads: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    lines = [heads, ["---", *["---:"] * (len(heads) - 1)], *[[str(cell) for cell in row] for row in rows]]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def percent(share: float) -> str:
    return f"{100 * share:.2f} %"


def found_rows(found: Figures, before: str = "") -> list[list[object]]:
    return [
        [
            before + name,
            percent(one["recall"]),
            f"{one['found']:,} of {one['faces']:,}",
            f"{one['false_per_picture']:.4f}",
        ]
        for name, one in found.items()
    ]


FOUND = ("detector", "recall", "found", "false finds a picture")


def section(name: str, figures: Figures) -> str:
    """One stage of the page."""
    if name == "lfw":
        return table(FOUND, found_rows(figures["found"])) + "\n\n" + landmark_table({"": figures["landmarks"]})
    if name == "groups":
        rows = [row for width, one in figures.items() for row in found_rows(one["found"], f"{width} px, ")]
        apart = {f"{width} px, ": one["landmarks"] for width, one in figures.items() if _measured(one["landmarks"])}
        return table(FOUND, rows) + "\n\n" + landmark_table(apart)
    if name == "composed":
        rows = [[*row, f"{figures[str(row[0])]['landmarks']['mean']:.4f}"] for row in found_rows(figures)]
        return table([*FOUND, "landmarks, mean"], rows)
    if name == "faceless":
        rows = [[n, one["pictures"], one["false"], f"{one['false_per_picture']:.4f}"] for n, one in figures.items()]
        return table(["detector", "pictures", "false finds", "a picture"], rows)
    if name in ("stability", "referee"):
        rows = [[n, *(f"{one[change]['mean']:.4f}" for change in one)] for n, one in figures.items()]
        return table(["detector", *figures[NAMES[0]]], rows)
    rows = [[f"{size}, {n}", *one.values()] for size, found in figures.items() for n, one in found.items()]
    return table(["picture, threads, detector", "ms on the clock", "ms of CPU", "times as fast as MTCNN, CPU"], rows)


def _measured(landmarks: Figures) -> bool:
    return all(one["faces"] for against in landmarks.values() for one in against.values())


def landmark_table(parts: Figures) -> str:
    rows = [
        [before + name, *(f"{against[other]['mean']:.4f}" if other in against else "-" for other in NAMES)]
        for before, errors in parts.items()
        for name, against in errors.items()
    ]
    return table(["landmarks of", *(f"against {name}" for name in NAMES)], rows)


def page(figures: Figures) -> str:
    intro = str(__doc__).partition("\n\n")[2].strip()
    parts = ["# Face detectors side by side", f"Made by `{figures['command']}`.", intro]
    for name, title in TITLES.items():
        parts += [f"## {title}", section(name, figures[name])] if name in figures else []
    return "\n\n".join(parts) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=str(__doc__).splitlines()[0])
    parser.add_argument("--data", type=Path, default=os.environ.get("FACEREC_DATA"), help="the folder of real pictures")
    parser.add_argument("--detector", type=Path, default=PACKAGED, help="the folder of ours (the packaged one)")
    parser.add_argument("--val", type=Path, default=Path("runs/face-detector"), help="where training kept val's crops")
    parser.add_argument("--mesh", type=Path, help="MediaPipe's face_landmark.tflite, the referee for landmarks")
    parser.add_argument("--pictures", type=int, default=0, help="how many of LFW's (all)")
    parser.add_argument("--rounds", type=int, default=7, help="how often each is timed (7)")
    parser.add_argument(
        "--only", nargs="*", default=[], choices=TITLES, help="these parts; the others stay as they are"
    )
    parser.add_argument("--out", type=Path, default=RESULTS, help="where the results go (docs/results)")
    given = parser.parse_args()
    if given.data is None:
        parser.error("name the folder of real pictures by --data or FACEREC_DATA")
    words = [f"--pictures {given.pictures}"] * bool(given.pictures) + [f"--rounds {given.rounds}"]
    words += [f"--mesh {given.mesh.name}"] * bool(given.mesh)
    digest = json.loads((given.detector / CARD).read_text())["detector_sha256"]
    kept = given.out / "face-detectors.json"
    before = json.loads(kept.read_text()) if given.only and kept.exists() else {}
    if before.get("detector", digest) != digest:
        parser.error(f"{kept} is about another detector: measure all parts")
    figures: Figures = before | {
        "command": " ".join(["scripts/bench_face_detectors", *words]),
        "cores": os.cpu_count(),
        "detector": digest,
        **measure(given.data, given.detector, given.val, given.mesh, given.pictures, given.rounds, given.only),
    }
    given.out.mkdir(parents=True, exist_ok=True)
    (given.out / "face-detectors.json").write_text(json.dumps(figures, indent=1) + "\n")
    (given.out / "face-detectors.md").write_text(page(figures))
    print(page(figures))


if __name__ == "__main__":
    main()
