"""What was found, for people and for programs: drawn, as JSON, as CSV."""

from __future__ import annotations

import csv
from collections.abc import Collection, Iterable, Sequence
from pathlib import Path
from typing import Any

from facerec import images
from facerec.errors import InvalidInput
from facerec.records import Detections, Image
from facerec.replacing import replacing

COLOURS = (
    (230, 60, 50), (50, 150, 240), (80, 190, 80), (240, 170, 40), (170, 90, 220), (40, 190, 190), (240, 110, 180),
    (150, 120, 60),
)  # fmt: skip
COLUMNS = ("file", "frame", "name", "score", "x1", "y1", "x2", "y2")


def drawn(image: Image, found: Detections, names: Sequence[str]) -> Image:
    """A copy with a frame, a name and a score for each detection; each class has its colour, the best are on top."""
    best_last = found[::-1]
    labels = [f"{names[label]} {score:.2f}" for label, score in zip(best_last.labels, best_last.scores, strict=True)]
    return images.annotate(image, best_last.boxes, labels, [COLOURS[n % len(COLOURS)] for n in best_last.labels])


def answers_of(found: Detections, names: Sequence[str]) -> list[dict[str, Any]]:
    """Each detection as plain values: class, score, box in pixels."""
    return [
        {"name": names[label], "score": round(float(score), 4), "box": [round(float(side), 1) for side in box]}
        for box, score, label in zip(found.boxes, found.scores, found.labels, strict=True)
    ]


def ready_folder(path: Path) -> None:
    """Make a folder where there is none. Raises InvalidInput where there cannot be one."""
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InvalidInput(f"{str(path)!r} cannot be a folder: {error.strerror}") from error


def place_for(out: Path, source: Path, endings: Collection[str], otherwise: str) -> Path:
    """Where the drawn form of `source` goes: `out`, with another ending behind it where its own cannot be written.

    Raises InvalidInput where that is the source itself.
    """
    place = out if out.suffix.lower() in endings else out.with_name(out.name + otherwise)
    if place.exists() and place.samefile(source):
        raise InvalidInput(f"what is drawn would be written over {str(source)!r}: choose another folder for --out")
    ready_folder(place.parent)
    return place


def table_of(rows: Iterable[tuple[str, int | None, dict[str, Any]]], path: Path) -> None:
    """Write (file, number of the frame, detection) rows as CSV. Raises InvalidInput where it cannot be written."""
    try:
        with replacing(path) as fresh, fresh.open("w", newline="", encoding="utf-8") as handle:
            writer = csv.writer(handle)
            writer.writerow(COLUMNS)
            for file, frame, each in rows:
                writer.writerow([file, "" if frame is None else frame, each["name"], each["score"], *each["box"]])
    except OSError as error:
        raise InvalidInput(f"{str(path)!r} cannot be written: {error.strerror}") from error
